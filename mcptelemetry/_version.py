"""
The version, in a module that imports nothing.

The packaging metadata is made from this; the package itself never asks the installed
metadata, so that a vendored copy knows its version too.
"""

from __future__ import annotations

__all__ = ["VERSION"]

VERSION = "0.1.0"
