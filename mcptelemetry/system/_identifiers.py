"""
Random identifiers, drawn without the standard library's `uuid`.

That module loads `platform`, and with it, on older interpreters, `subprocess`: too much for
thirty-two digits.
"""

from __future__ import annotations

import os
import re

from ..vocabulary import UUID_PATTERN

__all__ = ["draw_uuid4", "is_uuid"]

_UUID = re.compile(UUID_PATTERN)
_VERSION_BITS = 0x4 << 76
_VARIANT_BITS = 0x2 << 62


def draw_uuid4() -> str:
    """Return a random UUID (version 4) in its usual form, lower-case."""
    number = int.from_bytes(os.urandom(16), "big")
    number = number & ~(0xF << 76) | _VERSION_BITS
    number = number & ~(0x3 << 62) | _VARIANT_BITS
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def is_uuid(text: object) -> bool:
    """Return whether *text* is a UUID in its usual form, lower-case."""
    return isinstance(text, str) and _UUID.fullmatch(text) is not None
