"""How a host's calls become records: by hand, by decorator, by middleware, a whole server at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._late import late_names
from ._calls import Calls, Recording
from ._decorator import instrument_callable, tool_name_of
from ._invocation import Invocation, RecordCall

if TYPE_CHECKING:
    from ._middleware import McpMiddleware, ObservingMiddleware
    from ._observer import Observer
    from ._servers import instrument_server
    from ._wsgi import RequestRegistry, SurfaceHost, SurfaceMiddleware, surface_headers

__all__ = [
    "Calls",
    "Invocation",
    "McpMiddleware",
    "Observer",
    "ObservingMiddleware",
    "RecordCall",
    "Recording",
    "RequestRegistry",
    "SurfaceHost",
    "SurfaceMiddleware",
    "instrument_callable",
    "instrument_server",
    "surface_headers",
    "tool_name_of",
]

if not TYPE_CHECKING:
    __getattr__ = late_names(
        globals(),
        {
            "_middleware": ("McpMiddleware", "ObservingMiddleware"),
            "_observer": ("Observer",),
            "_servers": ("instrument_server",),
            "_wsgi": ("RequestRegistry", "SurfaceHost", "SurfaceMiddleware", "surface_headers"),
        },
    )
