"""
The collector with a server of its own, for one machine: `mcptelemetry collect` and tests.

The server is waitress, a well-kept WSGI server, and an extra of this package: who runs the
app under another server does not need it. The socket is ours, so that what goes wrong with
host and port is said in our words, and before a thread exists.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Union

from ..errors import TelemetryError
from ..system import Clock, install_hint
from ..vocabulary import PORT_MAX
from ._app import RATE_LIMIT_PER_SECOND, create_app
from ._guards import Tokens
from .stores import Store

if TYPE_CHECKING:
    from types import TracebackType

    from _typeshed.wsgi import WSGIApplication

__all__ = ["Listener", "Server", "serve"]

_BACKLOG = 512


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
    return Server(app if wrap is None else wrap(app), Listener(host, port))


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
        self._server = EmbeddedServer(app, listener.socket)

    def __repr__(self) -> str:
        return f"Server({self.url!r})"

    def stop(self, timeout: float = 5.0) -> None:
        """
        Take no more connections, let the requests under way finish, and end the threads.

        Waits at most *timeout* seconds for a request that takes longer.
        """
        self._server.stop(timeout)

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


class Listener:
    """
    A socket that listens on *host* and *port*, before anybody answers: `url`, `host`, `port` and `socket`.

    Raises `TelemetryError` when the address cannot be had, `TypeError` or `ValueError` when it is none.
    """

    def __init__(self, host: str, port: int) -> None:
        self.socket: socket.socket = _listen(host, port)
        shown, self.port = self.socket.getsockname()[:2]
        self.host: str = host
        self.url: str = f"http://{f'[{shown}]' if ':' in shown else shown}:{self.port}"


def _listen(host: object, port: object) -> socket.socket:
    """Return a listening socket, or raise an error that names the argument."""
    if not isinstance(host, str):
        msg = f"host must be a str such as '127.0.0.1', not {type(host).__name__}"
        raise TypeError(msg)
    if not host:
        msg = "host='' is not usable: give an address such as '127.0.0.1', or '0.0.0.0' for all"
        raise ValueError(msg)
    if isinstance(port, bool) or not isinstance(port, int):
        msg = f"port must be an int, not {type(port).__name__}"
        raise TypeError(msg)
    if not 0 <= port <= PORT_MAX:
        msg = f"port={port} is not usable: give 1 to {PORT_MAX}, or 0 for a free one"
        raise ValueError(msg)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":
                # A port whose last connections still linger may be taken again; elsewhere the
                # option would let two servers share one.
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        msg = f"cannot listen on {host} port {port}: {reason}; choose another host or port"
        raise TelemetryError(msg) from error
    return listener
