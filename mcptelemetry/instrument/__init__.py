"""How a host's calls become records: by hand, by decorator, by middleware."""

from __future__ import annotations

from ._decorator import instrument_callable, tool_name_of
from ._invocation import Invocation, RecordCall, record_nothing
from ._middleware import McpMiddleware

__all__ = [
    "Invocation",
    "McpMiddleware",
    "RecordCall",
    "instrument_callable",
    "record_nothing",
    "tool_name_of",
]
