"""Text as every store can hold it: engines disagree about NUL and about half characters."""

from __future__ import annotations

import re
from typing import overload

__all__ = ["storable"]

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@overload
def storable(text: str) -> str: ...


@overload
def storable(text: str | None) -> str | None: ...


def storable(text: str | None) -> str | None:
    """Return *text* with U+FFFD for each NUL and lone surrogate, which JSON can spell and no engine should meet."""
    return None if text is None else _UNSTORABLE.sub("\ufffd", text)
