"""
Elements of SVG and HTML as strings: everything that comes from outside is escaped here and nowhere else.

There is no way to give an element a style or a script, so that the page's policy can forbid both.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Union

from ...system import printable

__all__ = ["Attribute", "as_number", "element", "shorten", "text_width_px", "written"]

ELLIPSIS = "\u2026"
BLANK = "(blank)"
"""Stands for a name in which nothing is to be seen."""

# What almost all of our own figures are made of, which needs neither an escape nor a second look:
# a picture has thousands of them.
_PLAIN = re.compile("[ !#-%(-;=?-~\n\u00a0\u202f\u2013\u2212]*")

Attribute = Union[str, float, None]

# How wide a character is, in parts of the size of its letters; on the safe side of the common faces.
_NARROW, _COMMON, _BROAD, _SQUARE = 0.4, 0.64, 1.0, 1.1
_NARROW_CHARACTERS = frozenset("ijlt.,:;|!'` \u202f\u00a0()[]/-")
_BROAD_CHARACTERS = frozenset("mwMWQG@%&\u2026")


def element(name: str, *content: str, **attributes: Attribute) -> str:
    """
    Return an element of *content*, which is markup already; attributes are escaped, and left out when None.

    An underscore in an attribute's name stands for a hyphen, and one at its end for nothing.
    """
    words = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{written(value) if isinstance(value, str) else as_number(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(content)
    return (
        f"<{name}{words}>{inner}</{name}>"
        if inner or name in ("svg", "g", "p", "ul")
        else f"<{name}{words}/>"
    )


def written(text: str) -> str:
    """Return *text* as markup: nothing in it is a tag, and nothing in it but blanks cannot be seen."""
    if _PLAIN.fullmatch(text):
        return text
    return html.escape(printable(text, keep="\n\u202f\u00a0"))


def as_number(number: float) -> str:
    """Return *number* as SVG reads it, to a hundredth."""
    text = f"{number:.2f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def shorten(text: str, most: int) -> str:
    """Return *text*, made visible, of at most *most* characters."""
    seen = printable(text) if text.strip() else BLANK
    return seen if len(seen) <= most else seen[: most - 1] + ELLIPSIS


def text_width_px(text: str, size_px: float) -> float:
    """Return about how wide *text* is in letters of *size_px*, rather too much than too little."""
    return sum(_width_of(character) for character in text) * size_px


def _width_of(character: str) -> float:
    if character in _NARROW_CHARACTERS:
        return _NARROW
    if character in _BROAD_CHARACTERS:
        return _BROAD
    if character.isascii():
        return _COMMON
    return _SQUARE if unicodedata.east_asian_width(character) in "WFA" else _BROAD
