"""
The observing process itself: it reads what passed and looks at it, and answers about signals.

It holds nothing that anybody waits for the end of: of all descriptors it keeps the standard
error and its pipes. It ends with the session, or a bounded time after the wrapper was killed.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable

from ._frames import CLIENT_SAID, END, LEAVING, FrameReader
from ._watch import Recording, Watch

__all__ = ["observe"]

_READ_BYTES = 256 * 1024
_HEAD_START_SECS = 0.25
_LAST_WORDS_SECS = 2.0  # what is recorded has that long to leave when the wrapper is gone
_STREAMS = 3


def observe(
    pipes: tuple[int, int, int], open_recording: Callable[[], Recording | None], say: Callable[[str], object]
) -> None:
    """Be the process: *pipes* are where frames and questions come from, and where answers go."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    arrivals, bell = os.pipe()
    for descriptor in (arrivals, bell):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(bell, warn_on_full_buffer=False)  # the handlers are the wrapper's, and do nothing
    _close_all_but({*range(_STREAMS), *pipes, arrivals, bell})
    frames, questions, answers = pipes
    with contextlib.suppress(RuntimeError):  # no thread to be had: then nobody answers
        threading.Thread(target=_answer, args=(questions, answers, arrivals), daemon=True).start()
    # What has to be loaded now must not compete with the server for its start, as long as that may take.
    select.select([frames], [], [], _HEAD_START_SECS)
    watch = Watch(open_recording, say)
    reader = FrameReader()
    while data := os.read(frames, _READ_BYTES):
        for frame in reader.feed(data):
            if frame.kind == END:
                watch.finish(frame.at)
                return
            if frame.kind == LEAVING:
                watch.hurry()
            else:
                watch.look(frame.block, frame.at, is_client=frame.kind == CLIENT_SAID)
        watch.rest()
    watch.finish(time.monotonic())


def _answer(questions: int, answers: int, arrivals: int) -> None:
    """Say of each signal that is asked for how often it came, until nobody can ask any more."""
    # In this thread alone: what takes signals wakes nobody else, and waits for no interpreter's lock to be counted.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {n for n in signal.valid_signals() if callable(signal.getsignal(n))})
    counts: dict[int, int] = {}
    while question := os.read(questions, 1):
        with contextlib.suppress(BlockingIOError):
            while numbers := os.read(arrivals, 1024):
                for number in numbers:
                    counts[number] = counts.get(number, 0) + 1
        with contextlib.suppress(OSError):
            os.write(answers, bytes([min(counts.pop(question[0], 0), 255)]))
    time.sleep(_LAST_WORDS_SECS)
    os._exit(0)


def _close_all_but(kept: set[int]) -> None:
    """Let go of every descriptor that a far side would wait for the end of."""
    try:
        held = {int(name) for name in os.listdir("/dev/fd")}
    except OSError:
        held = set(range(256))
    for descriptor in held - kept:
        with contextlib.suppress(OSError):
            os.close(descriptor)
