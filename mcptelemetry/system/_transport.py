"""
The port through which bytes leave: a request, an answer, or no answer.

The gate is the only holder of a transport. An answer is the status line and what little
of the body the caller wants to see; whether that is good news is not judged here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from ..errors import TelemetryError
from ._urls import outline_of_url

__all__ = ["Answer", "NoAnswer", "Request", "Transport"]


class Request(NamedTuple):
    """
    One POST.

    *timeout_secs* bounds connecting, sending and reading each; at most
    *answer_max_bytes* of the answer's body are read.
    """

    url: str
    body: bytes
    headers: Mapping[str, str]
    timeout_secs: float
    answer_max_bytes: int = 4096

    def __repr__(self) -> str:
        # A header may hold a token, a body what a person wrote, a query a key.
        return (
            f"Request({outline_of_url(self.url)!r}, {len(self.body)} bytes, headers={sorted(self.headers)}, "
            f"timeout_secs={self.timeout_secs!r})"
        )


class Answer(NamedTuple):
    """What came back: *headers* have lower-case names, *body* may be cut."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswer(TelemetryError):
    """No status came back: refused, reset, timed out, not resolved, or not an answer at all."""


class Transport(Protocol):
    """A way out."""

    def post(self, request: Request) -> Answer:
        """Send *request*; raise `NoAnswer` when no status came back."""

    def renew(self) -> None:
        """Forget every connection: this is a forked child, and they are its parent's."""

    def close(self) -> None:
        """Close every connection; a later `post()` opens new ones."""
