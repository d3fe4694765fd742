"""
A process beside the one that carries: it looks at the conversation, and sees which signals were meant for all.

It has an interpreter of its own, so that looking, which costs more than carrying, costs the
conversation nothing; and what it has not yet delivered when the wrapper is killed it still
delivers. This is the carrying side of it.

And it stands in the process group and counts signals. The child is in that group, as it would be
without us: a signal to the group reaches it without our help, and passing it on would be a
second one, in the middle of what it cleans up. No system tells a process whether it was meant
alone; but what came over there was meant for all. (A group of the child's own would
save that, and lose Ctrl-C, job control and a SIGKILL to the group for all below the child.)
"""

from __future__ import annotations

import contextlib
import os
import select
from collections import deque
from collections.abc import Callable
from time import monotonic

from ._frames import CLIENT_SAID, END, LEAVING, SERVER_SAID, frame_of, header_of_lines
from ._lines import LineCutter
from ._watch import Recording

__all__ = ["Observer"]

_ANSWER_MS = 1_000
# A supervisor that signals each process of its list by itself takes a moment from one to the next.
_SECOND_LOOK_SECS = 0.005
_PORTION_BYTES = 32 * 1024
_WAITING_LIMIT_BYTES = 4 * 1024 * 1024
_PATIENCE_MS = 500
_AGE_SECS = 0.25


class Observer:
    """
    The observing process of one session, and what is told to it; *open_recording* is called there.

    When it cannot be started, or has been killed, nobody looks, and no signal was meant for all.
    For one thread.
    """

    def __init__(self, open_recording: Callable[[], Recording | None], say: Callable[[str], object]) -> None:
        self._open_recording = open_recording
        self._say = say
        self._pid = 0
        self._frames = self._questions = self._answers = -1
        self._cutters = {CLIENT_SAID: LineCutter(), SERVER_SAID: LineCutter()}
        self._fresh: list[bytes] = []  # pieces of frames that are not yet worth a write
        self._fresh_bytes = 0
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._fresh_since = 0.0
        self._unanswered = 0  # questions
        self._is_patient = True
        self._is_blind = True

    def start(self) -> None:
        """Begin to look; all signals are blocked now, and there is one thread."""
        theirs = []
        ours = []
        for is_theirs_first in (True, True, False):
            reader, writer = os.pipe()
            theirs.append(reader if is_theirs_first else writer)
            ours.append(writer if is_theirs_first else reader)
        try:
            pid = os.fork()
        except OSError as error:
            for descriptor in (*theirs, *ours):
                os.close(descriptor)
            self._say(f"mcptelemetry: this session is not recorded: no process can be started: {error.strerror}")
            return
        if pid == 0:
            try:
                from ._observing import observe

                observe((theirs[0], theirs[1], theirs[2]), self._open_recording, self._say)
            finally:
                os._exit(0)
        for descriptor in theirs:
            os.close(descriptor)
        self._pid, self._is_blind = pid, False
        self._frames, self._questions, self._answers = ours
        os.set_blocking(self._frames, False)

    # -- what passes --------------------------------------------------------------------------

    def see(self, kind: int, piece: bytes, at: float) -> None:
        """Take the next *piece* of one side, ``b""`` at its end, which passed *at* that moment."""
        if self._is_blind:
            return
        cutter = self._cutters[kind]
        if self._waiting_bytes > _WAITING_LIMIT_BYTES and not self._make_room():
            cutter.lose()
        elif cutter.is_between_lines and piece[-1:] == b"\n":  # as a message usually comes
            self._tell(at, header_of_lines(kind, at, len(piece)), piece)
        else:
            block = cutter.feed(piece) if piece else cutter.rest()
            if block is not None:
                self._tell(at, frame_of(kind, at, block))

    def hurry(self) -> None:
        """Have everything looked at and delivered now, and all that comes later at once: the client is leaving."""
        if not self._is_blind:
            self._tell(now := monotonic(), frame_of(LEAVING, now))
            self.send()

    @property
    def has_news(self) -> bool:
        """Whether something waits to be sent over in a quiet moment."""
        return bool(self._fresh or self._waiting)

    def send(self) -> None:
        """Send over what waits, as far as it goes."""
        if self._fresh:
            self._waiting.append(b"".join(self._fresh))
            self._waiting_bytes += self._fresh_bytes
            self._fresh.clear()
            self._fresh_bytes = 0
        try:
            while self._waiting:
                count = os.write(self._frames, self._waiting[0])
                self._waiting_bytes -= count
                if count < len(self._waiting[0]):
                    self._waiting[0] = self._waiting[0][count:]
                    return
                self._waiting.popleft()
        except BlockingIOError:
            return
        except OSError:  # it has been killed
            self._go_blind()

    def _tell(self, now: float, *pieces: bytes) -> None:
        """Have a frame, in *pieces*, sent over: with others, or when it has waited long enough."""
        if not self._fresh:
            self._fresh_since = now
        self._fresh += pieces
        self._fresh_bytes += sum(map(len, pieces))
        if self._fresh_bytes >= _PORTION_BYTES or now - self._fresh_since >= _AGE_SECS:
            self.send()

    def _make_room(self) -> bool:
        """Wait for a process that looks, and go past one that is stuck; return whether more may wait."""
        poll = select.poll()
        poll.register(self._frames, select.POLLOUT)
        while self._waiting_bytes > _WAITING_LIMIT_BYTES:
            self._is_patient = bool(poll.poll(_PATIENCE_MS if self._is_patient else 0))
            if not self._is_patient:
                return False
            self.send()
        return not self._is_blind

    def _go_blind(self) -> None:
        self._is_blind = True
        self._fresh.clear()
        self._waiting.clear()
        self._waiting_bytes = 0

    # -- signals ------------------------------------------------------------------------------

    def count_seen(self, number: int, count: int) -> int:
        """
        Return how often signal *number*, which we heard *count* times, was sent to all of the group; it is forgotten then.

        Two of one kind that come before the process has run between them are one for it, as for any.
        """
        if not self._pid:
            return 0
        seen = self._ask(number)
        if seen < count:
            select.select([], [], [], _SECOND_LOOK_SECS)
            seen += self._ask(number)
        return seen

    def _ask(self, number: int) -> int:
        poll = select.poll()
        poll.register(self._answers, select.POLLIN)
        answer = b""
        try:
            os.write(self._questions, bytes([number]))
            self._unanswered += 1
            while self._unanswered:  # what comes too late for its question is nobody's any more
                answer = os.read(self._answers, 1) if poll.poll(_ANSWER_MS) else b""
                if not answer:
                    return 0
                self._unanswered -= 1
        except OSError:  # killed
            return 0
        return answer[0]

    # -- the end ------------------------------------------------------------------------------

    def finish(self, timeout: float) -> None:
        """
        End the session, and wait at most *timeout* seconds until everything was looked at and delivered.

        What takes longer goes on for a moment, and ends by itself.
        """
        if not self._pid:
            return
        ends_at = monotonic() + timeout
        if not self._is_blind:
            self._tell(now := monotonic(), frame_of(END, now))
        poll = select.poll()
        self.send()
        while self._waiting and monotonic() < ends_at:
            poll.register(self._frames, select.POLLOUT)
            poll.poll(max(0.0, ends_at - monotonic()) * 1000)
            self.send()
        os.close(self._frames)
        poll = select.poll()
        poll.register(self._answers, 0)  # until its far end is closed: with the process
        if poll.poll(max(0.0, ends_at - monotonic()) * 1000):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
        os.close(self._questions)
        os.close(self._answers)
        self._pid = 0
