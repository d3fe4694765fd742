"""
Waitress in a thread: started on a socket, ended for good, and silent.

Waitress is made to be a process of its own. What is added here is an end (its loop runs turn
by turn until `stop()`, and its threads are kept so that they can be waited for) and a bound
for what strangers may hold: connections, seconds, memory, descriptors. Cheroot, whose
interface needs no such addition, was tried against the same tests: it gives each connection
a thread from the first byte on, so that thirty that send half a head held it for good, and it
took a seventh of the posts a second (1,150 beside 8,240).
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any

from waitress import wasyncore  # type: ignore[import-untyped]  # it has no types
from waitress.adjustments import Adjustments  # type: ignore[import-untyped]
from waitress.server import TcpWSGIServer  # type: ignore[import-untyped]
from waitress.utilities import build_http_date  # type: ignore[import-untyped]

from ._embedded_channel import SILENCE, Channel
from ._embedded_workers import Workers
from ._limits import BODY_SECS_MAX, EVENTS_BYTES_MAX

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["EmbeddedServer"]

_log = logging.getLogger(__name__)

# As many posts can wait for one commit together.
_WORKER_COUNT = 16
_CONNECTIONS_MAX = 256
_REST_SECS_MAX = 120.0
_HELD_BYTES_MAX = 16 * 1024 * 1024
_LOOK_EVERY_SECS = 0.5
_LOOK_EVERY_BYTES = 4 * 1024 * 1024
_IDLE_TURN_SECS = 1.0
# Without descriptors the listening socket stays readable: looked at no oftener than this.
_ACCEPT_AGAIN_AFTER_SECS = 0.5
_LINE_EVERY_SECS = 60.0
_OUT_OF_DESCRIPTORS = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class _Listener(TcpWSGIServer):  # type: ignore[misc]  # no types
    """The listening socket, and an eye on the connections; used by the loop's thread only."""

    channel_class = Channel
    logger = SILENCE

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.is_full = False
        self.takes_together = False
        self._is_pulled = False
        self._wait_to_pull: set[int] = set()  # threads, by their numbers
        self._received_bytes = 0
        self._look_at = 0.0
        self._date = (0, "")
        self._accept_from = 0.0
        self._say_from = 0.0
        super().__init__(*args, **kwargs)

    def note_received(self, count: int) -> None:
        """Count bytes that came in, so that memory is looked at in time."""
        self._received_bytes += count

    def say_date(self) -> str:
        """Return the present second as HTTP writes it."""
        second, text = self._date
        now = int(time.time())
        if second != now:
            text = str(build_http_date(now))
            self._date = now, text  # in one step: every worker asks
        return text

    def readable(self) -> bool:
        # Asked before the loop waits, first of all: who has something for it since then wakes it.
        self._is_pulled = False
        return bool(self.accepting) and monotonic() >= self._accept_from

    def look_after_connections(self) -> None:
        """
        Close what rests or comes for too long, and what holds too much, when it is time to look again.

        Between two turns of the loop and not in one: a turn knows connections by the numbers of their
        descriptors, and would take the next that is accepted for one that was closed in it.
        """
        now = monotonic()
        if now >= self._look_at or self._received_bytes >= _LOOK_EVERY_BYTES:
            self._look_at, self._received_bytes = now + _LOOK_EVERY_SECS, 0
            self._look_after_connections(now)

    def pull_trigger(self) -> None:
        if not self._is_pulled and get_ident() not in self._wait_to_pull:
            self._is_pulled = True
            super().pull_trigger()

    @contextmanager
    def waking_once(self) -> Iterator[None]:
        """Have the loop woken by this thread at the end of the block, however much of it there is to tell."""
        self._wait_to_pull.add(get_ident())
        try:
            yield
        finally:
            self._wait_to_pull.discard(get_ident())
            self.pull_trigger()

    def handle_accept(self) -> None:
        try:
            accepted, address = self.socket.accept()
        except OSError as error:
            if error.errno in _OUT_OF_DESCRIPTORS:
                self._note_no_descriptors()
            return
        if len(self.active_channels) >= _CONNECTIONS_MAX:
            self._close_longest_at_rest()
        try:
            accepted.setblocking(False)
            self.set_socket_options(accepted)
            self.channel_class(self, accepted, address, self.adj, map=self._map)
        except OSError:  # it has gone already
            accepted.close()

    def _look_after_connections(self, now: float) -> None:
        held_bytes = 0
        for channel in list(self.active_channels.values()):
            if not channel.is_at_work:
                is_under_way = channel.request is not None
                if now - channel.waits_since > (BODY_SECS_MAX if is_under_way else _REST_SECS_MAX):
                    channel.handle_close()
                    continue
            held_bytes += channel.held_bytes
        while held_bytes > _HELD_BYTES_MAX:
            freed = self._close_longest_at_rest(is_under_way=True)
            if freed == 0:
                break
            held_bytes -= freed
        self.is_full = held_bytes > _HELD_BYTES_MAX

    def _close_longest_at_rest(self, *, is_under_way: bool = False) -> int:
        """Close the connection that waits longest, of those with half a request if so asked; return the bytes it held."""
        waiting = [
            channel
            for channel in self.active_channels.values()
            if not channel.is_at_work and (channel.request is not None or not is_under_way)
        ]
        if not waiting:
            return 0
        oldest = min(waiting, key=lambda channel: float(channel.waits_since))
        freed = int(oldest.held_bytes)
        oldest.handle_close()
        return freed

    def _note_no_descriptors(self) -> None:
        now = monotonic()
        self._accept_from = now + _ACCEPT_AGAIN_AFTER_SECS
        self._close_longest_at_rest()
        if now >= self._say_from:
            self._say_from = now + _LINE_EVERY_SECS
            _log.warning("the collector can open no more connections: the process may open no more files (see ulimit -n)")


