"""
The collector with a server of its own, for one machine: `mcptelemetry collect` and tests.

The server is waitress, a well-kept WSGI server, and an extra of this package: who runs the
app under another server does not need it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Union

from ..errors import TelemetryError
from ..system import Clock, install_hint
from ._app import RATE_LIMIT_PER_SECOND, answering_late, create_app, end_app
from ._guards import Tokens
from ._listener import Listener
from .stores import Store

if TYPE_CHECKING:
    from types import TracebackType

    from _typeshed.wsgi import WSGIApplication

__all__ = ["Server", "serve"]


def serve(
    store: Store,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    token: Tokens = None,
    report_token: str | None = None,
    rate_limit: float | None = RATE_LIMIT_PER_SECOND,
    clock: Union[Clock, Callable[[], float], None] = None,
    wrap: Callable[[WSGIApplication], WSGIApplication] | None = None,
) -> Server:
    """
    Serve the collector on *host* and *port* (0 takes a free one) until `Server.stop()`.

    Args:
        store: where what arrives is kept.
        host: the address to listen on; ``0.0.0.0`` for all of this machine's.
        port: 1 to 65535, or 0 for a free one, which `Server.port` tells.
        token: as in `create_app`.
        report_token: as in `create_app`.
        rate_limit: as in `create_app`.
        clock: as in `create_app`.
        wrap: is given the app and returns the one that is served: a place for middleware, such
            as one that fails every third request to see what a client does.

    Raises:
        TelemetryError: when the address cannot be had, or waitress is not installed.
        TypeError, ValueError: for an argument that cannot be used.
    """
    app = create_app(store, token=token, report_token=report_token, rate_limit=rate_limit, clock=clock)
    server = Server(app if wrap is None else wrap(app), Listener(host, port))
    server._app = app
    return server


class Server:
    """
    A running server: `url` (no slash at its end) and `stop()`; also a context manager.

    Its threads are daemons. `stop()` may be called from any thread, any number of times.
    """

    def __init__(self, app: WSGIApplication, listener: Listener) -> None:
        try:
            from ._embedded import EmbeddedServer  # waitress is an extra
        except ImportError as error:
            listener.socket.close()
            msg = (
                "the collector's own server needs waitress, which is not installed; "
                f"{install_hint('waitress')}"
            )
            raise TelemetryError(msg) from error
        self.host: str = listener.host
        self.port: int = listener.port
        self.url: str = listener.url
        self._app = app
        self._process = os.getpid()
        late = answering_late(app)  # with middleware around it there is none: that may look for a status sooner
        self._server = EmbeddedServer(late or app, listener.socket, takes_together=late is not None)

    def __repr__(self) -> str:
        return f"Server({self.url!r})"

    def stop(self, timeout: float = 5.0) -> None:
        """
        Take no more connections, let the requests under way finish, and end the threads.

        Waits at most *timeout* seconds for a request that takes longer.
        """
        self._server.stop(timeout)
        if self._process == os.getpid():  # in a forked child all of this is its parent's
            end_app(self._app)

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
