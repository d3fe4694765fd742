"""
The real collector inside a test's own process, with faults on order.

It is the very collector that `mcptelemetry collect` runs, sqlite and all, so that what a
test sees stored is what an operator would see.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..collector import EVENTS_PATH, Filter, SqliteStore, serve
from ..system import AtomicCounter
from ..wire import TelemetryEvent
from ._sockets import Connection, SocketServer
from ._until_stopped import UntilStopped

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["InProcessCollector"]

_ANSWER_SECS = 30.0
_FEEDBACK_FIELDS = ("app", "received_at", "category", "message", "email", "context")
_FEEDBACK_MAX = 1_000_000


class InProcessCollector(UntilStopped):
    """
    A collector on a free port of this machine; a context manager.

    Every *fail_every*-th request is answered with *fail_status* and not looked at (0: none).
    After every *lose_answer_every*-th request the batch is stored and the connection closed
    without an answer (0: none). *path* is the database (default: a temporary one that is
    removed at the end), *token* the bearer token that senders must give.

    Needs waitress, as ``mcptelemetry collect`` does. Safe from any thread.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        token: str | None = None,
        fail_every: int = 0,
        fail_status: int = 503,
        lose_answer_every: int = 0,
    ) -> None:
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        if path is None:
            self._directory = tempfile.TemporaryDirectory(prefix="mcptelemetry-collector-")
            path = os.path.join(self._directory.name, "collector.db")
        self.store: SqliteStore = SqliteStore(path)
        self._faults = _Faults(fail_every, fail_status)
        self._server = serve(self.store, token=token, rate_limit=None, wrap=self._faults.wrap)
        self._relay = _LosingRelay(self._server.url, lose_answer_every) if lose_answer_every else None

    def __repr__(self) -> str:
        return f"InProcessCollector({self.url!r})"

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return self._relay.url if self._relay is not None else self._server.url

    @property
    def events_url(self) -> str:
        """The endpoint for events."""
        return self.url + EVENTS_PATH

    @property
    def request_count(self) -> int:
        """How many requests came, those that were failed included."""
        return self._faults.requests.value

    @property
    def failed_count(self) -> int:
        """How many requests were failed on purpose."""
        return self._faults.failures.value

    @property
    def lost_answer_count(self) -> int:
        """How many answers were lost on purpose."""
        return self._relay.losses.value if self._relay is not None else 0

    def fail_every(self, requests: int) -> None:
        """From now on fail every *requests*-th request, 0: none."""
        self._faults.every = requests

    def events(self) -> list[TelemetryEvent]:
        """Return every stored event in the order of time, those of a second by process and number."""
        return [TelemetryEvent.from_dict(received.document) for received in self.store.events()]

    def senders(self) -> list[tuple[str | None, str | None]]:
        """Return the application and version that each stored event came with, in the same order."""
        return [(received.app, received.version) for received in self.store.events()]

    def heartbeats(self) -> list[dict[str, Any]]:
        """Return every stored heartbeat as its document, in the order in which they were stored."""
        return list(self.store.heartbeats())

    def feedback(self) -> list[dict[str, Any]]:
        """Return every stored feedback, in the order in which they were stored."""
        entries = self.store.inbox(Filter(), most=_FEEDBACK_MAX)
        return [{name: getattr(entry, name) for name in _FEEDBACK_FIELDS} for entry in reversed(entries)]

    def stop(self) -> None:
        """Stop listening and remove what is temporary; may be called again."""
        if self._relay is not None:
            self._relay.stop()
        self._server.stop()
        if self._directory is not None:
            self._directory.cleanup()


class _Faults:
    """Counts requests and fails some; the server answers on several threads."""

    def __init__(self, every: int, status: int) -> None:
        self.every = every
        self._status = status
        self.requests = AtomicCounter()
        self.failures = AtomicCounter()

    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        def fail_some(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            number = self.requests.add_one() + 1
            if self.every and number % self.every == 0:
                self.failures.add_one()
                start_response(f"{self._status} On Order", [("Content-Length", "0")])
                return []
            return app(environ, start_response)

        return fail_some


class _LosingRelay(SocketServer):
    """Stands before the collector and keeps some of its answers to itself."""

    def __init__(self, url: str, every: int) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 0)
        self.every = every
        self._answers = AtomicCounter()
        self.losses = AtomicCounter()
        super().__init__(self._relay)

    def _relay(self, connection: Connection) -> None:
        while True:
            request = connection.read_request()
            if request is None:
                return
            lines = [f"{request.method} {request.path} HTTP/1.1"]
            lines += [f"{name}: {value}" for name, value in request.headers.items() if name != "connection"]
            head = "\r\n".join([*lines, "connection: close", "", ""]).encode("latin-1")
            with socket.create_connection(self._address, timeout=_ANSWER_SECS) as upstream:
                upstream.sendall(head + request.body)
                answer = b"".join(iter(lambda: upstream.recv(65_536), b""))
            if (self._answers.add_one() + 1) % self.every == 0:
                self.losses.add_one()
                return
            connection.send(answer)
            return  # the collector's answer says that the connection ends here
