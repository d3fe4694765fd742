"""
The socket that a collector's own server listens on.

It is ours and not the server's, so that what goes wrong with host and port is said in our words,
before a thread exists, and so that several processes can share it.
"""

from __future__ import annotations

import os
import socket

from ..errors import TelemetryError
from ..vocabulary import PORT_MAX

__all__ = ["Listener"]

_BACKLOG = 512


class Listener:
    """
    A socket that listens on *host* and *port*, before anybody answers: `url`, `host`, `port` and `socket`.

    Raises `TelemetryError` when the address cannot be had, `TypeError` or `ValueError` when it is none.
    """

    def __init__(self, host: str, port: int) -> None:
        self.socket: socket.socket = _listen(host, port)
        name: tuple[str, int] = self.socket.getsockname()[:2]
        shown, port_taken = name
        self.host: str = host
        self.port: int = port_taken
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
