"""
The embedded server's threads: small posts that are at hand together are answered together.

Under one interpreter lock a thread for each post costs more in changes of thread than the post
itself. So a turn of the loop hands over all that it has read at once, and one worker takes all
the small posts among it: the app is called for each, and then each is answered. Whatever may
take its time has a worker for itself; and a store that stands still keeps few workers.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from waitress.task import ThreadedTaskDispatcher  # type: ignore[import-untyped]  # it has no types

from ._embedded_channel import SILENCE, Channel

__all__ = ["Workers"]

# How many posts one worker takes, and how many workers are at small posts: those that one commit
# keeps waiting leave threads to others.
_TOGETHER_MAX = 64
_AT_SMALL_MAX = 4


class Workers(ThreadedTaskDispatcher):  # type: ignore[misc]  # no types
    """The threads that answer requests; the last to end calls *when_all_ended*."""

    logger = SILENCE
    queue_logger = SILENCE
    queue: Any
    stop_count: int
    active_count: int

    def __init__(self, when_all_ended: Callable[[], None]) -> None:
        super().__init__()
        self.handles: list[threading.Thread] = []
        self._when_all_ended = when_all_ended
        self._working_lock = threading.Lock()
        self._working_count = 0  # guarded by _working_lock
        self._loop_ident = 0
        self._read: list[Channel] = []  # in this turn; of the loop's thread only
        self._small: deque[Channel] = deque()  # guarded by lock, as is the count
        self._at_small_count = 0

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

    def begin_turns(self) -> None:
        """Note that the loop runs in the thread that calls this."""
        self._loop_ident = threading.get_ident()

    def add_task(self, task: Channel) -> None:
        """Take a channel that has a whole request: at the end of the turn when the loop has read it."""
        if threading.get_ident() == self._loop_ident:
            self._read.append(task)
        else:
            self._hand_over([task])

    def end_turn(self) -> None:
        """Hand over what the loop has read in this turn."""
        if self._read:
            self._hand_over(self._read)
            self._read = []

    def handler_thread(self, thread_no: int) -> None:
        """Answer what is handed over until told to end."""
        while True:
            with self.lock:
                while not (self._has_small() or self.queue) and self.stop_count == 0:
                    self.active_count -= 1
                    self.queue_cv.wait()
                    self.active_count += 1
                if self.stop_count > 0:
                    self.active_count -= 1
                    self.stop_count -= 1
                    self.threads.discard(thread_no)
                    self.thread_exit_cv.notify()
                    return
                is_at_small = self._has_small()
                if is_at_small:
                    self._at_small_count += 1
                    channels = [self._small.popleft() for _ in range(min(len(self._small), _TOGETHER_MAX))]
                else:
                    channels = [self.queue.popleft()]
            if is_at_small:
                self._answer_together(channels)
            else:
                _answer(channels[0])

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:  # noqa: FBT001, FBT002  as in the class above
        """End the threads, each after what it is at, and leave undone what nobody has begun."""
        is_ended = bool(super().shutdown(cancel_pending, timeout))
        with self.lock:
            for channel in self._small:
                channel.cancel()
            self._small.clear()
        return is_ended

    def _has_small(self) -> bool:
        return bool(self._small) and self._at_small_count < _AT_SMALL_MAX

    def _hand_over(self, channels: list[Channel]) -> None:
        small: list[Channel] = []
        others: list[Channel] = []
        for channel in channels:
            (small if channel.is_small else others).append(channel)
        with self.lock:
            self._small.extend(small)
            self.queue.extend(others)
            self.queue_cv.notify(len(others) + bool(small))

    def _answer_together(self, channels: list[Channel]) -> None:
        try:
            with channels[0].server.waking_once():
                for channel in channels:
                    channel.begin()
                for channel in channels:
                    _answer(channel)
        finally:
            with self.lock:
                self._at_small_count -= 1
                if self._small:  # what came meanwhile may have found enough workers at it
                    self.queue_cv.notify()

    def _work(self, target: Callable[[int], None], thread_no: int) -> None:
        target(thread_no)
        with self._working_lock:
            self._working_count -= 1
            is_last = self._working_count == 0
        if is_last:
            self._when_all_ended()


def _answer(channel: Channel) -> None:
    # A fault of the app is answered and logged in there; what is left is a connection's, and must not end the thread.
    with suppress(Exception):
        channel.service()
