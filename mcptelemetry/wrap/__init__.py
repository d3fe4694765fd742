"""
The wrapper: a stdio MCP server runs unchanged behind it while its tool calls are recorded.

The conversation (what was said) knows no I/O; the session (who says it) knows no protocol,
and loads it only when the server runs. Only the command line enters here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._late import late_names
from ._double import place_mark
from ._lines import Block, LineCutter, LongLine
from ._signals import SignalRelay
from ._start import CommandNotStarted
from ._stdio import become_command, run_wrapped, take_standard_streams
from ._watch import Recording, Watch

if TYPE_CHECKING:
    from ._conversation import Conversation
    from ._ends import read_ends

__all__ = [
    "Block",
    "CommandNotStarted",
    "Conversation",
    "LineCutter",
    "LongLine",
    "Recording",
    "SignalRelay",
    "Watch",
    "become_command",
    "place_mark",
    "read_ends",
    "run_wrapped",
    "take_standard_streams",
]

if not TYPE_CHECKING:
    __getattr__ = late_names(
        globals(),
        {
            "_conversation": ("Conversation",),
            "_ends": ("read_ends",),
        },
    )
