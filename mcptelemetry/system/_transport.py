"""
The port through which bytes leave: a request, an answer, or no answer.

The gate is the only holder of a transport. An answer is the status line and what little
of the body the caller wants to see; whether that is good news is not judged here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from ..errors import TelemetryError
from ._urls import url_without_secrets

__all__ = ["BLOCK_BYTES", "Answer", "MissingPackage", "NoAnswer", "Request", "Transport", "Withheld"]

BLOCK_BYTES = 16 * 1024
"""How much of a body is written before it is asked again whether it may leave."""


def _always() -> bool:
    return True


class Request(NamedTuple):
    """
    One POST.

    *timeout_secs* bounds connecting, sending and reading each; at most *answer_max_bytes* of
    the answer's body are read. *may_send* is asked when the way stands, before the first byte
    leaves, and again before each further `BLOCK_BYTES` of the body. Without *is_repeatable*
    the body is never written twice, not even when a connection at rest turns out to be dead.
    """

    url: str
    body: bytes
    headers: Mapping[str, str]
    timeout_secs: float
    answer_max_bytes: int = 4096
    may_send: Callable[[], bool] = _always
    is_repeatable: bool = True

    def __repr__(self) -> str:
        # A header may hold a token, a body what a person wrote, a query a key.
        return (
            f"Request({url_without_secrets(self.url)!r}, {len(self.body)} bytes, headers={sorted(self.headers)}, "
            f"timeout_secs={self.timeout_secs!r})"
        )


class Answer(NamedTuple):
    """What came back: *headers* have lower-case names, *body* may be cut."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswer(TelemetryError):
    """
    No status came back: refused, reset, timed out, not resolved, or not an answer at all.

    *mend* is what a person can do about it, ``""`` when that is not known.
    """

    def __init__(self, message: str = "", *, mend: str = "") -> None:
        super().__init__(message)
        self.mend = mend


class MissingPackage(NoAnswer):
    """Nothing can be sent by this process: it lacks a package, which the message names with the mend."""


class Withheld(TelemetryError):
    """The request's *may_send* said no: nothing left, or nothing more of the body did."""


class Transport(Protocol):
    """A way out."""

    def post(self, request: Request) -> Answer:
        """Send *request*; raise `NoAnswer` when no status came back, `Withheld` when it may not be sent."""

    def after_fork(self) -> None:
        """Forget every connection: this is a forked child, and they are its parent's."""

    def close(self) -> None:
        """Close every connection; a later `post()` opens new ones."""
