"""
An HTTP server that answers from a script, over real sockets.

For seeing what a client makes of a status, a header or a body: the client's own sockets,
and all that lies between them, take part.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable, Optional, Union

from ._sockets import Connection, ReceivedRequest, SocketServer

__all__ = ["Reply", "ScriptedServer"]

Reply = Union[
    int,
    tuple[int, bytes],
    tuple[int, bytes, Mapping[str, str]],
    Callable[[ReceivedRequest], Optional[int]],
]
"""
One line of a server's script: a status, with a body, with headers too; or a function of the
request that returns a status, or None for closing the connection without an answer.
"""


class ScriptedServer(SocketServer):
    """
    Answers each request with the next of *replies*, then with *otherwise*; keeps alive.

    For example ``ScriptedServer(500, (429, b"", {"Retry-After": "7"}))`` fails twice and
    then accepts everything.
    """

    def __init__(self, *replies: Reply, otherwise: Reply = 202) -> None:
        self._replies = list(replies)  # guarded by _lock
        self._otherwise = otherwise
        super().__init__(self._serve_script)

    def _serve_script(self, connection: Connection) -> None:
        while True:
            request = connection.read_request()
            if request is None:
                return
            with self._lock:
                reply = self._replies.pop(0) if self._replies else self._otherwise
            if callable(reply):
                status = reply(request)
                if status is None:
                    return
                connection.answer(status)
            elif isinstance(reply, int):
                connection.answer(reply)
            else:
                connection.answer(*reply)
