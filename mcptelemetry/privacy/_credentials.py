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
from ._spellings import Layers, TooManyLayersError

__all__ = ["find_credential", "find_token", "refuse_token"]


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


def find_token(text: str) -> str | None:
    """
    Return what kind of well-known token stands in *text*, None when there is none.

    *text* is searched as it stands and with its escapes taken away, as often as can be.
    """
    layers = Layers(text)
    kind = next(filter(None, map(find_token_shape, layers)), None)
    if kind is None:
        layers.check_end()
    return kind


def refuse_token(argument: str, text: str) -> None:
    """
    Raise `ValueError` when *text*, which the author gives as *argument*, holds a well-known token.

    What is declared in code leaves with every document, so it is looked at once, where it is
    given. The error names the argument and the kind of token, never the text.
    """
    try:
        kind = find_token(text)
    except TooManyLayersError:
        kind = "hidden in escapes"
    if kind is not None:
        msg = f"{argument} holds a token ({kind}; it is not shown): what is declared here is sent, so leave it out"
        raise ValueError(msg)
