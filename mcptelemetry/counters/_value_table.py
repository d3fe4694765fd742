"""
Names with values in a table, read as if a failing disk had written them.

A value of the wrong type, out of range or no longer text is absent; it costs nothing but
itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..vocabulary import COUNT_MAX

if TYPE_CHECKING:
    import sqlite3

__all__ = ["ValueTable"]

_MOMENT_MAX = 1e12


class ValueTable:
    """The table *name*, made of ``name`` and ``value``; every method is inside the caller's transaction."""

    def __init__(self, name: str) -> None:
        # As bytes when it is text: damaged text could not even be fetched.
        value = "CASE typeof(value) WHEN 'text' THEN CAST(value AS BLOB) ELSE value END"
        self._names = f"SELECT CAST(name AS BLOB) FROM {name}"
        self._select = f"SELECT typeof(value), {value} FROM {name} WHERE name = ?"
        self._insert = f"INSERT OR REPLACE INTO {name} (name, value) VALUES (?, ?)"
        self._delete = f"DELETE FROM {name} WHERE name = ?"
        self._delete_all = f"DELETE FROM {name}"

    def write(self, connection: sqlite3.Connection, name: str, value: str | float) -> None:
        """Remember *value* under *name*."""
        connection.execute(self._insert, (name, value))

    def erase(self, connection: sqlite3.Connection, *names: str) -> None:
        """Forget what was remembered under *names*."""
        connection.executemany(self._delete, [(name,) for name in names])

    def erase_all(self, connection: sqlite3.Connection) -> None:
        """Forget everything."""
        connection.execute(self._delete_all)

    def has(self, connection: sqlite3.Connection, name: str) -> bool:
        """Return whether anything, sound or not, is remembered under *name*."""
        return connection.execute(self._select, (name,)).fetchone() is not None

    def names(self, connection: sqlite3.Connection) -> tuple[str, ...]:
        """Return under which names anything is remembered, without those that are no longer text."""
        found = (bytes(row[0]) for row in connection.execute(self._names) if isinstance(row[0], bytes))
        return tuple(name.decode("ascii") for name in found if name.isascii())

    def moment(self, connection: sqlite3.Connection, name: str) -> float | None:
        """Return the Unix seconds under *name*, None when there are none or they cannot be right."""
        value = self._value(connection, name)
        if not isinstance(value, (int, float)) or not 0 <= value <= _MOMENT_MAX:
            return None
        return float(value)

    def number(self, connection: sqlite3.Connection, name: str) -> int:
        """Return the count under *name*, 0 when there is none or it cannot be right."""
        value = self._value(connection, name)
        return value if isinstance(value, int) and 0 <= value <= COUNT_MAX else 0

    def text(self, connection: sqlite3.Connection, name: str) -> str | None:
        """Return the text under *name*, None when there is none or it is damaged."""
        value = self._value(connection, name)
        return value if isinstance(value, str) else None

    def _value(self, connection: sqlite3.Connection, name: str) -> object:
        row = connection.execute(self._select, (name,)).fetchone()
        if row is None:
            return None
        kind, value = row
        if kind != "text":
            return value
        try:
            return bytes(value).decode("utf-8")
        except UnicodeDecodeError:
            return None
