"""
The generations that no mode file names, counted inside somebody else's transaction.

A generation is named by what the mode files say, and by how often one was begun without a
word in them: a person had everything forgotten, or took back by hand what was said by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._values import read_value, write_value

if TYPE_CHECKING:
    import sqlite3

__all__ = ["count_generation", "generations_begun", "name_generation"]

_BEGUN = "generations_begun"
_DIGITS_MAX = 9


def generations_begun(connection: sqlite3.Connection) -> int:
    """Return how many were begun; what is damaged reads as none."""
    text = read_value(connection, _BEGUN) or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX else 0


def count_generation(connection: sqlite3.Connection) -> None:
    """Count one more: whatever was recorded until now is of another generation."""
    write_value(connection, _BEGUN, str(generations_begun(connection) + 1))


def name_generation(said: str, begun: int) -> str:
    """Return the name of the generation in which the mode files say *said* and *begun* others were begun."""
    return f"{said}#{begun}" if begun else said
