"""
The names of MCP clients: strangers' text until it has passed here.

A client says its own name. Well-known spellings of one client become one word by a closed
table; of the rest only what looks like a product's short name is kept.
"""

from __future__ import annotations

import re

from ..vocabulary import CLIENT_NAME_PATTERN
from ..wire import CLIENT_SPELLINGS, UNKNOWN_CLIENT

__all__ = ["UNKNOWN_CLIENT", "sanitize_client_name"]

_NAME = re.compile(CLIENT_NAME_PATTERN)
_LONGEST = 256  # beyond this it is no name, and not worth the work of lowering its case

_NAME_OF_SPELLING = {spelling: name for name, spellings in CLIENT_SPELLINGS.items() for spelling in spellings}
_SEPARATORS = re.compile(r"[\s_-]+")


def sanitize_client_name(raw: object) -> str:
    """
    Return the name under which the client *raw* is kept.

    A well-known client has one name, however it spells itself: ``Visual Studio Code`` is
    ``vscode``. Any other is trimmed and lower-cased, and must then be 1 to 64 letters,
    digits, dots, hyphens and underscores, begin with a letter or digit and hold no ``..``;
    else it is ``unknown``.
    """
    if not isinstance(raw, str) or len(raw) > _LONGEST:
        return UNKNOWN_CLIENT
    name = raw.strip().lower()
    known = _NAME_OF_SPELLING.get(_SEPARATORS.sub(" ", name))
    if known is not None:
        return known
    return name if _NAME.fullmatch(name) is not None and ".." not in name else UNKNOWN_CLIENT
