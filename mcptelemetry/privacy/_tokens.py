"""
Well-known tokens in what an author declares: looked for once, where it is declared.

What is found is named by what it is called; the thing itself goes no further than this file.
"""

from __future__ import annotations

from ..wire import find_token_shape

__all__ = ["find_token", "refuse_token"]


def find_token(text: str) -> str | None:
    """
    Return what kind of well-known token stands in *text*, None when there is none.

    *text* is searched as it stands and with its escapes taken away, as often as can be.
    """
    if "\\" not in text and "%" not in text:
        return find_token_shape(text)
    from ._spellings import Layers  # most declarations have no escape, and need not pay for this

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
    except ValueError:  # escaped more often than can be taken away
        kind = "hidden in escapes"
    if kind is not None:
        msg = f"{argument} holds a token ({kind}; it is not shown): what is declared here is sent, so leave it out"
        raise ValueError(msg)
