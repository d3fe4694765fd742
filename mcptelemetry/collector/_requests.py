"""
HTTP as the collector's routes see it: a request, a response, and a refusal.

A body is bounded twice, before it is read and while it is inflated, so that no request,
however it lies about itself, makes the collector hold more than a few megabytes.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["BODY_BYTES_MAX", "INFLATED_BYTES_MAX", "IncomingRequest", "Refusal", "Response", "too_large"]

BODY_BYTES_MAX = 1024 * 1024
# Events compress some tenfold; a body that inflates to more than this is no batch of events.
INFLATED_BYTES_MAX = 8 * 1024 * 1024
_QUERY_FIELDS_MAX = 50


@dataclass(frozen=True)
class Response:
    """A status, a JSON document, and headers beside those that every response has."""

    status: int
    document: Mapping[str, Any]
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def status_line(self) -> str:
        """The status as WSGI wants it: ``202 Accepted``."""
        return f"{self.status} {HTTPStatus(self.status).phrase}"

    def encode(self) -> bytes:
        """Return the body: one line of JSON."""
        return (json.dumps(self.document) + "\n").encode("ascii")


class Refusal(Exception):
    """The request is answered with an error: *status* and a sentence for the sender."""

    def __init__(self, status: int, message: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.response = Response(status, {"error": message}, tuple(headers))


class IncomingRequest:
    """What came in, read from a WSGI environment."""

    def __init__(self, environ: WSGIEnvironment) -> None:
        self._environ = environ
        self.method: str = environ.get("REQUEST_METHOD", "GET").upper()
        self.path: str = environ.get("PATH_INFO", "") or "/"
        self.peer: str = environ.get("REMOTE_ADDR", "") or ""

    def header(self, name: str) -> str:
        """Return the header called *name*, or ``""``."""
        value: str = self._environ.get("HTTP_" + name.upper().replace("-", "_"), "")
        return value.strip()

    def has_header(self, name: str) -> bool:
        """Return whether there is a header called *name*, even an empty one."""
        return "HTTP_" + name.upper().replace("-", "_") in self._environ

    def query(self, name: str) -> str | None:
        """Return the first value of the query parameter *name*, or None."""
        try:
            fields = parse_qs(self._environ.get("QUERY_STRING", ""), max_num_fields=_QUERY_FIELDS_MAX)
        except ValueError:
            raise Refusal(400, "the query string has too many fields") from None
        values = fields.get(name)
        return values[0] if values else None

    def read_body(self) -> bytes:
        """Return the body, inflated when it was compressed; raise `Refusal` when it cannot be had."""
        coding = self.header("Content-Encoding").lower()
        try:
            decode = _CODINGS[coding]
        except KeyError:
            accepted = (("Accept-Encoding", "gzip"),)
            raise Refusal(415, "Content-Encoding is unknown; send gzip or none", accepted) from None
        return decode(self._read_raw_body())

    def _read_raw_body(self) -> bytes:
        length = self._body_length()
        expected = BODY_BYTES_MAX + 1 if length is None else length
        stream = self._environ["wsgi.input"]
        body = bytearray()
        while len(body) < expected:
            try:
                part = stream.read(expected - len(body))
            except (OSError, ValueError):
                part = b""
            if not part:
                break
            body += part
        if len(body) > BODY_BYTES_MAX:
            raise too_large()
        if length is not None and len(body) < length:
            raise Refusal(400, f"the body ends after {len(body)} of {length} bytes")
        return bytes(body)

    def _body_length(self) -> int | None:
        """Return the announced length in bytes, None when the server knows where the body ends."""
        text: str = self._environ.get("CONTENT_LENGTH", "") or ""
        if not text:
            is_chunked = "chunked" in self.header("Transfer-Encoding").lower()
            if is_chunked and self._environ.get("wsgi.input_terminated"):
                return None
            raise Refusal(411, "Content-Length is missing; say how long the body is")
        if not (text.isascii() and text.isdigit()):
            raise Refusal(400, "Content-Length is not a number")
        # Twenty digits are no length either, and too long a number is slow to read.
        if len(text) > 20 or int(text) > BODY_BYTES_MAX:
            raise too_large()
        return int(text)


def too_large(limit: int = BODY_BYTES_MAX, what: str = "the body") -> Refusal:
    """Return the refusal of *what* is larger than *limit* bytes."""
    return Refusal(413, f"{what} is larger than {limit} bytes; send fewer events at once")


def _keep(body: bytes) -> bytes:
    return body


def _inflate(body: bytes) -> bytes:
    """Return what *body*, one gzip member, holds; never more than the limit is inflated."""
    member = zlib.decompressobj(wbits=31)
    try:
        inflated = member.decompress(body, INFLATED_BYTES_MAX + 1)
    except zlib.error:
        raise Refusal(400, "the body is not gzip, as its Content-Encoding says") from None
    if len(inflated) > INFLATED_BYTES_MAX:
        raise too_large(INFLATED_BYTES_MAX, "the inflated body")
    # One member only: fifty thousand empty ones fit into a body, and cost minutes.
    if not member.eof or member.unused_data:
        raise Refusal(400, "the gzip body is cut short or something follows it")
    return inflated


_CODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "": _keep,
    "identity": _keep,
    "gzip": _inflate,
    "x-gzip": _inflate,
}
