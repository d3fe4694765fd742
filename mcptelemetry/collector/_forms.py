"""
What a page posts: the fields of a form, and where the browser goes afterwards.

A form says where it came from, so that a person is back there after it. Since anybody can write
such a form, only this collector's own pages are gone to.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

from ..system import Clock
from ._deadlines import Deadlines
from ._limits import FORM_FIELDS_MAX
from ._requests import IncomingRequest, Refusal

__all__ = ["PAGE_PATHS", "Forms", "own_target"]

PAGE_PATHS = ("/", "/tool", "/inbox", "/api/report", "/metrics")
"""Where a browser may be sent."""

_FORM = "application/x-www-form-urlencoded"
_TARGET_LENGTH_MAX = 4096


class Forms:
    """Reads what was posted, in bounded size and time; safe between threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._deadlines = Deadlines(clock)

    def read(self, request: IncomingRequest) -> list[tuple[str, str]]:
        """Return the fields of the form that *request* posts, in their order."""
        if request.content_type != _FORM:
            raise Refusal(415, f"send a form, as {_FORM}", reason="document")
        body = request.read_body(self._clock, self._deadlines)
        try:
            return parse_qsl(body.decode("utf-8", "replace"), max_num_fields=FORM_FIELDS_MAX)
        except ValueError:
            raise Refusal(400, "the form has too many fields", reason="document") from None


def own_target(text: str) -> str:
    """Return *text* when it is the address of a page of this collector's, written anew; ``/`` otherwise."""
    if len(text) > _TARGET_LENGTH_MAX or not text.isprintable():
        return "/"
    try:
        parts = urlsplit(text)
        fields = parse_qsl(parts.query, max_num_fields=FORM_FIELDS_MAX)
    except ValueError:
        return "/"
    if parts.scheme or parts.netloc or parts.path not in PAGE_PATHS:
        return "/"
    query = urlencode([field for field in fields if field[0] != "token"], errors="replace")
    return parts.path + (f"?{query}" if query else "")
