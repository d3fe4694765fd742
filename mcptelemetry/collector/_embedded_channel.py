"""
One connection of the embedded server: how large and how slow its requests may be.

Waitress reads requests in its loop and hands over whole ones, so a sender that is slow keeps
a connection and no thread. It knows one limit for all paths; here each route has its own, and
a request knows since when it comes.
"""

from __future__ import annotations

import io
import logging
from time import monotonic
from typing import Any

from waitress.channel import HTTPChannel  # type: ignore[import-untyped]  # it has no types
from waitress.parser import HTTPRequestParser  # type: ignore[import-untyped]
from waitress.task import ErrorTask, WSGITask  # type: ignore[import-untyped]

from ._limits import body_bytes_max
from ._requests import Response, too_large

__all__ = ["SILENCE", "Channel"]

# Belongs to no tree and is disabled: what waitress says ends here.
SILENCE = logging.Logger("silence")  # noqa: LOG001  that is the point
SILENCE.disabled = True


class _Limits:
    """Waitress's settings with another limit for the body; it refuses what is as large, we what is larger."""

    def __init__(self, settings: Any, body_bytes: int) -> None:  # waitress's Adjustments
        self._settings = settings
        self.max_request_body_size: int = body_bytes + 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._settings, name)


class Parser(HTTPRequestParser):  # type: ignore[misc]  # no types
    """A request on its way in."""

    def __init__(self, adj: Any) -> None:
        super().__init__(adj)
        self.adj: Any = adj
        self.began_at: float = monotonic()

    @property
    def held_bytes(self) -> int:
        """How much of it is in memory."""
        return int(self.header_bytes_received + self.body_bytes_received)

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        self.adj = _Limits(self.adj, body_bytes_max(self.path))


class _AppTask(WSGITask):  # type: ignore[misc]  # no types
    logger = SILENCE
    wrote_header: bool

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ["wsgi.errors"] = io.StringIO()  # a host's stderr is not ours to fill
        return environ

    def write(self, data: bytes) -> None:
        # Head and body leave together, in one packet.
        if self.complete and not self.wrote_header and data and self.has_body and self.content_length == len(data):
            self.wrote_header = True
            self.content_bytes_written = len(data)
            self.channel.write_soon(self.build_response_header() + data)
        else:
            super().write(data)


class _ErrorTask(ErrorTask):  # type: ignore[misc]  # no types
    """What waitress refuses by itself is refused in JSON like the rest."""

    logger = SILENCE

    def execute(self) -> None:
        error = self.request.error
        response = Response(error.code, {"error": f"{error.reason}: {error.body}"})
        if error.code == 413:
            response = too_large(self.request.adj.max_request_body_size - 1).response
        body = response.encode()
        self.status = response.status_line
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):  # type: ignore[misc]  # no types
    """A connection; read by the loop's thread, written by a worker's."""

    logger = SILENCE
    task_class = _AppTask
    error_task_class = _ErrorTask
    parser_class = Parser

    @property
    def is_at_work(self) -> bool:
        """Whether a whole request waits for its answer."""
        return bool(self.requests)

    @property
    def waits_since(self) -> float:
        """Since when (monotonic) nothing whole has come: the request under way, or the connection at rest."""
        request = self.request
        return float(self.rests_since if request is None else request.began_at)

    @property
    def held_bytes(self) -> int:
        """How much of its requests is in memory."""
        requests: list[Parser] = [*self.requests, *([] if self.request is None else [self.request])]
        return sum(one.held_bytes for one in requests)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.rests_since: float = monotonic()
        super().__init__(*args, **kwargs)

    def readable(self) -> bool:
        # Asked of each connection in each turn of the loop. As the class above has it (nothing is
        # read ahead); and with as much in memory as may be, the network has to keep the rest.
        return not (
            self.requests or self.total_outbufs_len or self.will_close or self.close_when_flushed or self.server.is_full
        )

    def received(self, data: bytes) -> bool:
        self.server.note_received(len(data))
        return bool(super().received(data))

    def service(self) -> None:
        super().service()
        self.rests_since = monotonic()
