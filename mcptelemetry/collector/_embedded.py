"""
Waitress in a thread: started on a socket, ended for good, and silent.

Waitress is made to be a process of its own. What is added here is an end: its loop runs
turn by turn until `stop()`, and its threads are kept so that they can be waited for. It
logs to nobody, because a host's log is not ours to fill.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from waitress import create_server, wasyncore  # type: ignore[import-untyped]  # it has no types
from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.task import ErrorTask, ThreadedTaskDispatcher, WSGITask  # type: ignore[import-untyped]

from ._requests import BODY_BYTES_MAX, Response, too_large

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["EmbeddedServer"]

_WORKER_COUNT = 8
_CONNECTIONS_MAX = 1000
_IDLE_TURN_SECS = 60

# Belongs to no tree and is disabled: what waitress says ends here.
_SILENCE = logging.Logger("silence")  # noqa: LOG001  that is the point
_SILENCE.disabled = True


class _Workers(ThreadedTaskDispatcher):  # type: ignore[misc]  # no types
    """The threads that answer requests; the last to end calls *when_all_ended*."""

    logger = _SILENCE
    queue_logger = _SILENCE

    def __init__(self, when_all_ended: Callable[[], None]) -> None:
        super().__init__()
        self.handles: list[threading.Thread] = []
        self._when_all_ended = when_all_ended
        self._working_lock = threading.Lock()
        self._working_count = 0  # guarded by _working_lock

    def start_new_thread(self, target: Callable[[int], None], thread_no: int) -> None:
        thread = threading.Thread(
            target=self._work,
            name=f"mcptelemetry-collector-{thread_no}",
            args=(target, thread_no),
            daemon=True,
        )
        self.handles.append(thread)
        self._working_count += 1  # no thread has ended yet: they are all started at once
        thread.start()

    def _work(self, target: Callable[[int], None], thread_no: int) -> None:
        target(thread_no)
        with self._working_lock:
            self._working_count -= 1
            is_last = self._working_count == 0
        if is_last:
            self._when_all_ended()


class _AppTask(WSGITask):  # type: ignore[misc]  # no types
    logger = _SILENCE


class _ErrorTask(ErrorTask):  # type: ignore[misc]  # no types
    """What waitress refuses by itself is refused in JSON like the rest."""

    logger = _SILENCE

    def execute(self) -> None:
        error = self.request.error
        response = too_large().response
        if error.code != response.status:
            response = Response(error.code, {"error": f"{error.reason}: {error.body}"})
        body = response.encode()
        self.status = response.status_line
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):  # type: ignore[misc]  # no types
    logger = _SILENCE
    task_class = _AppTask
    error_task_class = _ErrorTask


class EmbeddedServer:
    """
    Answers requests on *listener* with *app* from the moment it is made until `stop()`.

    Safe between threads.
    """

    def __init__(self, app: WSGIApplication, listener: socket.socket) -> None:
        self._process = os.getpid()
        self._sockets: dict[int, Any] = {}
        self._workers = _Workers(when_all_ended=self._close_trigger)
        self._server: Any = create_server(
            app,
            map=self._sockets,
            _dispatcher=self._workers,
            sockets=[listener],
            # Waitress refuses what is as large as its limit; we what is larger.
            max_request_body_size=BODY_BYTES_MAX + 1,
            inbuf_overflow=BODY_BYTES_MAX + 1,  # a body is kept in memory, never in a file
            # By default waitress drops the headers of proxies, by which the report's guard
            # knows that a request from loopback was not made there.
            clear_untrusted_proxy_headers=False,
            connection_limit=_CONNECTIONS_MAX,
            asyncore_use_poll=True,
            log_socket_errors=False,
            ident="mcptelemetry",
        )
        self._server.channel_class = _Channel
        self._server.logger = _SILENCE
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
        while not self._is_stopping:
            wasyncore.loop(timeout=_IDLE_TURN_SECS, use_poll=True, map=self._sockets, count=1)

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
