"""How a host's calls become records: by hand, by decorator, by middleware."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._late import late_names
from ._decorator import instrument_callable, tool_name_of
from ._invocation import Invocation, RecordCall

if TYPE_CHECKING:
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

if not TYPE_CHECKING:
    __getattr__ = late_names(
        globals(),
        {
            "_middleware": ("McpMiddleware",),
            "_wsgi": ("RequestRegistry", "SurfaceHost", "SurfaceMiddleware", "surface_headers"),
        },
    )
