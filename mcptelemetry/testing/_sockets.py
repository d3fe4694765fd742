"""
A small server on real sockets, for everything that a well-made server would not do.

Each connection has a thread that runs one handler; the handler reads and writes bytes as
it likes. What must be the same everywhere is here: that the server counts and remembers,
and that it ends.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ..vocabulary import EVENTS_PATH
from ._until_stopped import UntilStopped

__all__ = ["Connection", "ReceivedRequest", "SocketServer"]

_GIVE_UP_SECS = 30.0  # a test that forgot its client must end all the same
_HEAD_MAX_BYTES = 256 * 1024


class ReceivedRequest(NamedTuple):
    """One request as it came: *headers* have lower-case names; *body* is not decompressed."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """
    One accepted connection, seen from the server.

    Used by the one thread that handles it. Reading and writing raise `OSError` when the
    client is gone or the server is stopped.
    """

    def __init__(self, sock: socket.socket, server: SocketServer, number: int) -> None:
        self.sock = sock
        self.number = number
        """How many connections this server had before this one."""
        self._server = server
        self._unread = b""

    def read_request(self) -> ReceivedRequest | None:
        """
        Return the next whole request and have the server remember it; None when no more comes.

        Serves clients that send a ``Content-Length``; `ValueError` for what is no request.
        """
        while b"\r\n\r\n" not in self._unread:
            if len(self._unread) > _HEAD_MAX_BYTES:
                msg = "the head of the request is too long"
                raise ValueError(msg)
            if not self._read_more():
                return None
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _version = first.split(" ", 2)
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        while len(self._unread) < length:
            if not self._read_more():
                return None
        body, self._unread = self._unread[:length], self._unread[length:]
        request = ReceivedRequest(method, path, headers, body)
        self._server.remember(request)
        return request

    def send(self, data: bytes) -> None:
        """Write all of *data*."""
        self.sock.sendall(data)

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """Write a well-formed answer; its length is given, and the connection stays open."""
        lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def pause(self, secs: float) -> bool:
        """Wait *secs* seconds; return at once, and False, when the server is stopped."""
        return not self._server.is_stopped.wait(secs)

    def hold(self) -> None:
        """Keep the connection open, and silent, until the client goes or the server is stopped."""
        with contextlib.suppress(OSError):
            while self._read_more():
                self._unread = b""

    def reset(self) -> None:
        """End the connection the hard way: the client sees a reset, not an end."""
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def _read_more(self) -> bool:
        part = self.sock.recv(65_536)
        self._unread += part
        return bool(part)


class SocketServer(UntilStopped):
    """
    Listens on a free port of 127.0.0.1 until `stop()`, one thread a connection.

    *handle* is called with each `Connection`, which is closed when it returns; an `OSError`
    or `ValueError` out of it ends the connection and nothing else. *requests* holds every
    request that a handler read, *connection_count* how many connections were accepted. Also
    a context manager. Safe from any thread.
    """

    def __init__(self, handle: Callable[[Connection], None]) -> None:
        self._handle = handle
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}  # guarded by _lock
        self.requests: list[ReceivedRequest] = []  # guarded by _lock
        self.connection_count: int = 0  # guarded by _lock
        self.is_stopped: threading.Event = threading.Event()
        self._arrival = threading.Condition(self._lock)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.url: str = f"http://127.0.0.1:{self.port}"
        self._acceptor = threading.Thread(target=self._accept, name="testing-acceptor", daemon=True)
        self._acceptor.start()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    @property
    def events_url(self) -> str:
        """An endpoint for events on this server."""
        return f"{self.url}{EVENTS_PATH}"

    def remember(self, request: ReceivedRequest) -> None:
        """Add *request* to what was received."""
        with self._arrival:
            self.requests.append(request)
            self._arrival.notify_all()

    def wait_for_requests(self, count: int, timeout: float = 10.0) -> bool:
        """Wait until *count* requests were received; return whether they were, in *timeout* seconds."""
        with self._arrival:
            return self._arrival.wait_for(lambda: len(self.requests) >= count, timeout)

    def wait_for_connections(self, count: int, timeout: float = 10.0) -> bool:
        """Wait until *count* connections were accepted; return whether they were, in *timeout* seconds."""
        with self._arrival:
            return self._arrival.wait_for(lambda: self.connection_count >= count, timeout)

    def wait_until_idle(self, timeout: float = 10.0) -> bool:
        """Wait until no connection is open; return whether that came, in *timeout* seconds."""
        with self._arrival:
            return self._arrival.wait_for(lambda: not self._open, timeout)

    def stop(self) -> None:
        """End every connection and thread; may be called again."""
        self.is_stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept(), which closing does not
        self._listener.close()
        self._acceptor.join(_GIVE_UP_SECS)
        with self._lock:
            connections = list(self._open.items())
        for sock, _thread in connections:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for _sock, thread in connections:
            if thread is not threading.current_thread():
                thread.join(_GIVE_UP_SECS)

    def _accept(self) -> None:
        while not self.is_stopped.is_set():
            try:
                sock, _address = self._listener.accept()
            except OSError:
                return
            sock.settimeout(_GIVE_UP_SECS)
            with self._arrival:
                connection = Connection(sock, self, self.connection_count)
                thread = threading.Thread(
                    target=self._serve, args=(connection,), name="testing-connection", daemon=True
                )
                self.connection_count += 1
                self._open[sock] = thread
                # Under the lock, so that stop() joins none that has not begun.
                thread.start()
                self._arrival.notify_all()

    def _serve(self, connection: Connection) -> None:
        sock = connection.sock  # a handler may put another in its place, such as one that speaks TLS
        try:
            with contextlib.suppress(OSError, ValueError):
                self._handle(connection)
        finally:
            connection.sock.close()
            sock.close()
            with self._arrival:
                self._open.pop(sock, None)
                self._arrival.notify_all()
