"""
One look at the sqlite file: what several of its questions need is gathered once.

A page asks some forty questions about the same few periods. Each sees the file as it is when it is
asked, but for what was gathered for one before it: that is kept, in tables of the look's own
connection, until the look is over or old documents are taken out. No look knows anything of another one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar, cast

from ._sqlite_file import SqliteFile
from ._sqlite_locks import at_once

__all__ = ["PRUNES", "Look"]

PRUNES = "SELECT last FROM numbers WHERE name = 'prune'"
"""How often documents were taken out."""

_Gathered = TypeVar("_Gathered")

# What is gathered of a large store lies in sqlite's temporary file, not in memory.
_CACHE_KIB = 8192


class Look:
    """
    A connection that is opened with the first question, and what was gathered on it.

    Used by one thread at a time; closed by whoever has it.
    """

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._open = ExitStack()
        self._connection: sqlite3.Connection | None = None
        self._known: dict[tuple[object, ...], Any] = {}
        self._table_count = 0
        self._prunes = -1

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection of the question that is being asked."""
        assert self._connection is not None
        return self._connection

    @contextmanager
    def asking(self, *, is_at_once: bool = False) -> Iterator[Look]:
        """Have a question asked: with *is_at_once* all that it reads is of one moment. Whatever goes wrong is a `StoreError`."""
        if self._connection is None:
            self._connection = self._open.enter_context(self._file.reading())
            self._connection.execute(f"PRAGMA temp.cache_size = -{_CACHE_KIB}")
        try:
            with self._file.explaining("read"), ExitStack() as moment:
                moment.enter_context(at_once(self._connection))
                self._forget_what_is_gone(self._connection)
                if not is_at_once:
                    moment.close()
                yield self
        except BaseException:
            # What is half gathered is no use to the next question.
            self.close()
            raise

    def _forget_what_is_gone(self, connection: sqlite3.Connection) -> None:
        """Forget what was gathered when documents were taken out since: a number may be another's now."""
        (prunes,) = connection.execute(PRUNES).fetchone()
        if prunes != self._prunes:
            self._known.clear()
            self._prunes = prunes

    def once(self, key: tuple[object, ...], gather: Callable[[], _Gathered]) -> _Gathered:
        """Return what *gather* returns, which is called once a look for *key*."""
        if key not in self._known:
            self._known[key] = gather()
        return cast("_Gathered", self._known[key])

    def new_table(self, columns: str, *, is_ordered: bool = False) -> str:
        """Return the name of a new table of this look; with *is_ordered* its key is all that there is of it."""
        self._table_count += 1
        name = f"temp.gathered_{self._table_count}"
        self.connection.execute(f"CREATE TABLE {name} ({columns}){' WITHOUT ROWID' if is_ordered else ''}")
        return name

    def close(self) -> None:
        """Let go of everything; there may be a next question all the same."""
        self._connection = None
        self._known.clear()
        self._open.close()
