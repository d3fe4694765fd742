"""
A way out that leads nowhere but to standard error: for an author who wants to see what would leave.

Each line begins with the package's name and is printable text; standard output is never touched.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TextIO

from ._printable import printable
from ._transport import BLOCK_BYTES, Answer, Request, Withheld
from ._urls import url_without_secrets

__all__ = ["PrintingTransport"]

_PREFIX = "mcptelemetry: "
_ACCEPTED = 202


class PrintingTransport:
    """
    A `Transport` that writes each document to *stream*, None: to standard error as it is then.

    Headers are not shown: one may hold a token. Every document counts as accepted.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def post(self, request: Request) -> Answer:
        """Write the body of *request*; raise `Withheld` when it may not even be shown."""
        for _ in range(0, max(len(request.body), 1), BLOCK_BYTES):
            if not request.may_send():
                raise Withheld
        lines = [f"not sent to {url_without_secrets(request.url)}:", *request.body.decode("utf-8", "replace").splitlines()]
        stream = sys.stderr if self._stream is None else self._stream
        with contextlib.suppress(OSError, ValueError, AttributeError):  # a stream that is closed, or not there
            stream.write("".join(f"{_PREFIX}{printable(line)}\n" for line in lines))
            stream.flush()
        return Answer(_ACCEPTED, {}, b"")

    def after_fork(self) -> None:
        """Do nothing: there is no connection to forget."""

    def close(self) -> None:
        """Do nothing: there is no connection to close."""
