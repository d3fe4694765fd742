"""
What a template is given: a page in parts, a part as rows of cells.

Plain values without a tag in them, but for the charts. A cell keeps the number itself beside
what is shown of it, for whoever reads the page with a machine; a stranger's name is told apart
from words of ours, so that no template can forget to isolate it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Optional, Union

from ._figures import Change

__all__ = ["Cell", "Column", "Drawing", "Grid", "Message", "Messages", "Note", "Part", "Row", "Shape", "Tile", "Tiles"]

Raw = Union[int, float, str, None]


@dataclass(frozen=True)
class Cell:
    """
    One cell: *text* of ours or a stranger's *name*, leading to *href*.

    *figure* is the report's name of the number, *value* the number itself. *share* draws a bar
    behind, *svg* a small chart instead. *counted* are numbers with their names, instead of one.
    *tone* is a class of the style.
    """

    text: str = ""
    name: Optional[str] = None
    figure: str = ""
    value: Raw = None
    href: Optional[str] = None
    share: Optional[float] = None
    svg: str = ""
    counted: Sequence[tuple[str, str]] = ()
    tone: str = ""
    note: str = ""


@dataclass(frozen=True)
class Column:
    """The head of a column; words stand to the left. What *is_fixed* is nothing to sort by; *is_name*: a stranger's."""

    title: str
    is_words: bool = False
    is_fixed: bool = False
    is_name: bool = False


@dataclass(frozen=True)
class Row:
    """A row; the first cell is its head. *key* is the raw name."""

    key: str
    cells: Sequence[Cell]
    tone: str = ""


@dataclass(frozen=True)
class Grid:
    """A table. *kind*: ``wide`` scrolls in its own region, ``bars`` is a list whose heads are only heard, ``heat`` is coloured."""

    shape: ClassVar[str] = "grid"
    columns: Sequence[Column]
    rows: Sequence[Row]
    kind: str = "wide"
    left_out: str = ""
    is_sortable: bool = False


@dataclass(frozen=True)
class Drawing:
    """A chart, and the same as a table."""

    shape: ClassVar[str] = "drawing"
    svg: str
    grid: Grid
    note: str = ""


@dataclass(frozen=True)
class Tile:
    """One number that says how it is going."""

    title: str
    text: str
    figure: str
    value: Raw
    before: Raw
    note: str
    change: Optional[Change] = None
    verdict: str = "neutral"
    href: str = ""
    definition: str = ""


@dataclass(frozen=True)
class Tiles:
    """The numbers at the top."""

    shape: ClassVar[str] = "tiles"
    tiles: Sequence[Tile]


@dataclass(frozen=True)
class Message:
    """What one person typed."""

    number: int
    app: str
    category: str
    message: str
    email: str
    context: Sequence[tuple[str, str]]
    moment: str
    stamp: str
    age: str
    is_read: bool


@dataclass(frozen=True)
class Messages:
    """Feedback, newest first."""

    shape: ClassVar[str] = "messages"
    messages: Sequence[Message]
    left_out: str = ""
    is_inbox: bool = False


@dataclass(frozen=True)
class Note:
    """Words where numbers would stand."""

    shape: ClassVar[str] = "note"
    lines: Sequence[str]


Shape = Union[Grid, Drawing, Tiles, Messages, Note]


@dataclass(frozen=True)
class Part:
    """
    A part of a page under its heading.

    *name* is its place in the page; *lead* the few words beside the title. *table* is the name
    under which CSV and JSON of it can be had: by itself the part's own, nothing where there is none.
    """

    name: str
    title: str
    body: Shape
    lead: str = ""
    definition: str = ""
    table: Optional[str] = None
    links: Sequence[tuple[str, str]] = field(default=())
    note: str = ""
