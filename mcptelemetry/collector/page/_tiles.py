"""
The few numbers at the top: how it is going, each against the period before.

Which ones stand there follows what came: an author who gets heartbeats only is not shown
latencies that nobody sends, nor an operator of events the installations that nobody counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ._answers import Answers
from ._cells import ratio_of, told
from ._figures import NOTHING, as_change, as_count, as_duration, as_points, as_share
from ._shapes import Part, Tile, Tiles

__all__ = ["view_tiles"]


def view_tiles(answers: Answers, *, has_calls: bool, has_heartbeats: bool) -> Part | None:
    """Return the tiles for what came."""
    tiles: list[Tile] = []
    if has_heartbeats:
        tiles += _installations(answers)
        if not has_calls:
            tiles += _own_tools(answers)
    if has_calls:
        tiles += _calls(answers, with_median=not has_heartbeats)
    if "feedback" in answers.names and answers.path == "/":
        tiles += _feedback(answers)
    return Part("summary", "At a glance", Tiles(tiles), table="") if tiles else None


def _installations(answers: Answers) -> Iterator[Tile]:
    now, before = answers.ask("installations"), answers.ask_before("installations")
    yield _counted(
        "Active installations", "active", now["active"], before and before["active"], f"{told(now['new'])} new, {told(now['returning'])} again",
        href="#versions", definition=answers.define("installations"),
    )  # fmt: skip


def _own_tools(answers: Answers) -> Iterator[Tile]:
    rows, earlier = answers.ask("own_tools"), answers.ask_before("own_tools")
    calls, errors = _sums(rows)
    before = None if earlier is None else _sums(earlier)
    if not calls:
        return
    definition = answers.define("own_tools")
    yield _counted(
        "Calls of own tools", "own_calls", calls, before and before[0], "as heartbeats count them", href="#own_tools", definition=definition
    )
    yield _rate("own_error_rate", (errors, calls), None if before is None else (before[1], before[0]), "#own_tools", definition)


def _sums(rows: list[dict[str, Any]]) -> tuple[int, int]:
    return sum(row["calls"] for row in rows), sum(row["errors"] for row in rows)


def _calls(answers: Answers, *, with_median: bool) -> Iterator[Tile]:
    now = answers.calls()["totals"]
    earlier = answers.calls_before()
    before = None if earlier is None else earlier["totals"]
    definition = answers.define("calls")
    yield _counted("Calls", "calls", now["calls"], before and before["calls"], "of own and upstream tools", href="#calls_over_time", definition=definition)
    past = None if before is None else (before["errors"], before["calls"])
    yield _rate("error_rate", (now["errors"], now["calls"]), past, "#error_types" if now["errors"] else "", definition)
    place = "#calls" if answers.path == "/tool" else "#tools"
    if with_median:
        yield _length("p50", "p50_ms", now, before, "half of the calls were faster", place, definition)
    yield _length("p95", "p95_ms", now, before, "19 of 20 calls were faster", place, definition)


def _feedback(answers: Answers) -> Iterator[Tile]:
    rows = answers.ask("feedback")
    messages, unread = (sum(row[name] for row in rows) for name in ("messages", "unread"))
    earlier = answers.ask_before("feedback")
    before = None if earlier is None else sum(row["messages"] for row in earlier)
    if not messages and not before:
        return
    yield Tile(
        "Feedback", f"{as_count(unread)} unread", "unread", unread, "", f"{as_count(messages)} in all, typed by people",
        href=answers.query.link("/inbox"), definition=answers.define("feedback"),
    )  # fmt: skip


def _counted(title: str, figure: str, now: Any, before: Any, note: str, *, href: str, definition: str) -> Tile:
    change = as_change(now, before) if isinstance(now, int) and isinstance(before, int) else None
    verdict = change.verdict("up") if change is not None else "neutral"
    return Tile(title, told(now), figure, now, "" if before is None else before, note, change, verdict, href, definition)


def _rate(figure: str, now: tuple[int, int], before: tuple[int, int] | None, href: str, definition: str) -> Tile:
    change = as_points(now, before)
    past = None if before is None else ratio_of(*before)
    return Tile(
        "Error rate", as_share(*now), figure, ratio_of(*now), "" if past is None else past, f"{as_count(now[0])} of {as_count(now[1])} calls",
        change, change.verdict("down"), href, definition,
    )  # fmt: skip


def _length(word: str, figure: str, now: dict[str, Any], before: dict[str, Any] | None, note: str, href: str, definition: str) -> Tile:
    past = None if before is None else before[figure]
    change = as_change(now[figure], past)
    text = NOTHING if now[figure] is None else as_duration(now[figure])
    return Tile(
        f"{word} latency", text, figure, now[figure], "" if past is None else past, note,
        change, change.verdict("down"), href, definition,
    )  # fmt: skip
