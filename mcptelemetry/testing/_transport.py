"""
A way out that leads nowhere: it remembers every request and answers from a script.

What it hands back obeys the same contract as the real ones: header names in lower case,
no more of the body than was asked for, `NoAnswer` when no status came back, `Withheld` when
the request may not be sent.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Union

from ..system import BLOCK_BYTES, Answer, Request, Withheld

__all__ = ["ScriptedTransport", "Step"]

Step = Union[int, tuple[int, bytes], Answer, BaseException, type[BaseException]]
"""
One line of a script: a status, a status and a body, a whole answer, or an exception.

An exception is raised as it stands. A real transport raises `NoAnswer` and nothing else;
another is good for seeing what a fault in a transport does.
"""


class ScriptedTransport:
    """
    A `Transport` that answers each post with the next of *steps*, then with *otherwise*.

    *requests* holds every request posted; *fork_count* and *closings* count those calls. Safe
    from any thread. `TypeError` for a step that is none.
    """

    def __init__(self, *steps: Step, otherwise: Step = 202) -> None:
        self._steps = [_check_step(step) for step in steps]  # guarded by _lock, as is all below
        self._otherwise = _check_step(otherwise)
        self._lock = threading.Lock()
        self.requests: list[Request] = []
        self.fork_count: int = 0
        self.closings: int = 0

    def __repr__(self) -> str:
        return f"ScriptedTransport({len(self.requests)} posted, {len(self._steps)} steps left)"

    def post(self, request: Request) -> Answer:
        """
        Remember *request* and play the next step.

        It is asked whether it may be sent as often as a real one: before the first byte and
        before each further block. When it may not, it is not remembered and no step is played.
        """
        for _ in range(0, max(len(request.body), 1), BLOCK_BYTES):
            if not request.may_send():
                raise Withheld
        with self._lock:
            self.requests.append(request)
            step = self._steps.pop(0) if self._steps else self._otherwise
        if not isinstance(step, Answer):
            raise step
        return step._replace(body=step.body[: request.answer_max_bytes])

    def after_fork(self) -> None:
        """Count the call; there is no connection to forget."""
        with self._lock:
            self.fork_count += 1

    def close(self) -> None:
        """Count the call; there is no connection to close."""
        with self._lock:
            self.closings += 1


def _check_step(step: Step) -> Union[Answer, BaseException]:  # noqa: UP007  3.9
    if isinstance(step, BaseException):
        return step
    if isinstance(step, type) and issubclass(step, BaseException):
        return step()
    if isinstance(step, int) and not isinstance(step, bool):
        return Answer(step, {}, b"")
    if isinstance(step, Answer):
        return step._replace(headers=_lower(step.headers))
    if isinstance(step, tuple) and len(step) == 2:
        return Answer(int(step[0]), {}, bytes(step[1]))
    msg = f"step must be a status, (status, body), an Answer or an exception, not {type(step).__name__}"
    raise TypeError(msg)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
