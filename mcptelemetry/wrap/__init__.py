"""
The wrapper: a stdio MCP server runs unchanged behind it while its tool calls are recorded.

The conversation (what was said) knows no I/O; the stdio half (who says it) knows no
protocol. Only the command line enters here.
"""

from __future__ import annotations

from ._conversation import Conversation
from ._lines import LINE_LIMIT_BYTES, LineCutter
from ._outline import Outline
from ._pump import CAN_POLL, Pump
from ._signals import SignalRelay
from ._stdio import CommandNotStarted, run_wrapped, take_standard_streams

__all__ = [
    "CAN_POLL",
    "LINE_LIMIT_BYTES",
    "CommandNotStarted",
    "Conversation",
    "LineCutter",
    "Outline",
    "Pump",
    "SignalRelay",
    "run_wrapped",
    "take_standard_streams",
]
