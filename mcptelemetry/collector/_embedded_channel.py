"""
One connection of the embedded server: how large and how slow its requests may be.

Waitress reads requests in its loop and hands over whole ones, so a sender that is slow keeps
a connection and no thread. It knows one limit for all paths; here each route has its own, and
a request knows since when it comes.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from time import monotonic
from typing import Any

from waitress.channel import HTTPChannel  # type: ignore[import-untyped]  # it has no types
from waitress.parser import HTTPRequestParser  # type: ignore[import-untyped]
from waitress.task import ErrorTask, WSGITask  # type: ignore[import-untyped]

from ..vocabulary import EVENTS_PATH, SHORT_EVENTS_PATH
from ._limits import SMALL_BYTES_MAX, body_bytes_max
from ._requests import Response, too_large

__all__ = ["SILENCE", "Channel"]

# Belongs to no tree and is disabled: what waitress says ends here.
SILENCE = logging.Logger("silence")  # noqa: LOG001  that is the point
SILENCE.disabled = True


_TAKEN_TOGETHER = frozenset((EVENTS_PATH, SHORT_EVENTS_PATH))


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
    complete: bool
    response_headers: list[tuple[str, str]]
    _body: Iterable[bytes] | None = None

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

    def build_response_header(self) -> bytes:
        # What the app itself says to almost every post, in a third of the time that the class above takes.
        if self._body is None or self.version != "1.1" or self.content_length is None or "CONNECTION" in self.request.headers:
            return bytes(super().build_response_header())
        ends = (f"Server: {self.channel.server.adj.ident}", f"Date: {self.channel.server.say_date()}", "\r\n")
        return "\r\n".join((f"HTTP/1.1 {self.status}", *map(": ".join, self.response_headers), *ends)).encode("latin-1")

    def begin(self) -> None:
        """Call the app, which says nothing before it is asked for the body; `service()` does."""
        self._body = self.channel.server.application(self.get_environment(), self._start_response)

    def execute(self) -> None:
        if self._body is None:
            super().execute()
            return
        for part in self._body:
            self.write(part)

    def end(self) -> None:
        """Tell the app that nobody asks for the body that was begun any more."""
        close = getattr(self._body, "close", None)
        if close is not None:
            close()

    def _start_response(self, status: str, headers: list[tuple[str, str]], _error: Any = None) -> Callable[[bytes], None]:
        self.complete = True
        self.status = status
        self.content_length = next((int(value) for name, value in headers if name == "Content-Length"), None)
        self.response_headers += headers
        return self.write


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
    error_task_class = _ErrorTask
    parser_class = Parser

    @property
    def is_at_work(self) -> bool:
        """Whether a whole request waits for its answer."""
        return bool(self.requests)

    @property
    def is_small(self) -> bool:
        """Whether the whole request that waits is a post of events that is answered together with others."""
        request: Parser = self.requests[0]
        return (
            self.server.takes_together
            and request.error is None  # with an error it may have no path
            and request.body_bytes_received <= SMALL_BYTES_MAX
            and request.path in _TAKEN_TOGETHER
        )

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
        self._begun: _AppTask | None = None
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

    def write_soon(self, data: Any) -> int:
        # What the network takes at once is put by nowhere; the rest, and what goes wrong, is the class's above.
        if self.connected and isinstance(data, bytes) and data:
            with self.outbuf_lock:
                if not self.total_outbufs_len:
                    with suppress(OSError):
                        rest = data[self.socket.send(data) :]
                        if rest:
                            super().write_soon(rest)
                        return len(data)
        return int(super().write_soon(data))

    def begin(self) -> None:
        """Have the app begin its answer to the request at hand, a small one; `service()` asks for it."""
        task = _AppTask(self, self.requests[0])
        with suppress(Exception):  # it is called again where somebody hears of it
            task.begin()
            self._begun = task

    def task_class(self, _channel: Channel, request: Parser) -> _AppTask:
        """Return the task of *request*."""
        begun, self._begun = self._begun, None
        return begun or _AppTask(self, request)

    def service(self) -> None:
        begun = self._begun
        super().service()
        if begun is not None:
            begun.end()
        self.rests_since = monotonic()
