"""How a host's calls become records: by hand, by decorator, by middleware."""

from __future__ import annotations

from ._decorator import instrument_callable, tool_name_of
from ._invocation import Invocation, RecordCall
from ._middleware import McpMiddleware

__all__ = [
    "Invocation",
    "McpMiddleware",
    "RecordCall",
    "instrument_callable",
    "tool_name_of",
]
