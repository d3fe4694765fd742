"""How a host's calls become records: by hand, by decorator, by middleware."""

from __future__ import annotations

from ._decorator import instrument_callable, tool_name_of
from ._invocation import Invocation, RecordCall
from ._middleware import McpMiddleware
from ._wsgi import RequestRegistry, SurfaceHost, SurfaceMiddleware, surface_headers

__all__ = [
    "Invocation",
    "McpMiddleware",
    "RecordCall",
    "RequestRegistry",
    "SurfaceHost",
    "SurfaceMiddleware",
    "instrument_callable",
    "surface_headers",
    "tool_name_of",
]