class EmbeddedServer:
    """
    Answers requests on *listener* with *app* from the moment it is made until `stop()`.

    With *takes_together* the app may be called for several small posts before the body of the
    first is asked for. Safe between threads.
    """

    def __init__(self, app: WSGIApplication, listener: socket.socket, *, takes_together: bool = False) -> None:
        self._process = os.getpid()
        self._sockets: dict[int, Any] = {}
        self._workers = Workers(when_all_ended=self._close_trigger)
        settings = Adjustments(
            sockets=[listener],
            max_request_body_size=EVENTS_BYTES_MAX + 1,  # of each route, see Channel
            inbuf_overflow=EVENTS_BYTES_MAX + 1,  # a body is kept in memory, never in a file
            recv_bytes=32 * 1024,
            asyncore_use_poll=True,
            log_socket_errors=False,
            ident="mcptelemetry",
        )
        # The thread that has the answer sends it; only what the network does not take waits for the loop.
        # (As an argument it is deprecated.)
        settings.send_bytes = 1
        about = (listener.family, listener.type, listener.proto, listener.getsockname())
        self._server: Any = _Listener(
            app, self._sockets, _sock=listener, dispatcher=self._workers, adj=settings, bind_socket=False, sockinfo=about
        )
        self._server.takes_together = takes_together
        self._workers.set_thread_count(_WORKER_COUNT)
        self._is_stopping = False
        self._is_stopped = threading.Event()
        self._stop_lock = threading.Lock()
        self._loop = threading.Thread(target=self._run, name="mcptelemetry-collector", daemon=True)
        self._loop.start()

    def stop(self, timeout: float) -> None:
        """End the loop, then the workers, then the sockets, in at most *timeout* seconds."""
        if os.getpid() != self._process:
            return  # a forked child has none of the threads, and its sockets are its parent's
        with self._stop_lock:
            is_first, self._is_stopping = not self._is_stopping, True
        if not is_first:
            self._is_stopped.wait(timeout)
            return
        try:
            self._end(time.monotonic() + timeout)
        finally:
            self._is_stopped.set()

    def _run(self) -> None:
        self._workers.begin_turns()
        while not self._is_stopping:
            self._server.look_after_connections()
            wasyncore.loop(timeout=_IDLE_TURN_SECS, use_poll=True, map=self._sockets, count=1)
            self._workers.end_turn()

    def _close_trigger(self) -> None:
        # A worker pulls the trigger: it writes into a pipe, by number. Once the pipe is closed,
        # that number may be somebody else's file, so it is the last worker that closes it.
        self._server.trigger.close()

    def _end(self, deadline: float) -> None:
        self._server.pull_trigger()
        self._loop.join(max(0.0, deadline - time.monotonic()))
        if self._loop.is_alive():
            return
        # From here on this thread is the only one that touches the map of sockets. An answer
        # is written by the worker that made it, so it needs no loop.
        _shut(self._server.socket)
        self._workers.shutdown(timeout=max(0.1, deadline - time.monotonic()))
        for handle in self._workers.handles:
            if handle is not threading.current_thread():
                handle.join(max(0.0, deadline - time.monotonic()))
        for dispatcher in list(self._sockets.values()):
            if dispatcher is not self._server.trigger:
                _shut(dispatcher.socket)
                wasyncore.dispatcher.close(dispatcher)


def _shut(sock: Any) -> None:  # a socket, or what waitress put in its place
    """End the connection itself: a forked child may hold the same socket and keep it alive."""
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
