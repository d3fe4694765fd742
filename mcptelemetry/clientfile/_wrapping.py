"""
`wrap` put before a server's command in the text of a client's configuration, and taken out.

The command moves into the arguments as it is spelt, and whatever stands round it stays, so
that what was put in can be taken out again to the byte. An entry without arguments gets
them in a spelling of their own: a blank behind the bracket, which nothing else is given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from ._servers import Server
from ._text import Value

__all__ = ["unwrap_server", "wrap_server"]

_BLANK = re.compile(r"[ \t\r\n]*")
_NEW_ARGUMENTS = ', "args": '
_MARK = " "  # behind the bracket of arguments that were not there


def wrap_server(text: str, server: Server, words: Sequence[str]) -> str:
    """Return *text* with *words*, a program and its arguments, before the command of *server*, which is not wrapped."""
    command, arguments = server.command, server.arguments
    assert command is not None  # there is no obstacle
    program, *own = (json.dumps(word, ensure_ascii=False) for word in words)
    moved = ", ".join([*own, text[command.start : command.end]])
    edits = [(command.start, command.end, program)]
    if arguments is None:
        edits.append((command.end, command.end, f"{_NEW_ARGUMENTS}[{_MARK}{moved}]"))
    elif arguments.items:
        first = arguments.items[0].start
        edits.append((first, first, f"{moved}, "))
    else:
        edits.append((arguments.start + 1, arguments.start + 1, moved))
    return _edit(text, edits)


def unwrap_server(text: str, server: Server) -> str:
    """Return *text* without `wrap` before the command of *server*, which is wrapped."""
    command, arguments = server.command, server.arguments
    assert command is not None  # it is wrapped
    assert arguments is not None
    moved = arguments.items[server.own_words]
    edits = [(command.start, command.end, text[moved.start : moved.end])]
    if _were_added(text, command, arguments, server.own_words):
        edits.append((command.end, arguments.end, ""))
    else:
        edits.append((arguments.items[0].start, _end_of_own(text, arguments, server.own_words), ""))
    return _edit(text, edits)


def _were_added(text: str, command: Value, arguments: Value, own_words: int) -> bool:
    """Return whether these arguments are spelt as we spell them for an entry that had none."""
    return (
        len(arguments.items) == own_words + 1
        and text[command.end : arguments.start] == _NEW_ARGUMENTS
        and text[arguments.start + 1 : arguments.items[0].start] == _MARK
        and text[arguments.items[-1].end : arguments.end] == "]"
    )


def _end_of_own(text: str, arguments: Value, own_words: int) -> int:
    """Return where the server's own arguments begin: behind the command that moved, and its comma."""
    end = arguments.items[own_words].end
    comma = _skip_blank(text, end)
    if text[comma : comma + 1] != ",":
        return end
    return _skip_blank(text, comma + 1) if len(arguments.items) > own_words + 1 else comma + 1


def _skip_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _edit(text: str, edits: Sequence[tuple[int, int, str]]) -> str:
    """Return *text* with each of *edits*, which do not overlap, in place of what stood from its start to its end."""
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text
