"""
Credentials in a text: the values of this machine's own, and the shapes of well-known tokens.

What is found is named by where it came from or what it is called; the thing itself goes no
further than this file.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Union

from ..wire import find_token_shape
from ._blocked_values import BlockedValue, as_blocked_values

__all__ = ["find_credential"]


def find_credential(text: str, blocked: Iterable[Union[BlockedValue, str]]) -> BlockedValue | None:
    """
    Return the first credential in *text*, None when there is none.

    Of *blocked* only credentials are searched (values of environment variables, and plain
    strings), as they stand and JSON-escaped, never the names of the machine or the person. A
    well-known token shape is returned as a value whose label is `token:` and what it is.
    """
    for value in as_blocked_values(blocked):
        if not value.is_name and any(spelling in text for spelling in value.spellings):
            return value
    name = find_token_shape(text)
    return None if name is None else BlockedValue(f"token:{name}", name)
