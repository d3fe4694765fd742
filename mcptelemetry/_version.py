"""
The version and its year, in a module that imports nothing.

The packaging metadata is made from this; the package itself never asks the installed
metadata, so that a vendored copy knows its version too.
"""

from __future__ import annotations

__all__ = ["RELEASED_AT", "VERSION"]

VERSION = "0.1.0"

RELEASED_AT = 1_767_225_600.0
"""The beginning of the year (UTC, Unix seconds) in which this release was made: a clock that shows less is wrong."""
