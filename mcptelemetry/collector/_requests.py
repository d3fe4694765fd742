"""
HTTP as the collector's routes see it: a request, a response, and a refusal.

A body is bounded three times: by what it says of itself, while it is read (in bytes and in
seconds), and while it is inflated, so that no request, however it lies about itself, makes
the collector hold or wait for more than its route allows.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Optional
from urllib.parse import parse_qsl, quote, urlencode

from ..system import Clock
from ._deadlines import Deadlines
from ._limits import BODY_SECS_MAX, body_bytes_max

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["IncomingRequest", "Refusal", "Response", "too_large"]

_STATUS_LINES = {int(status): f"{int(status)} {status.phrase}" for status in HTTPStatus}
_SHARED_HEADERS = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
_QUERY_FIELDS_MAX = 50
_PART_BYTES = 64 * 1024

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Response:
    """
    A status, a JSON document or a text of another *kind*, and headers beside those that every response has.

    A text that is long in the making comes in *pieces*, each sent when it is made.
    """

    status: int
    document: Mapping[str, Any] | None
    headers: Headers = ()
    text: bytes = b""
    kind: str = "application/json"
    pieces: Iterator[str] | None = None

    @property
    def status_line(self) -> str:
        """The status as WSGI wants it: ``202 Accepted``."""
        return _STATUS_LINES[self.status]

    def list_headers(self, length: int | None) -> list[tuple[str, str]]:
        """Return the headers of an answer with a body of *length* bytes; None: nobody knows yet."""
        shared = [*_SHARED_HEADERS]
        if self.status != HTTPStatus.NOT_MODIFIED:
            shared.append(("Content-Type", self.kind))
            if length is not None:
                shared.append(("Content-Length", str(length)))
        if not self.headers:
            return shared
        own = {name for name, _ in self.headers}
        return [*(header for header in shared if header[0] not in own), *self.headers]

    def encode(self) -> bytes:
        """Return the body: one line of JSON, or the text."""
        return self.text if self.document is None else (json.dumps(self.document) + "\n").encode("ascii")


class Refusal(Exception):
    """
    The request is answered with an error: *status* and a sentence for the sender.

    *reason* is the one word that it is counted under, see `Refusals`.
    """

    def __init__(self, status: int, message: str, headers: Iterable[tuple[str, str]] = (), *, reason: str) -> None:
        super().__init__(message)
        self.response = Response(status, {"error": message}, tuple(headers))
        self.reason = reason


class IncomingRequest:
    """
    What came in, read from a WSGI environment.

    *allowed_apps* is None where the sender may write for any; *target* is the page of ours that
    a person wants to see in the end.
    """

    def __init__(self, environ: WSGIEnvironment) -> None:
        self._environ = environ
        self.method: str = environ.get("REQUEST_METHOD", "GET").upper()
        self.path: str = environ.get("PATH_INFO", "") or "/"
        self.allowed_apps: Optional[Collection[str]] = None
        self.target: Optional[str] = None

    def header(self, name: str) -> str:
        """Return the header called *name*, or ``""``."""
        value: str = self._environ.get("HTTP_" + name.upper().replace("-", "_"), "")
        return value.strip()

    def has_header(self, name: str) -> bool:
        """Return whether there is a header called *name*, even an empty one."""
        return "HTTP_" + name.upper().replace("-", "_") in self._environ

    @property
    def wants_page(self) -> bool:
        """Whether a person's browser asks, who reads a page more easily than a document."""
        is_program = self.header("Authorization").lower().startswith("bearer")
        return "text/html" in self.header("Accept").lower() and not is_program

    @property
    def content_type(self) -> str:
        """What the body is said to be, without parameters."""
        text: str = self._environ.get("CONTENT_TYPE", "") or ""
        return text.partition(";")[0].strip().lower()

    def address(self, fields: Sequence[tuple[str, str]] | None = None) -> str:
        """Return the path and the query, or *fields* in its place, as they stand in a browser's address."""
        query = self.query_string if fields is None else urlencode(fields)
        # WSGI hands paths over as Latin-1.
        return quote(self.path.encode("latin-1", "replace")) + (f"?{query}" if query else "")

    @property
    def query_string(self) -> str:
        """The query as it came."""
        text: str = self._environ.get("QUERY_STRING", "") or ""
        return text

    @property
    def body_length(self) -> int:
        """How long the body is said to be, as far as that can be read."""
        text: str = self._environ.get("CONTENT_LENGTH", "") or ""
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else 0

    @property
    def is_https(self) -> bool:
        """Whether the sender's own connection is encrypted, as far as is known."""
        scheme = self.header("X-Forwarded-Proto") or self._environ.get("wsgi.url_scheme", "http")
        return bool(scheme.lower() == "https")

    @property
    def base_url(self) -> str:
        """Where the sender reached this collector, as far as is known; no slash at its end."""
        host = self.header("Host") or f"{self._environ.get('SERVER_NAME', '')}:{self._environ.get('SERVER_PORT', '')}"
        return f"{'https' if self.is_https else 'http'}://{host}"

    def query_fields(self) -> list[tuple[str, str]]:
        """Return the fields of the query in their order."""
        try:
            return parse_qsl(self.query_string, max_num_fields=_QUERY_FIELDS_MAX)
        except ValueError:
            raise Refusal(400, "the query string has too many fields", reason="query") from None

    def query(self, name: str) -> str | None:
        """Return the first value of the query parameter *name*, or None."""
        return next((value for key, value in self.query_fields() if key == name), None)

    def read_body(self, clock: Clock, deadlines: Deadlines) -> bytes:
        """Return the body, inflated when it was compressed; raise `Refusal` when it cannot be had."""
        coding = self.header("Content-Encoding").lower()
        try:
            decode = _CODINGS[coding]
        except KeyError:
            accepted = (("Accept-Encoding", "gzip"),)
            message = "Content-Encoding is unknown; send gzip or none"
            raise Refusal(415, message, accepted, reason="document") from None
        limit = body_bytes_max(self.path)
        length = self._body_length(limit)
        # Only gunicorn hands its socket over; other servers have read the body before, or keep a
        # time of their own.
        with deadlines.watch(self._environ.get("gunicorn.socket")):
            raw = self._read_raw_body(length, limit, clock)
        return decode(raw, limit)

    def _read_raw_body(self, length: int | None, limit: int, clock: Clock) -> bytes:
        expected = limit + 1 if length is None else length
        stream = self._environ["wsgi.input"]
        ends_at = clock.monotonic() + BODY_SECS_MAX
        body = bytearray()
        while len(body) < expected:
            try:
                part = stream.read(min(expected - len(body), _PART_BYTES))
            except (OSError, ValueError):
                part = b""
            if clock.monotonic() > ends_at:
                raise Refusal(408, f"the body took longer than {BODY_SECS_MAX:.0f} seconds", reason="slow")
            if not part:
                break
            body += part
        if len(body) > limit:
            raise too_large(limit)
        if length is not None and len(body) < length:
            raise Refusal(400, f"the body ends after {len(body)} of {length} bytes", reason="document")
        return bytes(body)

    def _body_length(self, limit: int) -> int | None:
        """Return the announced length in bytes, None when the server knows where the body ends."""
        text: str = self._environ.get("CONTENT_LENGTH", "") or ""
        if not text:
            is_chunked = "chunked" in self.header("Transfer-Encoding").lower()
            if is_chunked and self._environ.get("wsgi.input_terminated"):
                return None
            raise Refusal(411, "Content-Length is missing; say how long the body is", reason="document")
        if not (text.isascii() and text.isdigit()):
            raise Refusal(400, "Content-Length is not a number", reason="document")
        # Twenty digits are no length either, and too long a number is slow to read.
        if len(text) > 20 or int(text) > limit:
            raise too_large(limit)
        return int(text)


def too_large(limit: int, what: str = "the body") -> Refusal:
    """Return the refusal of *what* is larger than *limit* bytes."""
    return Refusal(413, f"{what} is larger than {limit} bytes; send less at once", reason="too large")


def _keep(body: bytes, _limit: int) -> bytes:
    return body


def _inflate(body: bytes, limit: int) -> bytes:
    """Return what *body*, one gzip member, holds; never more than *limit* bytes are inflated."""
    member = zlib.decompressobj(wbits=31)
    try:
        inflated = member.decompress(body, limit + 1)
    except zlib.error:
        message = "the body is not gzip, as its Content-Encoding says"
        raise Refusal(400, message, reason="document") from None
    if len(inflated) > limit:
        raise too_large(limit, "the inflated body")
    # One member only: fifty thousand empty ones fit into a body, and cost minutes.
    if not member.eof or member.unused_data:
        raise Refusal(400, "the gzip body is cut short or something follows it", reason="document")
    return inflated


_CODINGS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "": _keep,
    "identity": _keep,
    "gzip": _inflate,
    "x-gzip": _inflate,
}
