"""
Switches that were not written as they are called.

Whoever writes `Enabled = false` or `disabled = true` has said no, and one warning in a log
is no answer to that. So a name that nearly is a switch, or that people use for one, reads
as off whatever its value, and `status` says which it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

__all__ = ["Misspelling", "find_misspellings", "is_misspelt"]

_EDITS_MAX = 2
_SWITCHES = ("enabled", "mode")
_OTHER_WORDS = frozenset(
    {
        "disabled",
        "disable",
        "optout",
        "optedout",
        "optin",
        "donottrack",
        "dnt",
        "off",
        "notelemetry",
        "telemetryenabled",
        "enabletelemetry",
        "telemetrydisabled",
        "disabletelemetry",
        "sendtelemetry",
    }
)
"""The published list of other words for a switch, without case, ``-`` and ``_``."""

_EVENTS_TABLES = ("proxy", "events")
_OWN_TABLES = ("telemetry", "heartbeat")
# Inside these nothing is a switch, or everything is the author's.
_OTHER_TABLES = frozenset({"network", "proxy.routing", "proxy.telemetry.headers"})


class Misspelling(NamedTuple):
    """
    A key or table that reads as off: where it stands, and whom it silences.

    *is_of_telemetry* the heartbeat and the author's events, *is_of_events* all events.
    """

    place: str
    is_of_telemetry: bool
    is_of_events: bool


def is_misspelt(name: str, *switches: str) -> bool:
    """Return whether *name*, which is not known, is nearly one of *switches* or another word for one."""
    plain = _plain(name)
    return plain in _OTHER_WORDS or any(_is_near(plain, _plain(switch)) for switch in switches)


def find_misspellings(tables: Mapping[str, Any], known: Mapping[str, tuple[str, ...]]) -> Iterator[Misspelling]:
    """Yield the misspelt switches in *tables*; *known* are the names that each table may hold."""
    yield from _find(tables, known, ())


def _find(table: Mapping[str, Any], known: Mapping[str, tuple[str, ...]], path: tuple[str, ...]) -> Iterator[Misspelling]:
    heading = ".".join(path)
    for name, value in table.items():
        inner = (*path, name)
        is_known = name in known.get(heading, ())
        if isinstance(value, dict) and (is_known or _is_home_of_switches(name)):
            if not is_known and _is_near(_plain(name), "telemetry"):
                yield _misspelling(inner)  # a whole table that was meant to be another
            elif ".".join(inner) not in _OTHER_TABLES:
                yield from _find(value, known, inner)
        elif not is_known and is_misspelt(name, *_SWITCHES, *(() if path else _OWN_TABLES)):
            yield _misspelling(inner)


def _is_home_of_switches(name: str) -> bool:
    return any(_is_near(_plain(name), home) for home in (*_OWN_TABLES, *_EVENTS_TABLES))


def _misspelling(path: tuple[str, ...]) -> Misspelling:
    *tables, name = path
    place = f"[{'.'.join(tables)}] {name[:60]!r}" if tables else f"{name[:60]!r}"
    is_table = _is_near(_plain(name), "telemetry")
    # At the top nobody can tell whom it was to silence: all of them.
    is_anybodys = not tables and not is_table
    is_of_events = any(_is_near(_plain(table), home) for table in tables for home in _EVENTS_TABLES)
    return Misspelling(place, not is_of_events, is_of_events or is_anybodys)


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")


def _is_near(name: str, wanted: str) -> bool:
    """Return whether at most two letters were added, left out or exchanged."""
    if abs(len(name) - len(wanted)) > _EDITS_MAX:
        return False
    row = list(range(len(wanted) + 1))
    for number, letter in enumerate(name, 1):
        above, row = row, [number]
        for column, other in enumerate(wanted, 1):
            row.append(min(above[column] + 1, row[-1] + 1, above[column - 1] + (letter != other)))
        if min(row) > _EDITS_MAX:
            return False
    return row[-1] <= _EDITS_MAX
