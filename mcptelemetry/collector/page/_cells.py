"""
Cells and lists of cells: how a number, a share, a length of time and a name stand in a table.

A number may come as words ("fewer than 5"): then it is shown as it is, draws no bar and makes no
share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Optional

from ._figures import NOTHING, as_count, as_duration, as_share
from ._shapes import Cell, Column, Grid, Row

__all__ = ["Named", "count", "error_cell", "latency", "list_names", "ratio_of", "share", "told", "who"]

LIST_MAX = 12
"""A list beside others ends after so many names; its table has them all."""


class Named(NamedTuple):
    """A line of a list: a name, its number, where it leads, and another number after it; *is_within* the line above it."""

    name: str
    number: Any
    href: Optional[str] = None
    beside: Optional[Cell] = None
    label: str = ""
    is_within: bool = False


def told(number: Any) -> str:
    """Return *number*, or the words that stand for it."""
    return number if isinstance(number, str) else as_count(number)


def ratio_of(part: Any, whole: Any) -> float | None:
    """Return how much *part* is of *whole*; None where either is not told."""
    if not isinstance(part, int) or not isinstance(whole, int) or not whole:
        return None
    return part / whole


def count(figure: str, number: Any) -> Cell:
    """Return a cell with a count."""
    return Cell(told(number), figure=figure, value=number)


def share(figure: str, part: Any, whole: Any) -> Cell:
    """Return a cell with a share."""
    ratio = ratio_of(part, whole)
    text = NOTHING if ratio is None else as_share(part, whole)
    return Cell(text, figure=figure, value=ratio, tone="soft")


def error_cell(errors: Any, calls: Any, typical: float | None = None, note: str = "") -> Cell:
    """Return a cell with an error rate; it is marked where it is more than twice the *typical* one."""
    ratio = ratio_of(errors, calls)
    is_bad = ratio is not None and typical is not None and ratio > 2 * typical and errors >= 5
    text = NOTHING if ratio is None else as_share(errors, calls)
    return Cell(text, figure="error_rate", value=ratio, tone="worse" if is_bad else "", note=note)


def latency(figure: str, length_ms: int | None) -> Cell:
    """Return a cell with a length of time."""
    return Cell(as_duration(length_ms), figure=figure, value=length_ms)


def who(name: str, href: str | None = None, ratio: float | None = None) -> Cell:
    """Return a cell with a stranger's name, a bar as long as *ratio* behind it."""
    return Cell(name=name, href=href, share=ratio)


def list_names(
    heading: Sequence[str], figure: str, lines: Iterable[Named], *, whole: Any = None, words: Mapping[str, str] | None = None
) -> Grid:
    """
    Return a list of names with bars: length is the number, the longest is the first.

    With *whole*, each has its share of it; *words* are ours for closed names. *heading* is heard only.
    """
    lines = list(lines)
    most = max((line.number for line in lines if isinstance(line.number, int)), default=0)
    rows = []
    for line in lines[:LIST_MAX]:
        label = line.label or (words or {}).get(line.name, "")
        ratio = ratio_of(line.number, most) or 0.0
        head = Cell(label, href=line.href, share=ratio) if label else who(line.name, line.href, ratio)
        cells = [head, count(figure, line.number)]
        if whole is not None:
            cells.append(share(f"{figure}_share", line.number, whole))
        if line.beside is not None:
            cells.append(line.beside)
        rows.append(Row(line.name, cells, "within" if line.is_within else ""))
    columns = [Column(title, is_words=not number) for number, title in enumerate(heading)]
    left_out = f"{told(len(lines) - LIST_MAX)} more are in the table" if len(lines) > LIST_MAX else ""
    return Grid(columns, rows, "bars", left_out)
