"""
What of an answer is for a person's browser: its headers, and errors that can be read.

No page of ours runs or loads anything that does not come from here, is shown inside another's, or
tells another where the reader came from. The page itself is made when the first person asks: a
collector that only takes in needs no templates.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from ..errors import TelemetryError
from ..system import Clock
from ._forms import own_target
from ._guesses import TooManyGuesses
from ._report_access import TokenWanted
from ._requests import Headers, IncomingRequest, Refusal, Response
from .page import Page
from .stores import Questions

__all__ = ["FORM_PATHS", "HTML", "PAGE_HEADERS", "Pages"]

_log = logging.getLogger(__name__)

HTML = "text/html; charset=utf-8"
FORM_PATHS = ("/sign-in", "/sign-out", "/inbox/read")
"""Where pages of ours post to."""

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS: Headers = (
    ("Content-Security-Policy", _POLICY),
    # With none at all a browser would not say either that a form is from our own page.
    ("Referrer-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)


class Pages:
    """Makes the page once, and pages of what goes wrong. Safe between threads."""

    def __init__(self, questions: Questions, clock: Clock, *, is_public: bool) -> None:
        self._questions = questions
        self._clock = clock
        self._is_public = is_public
        self._lock = threading.Lock()
        self._page: Page | None = None  # guarded by _lock

    @property
    def page(self) -> Page:
        """The page; raises `Refusal` where the package that it needs is not installed."""
        with self._lock:
            if self._page is None:
                try:
                    self._page = Page(self._questions, self._clock, is_public=self._is_public)
                except TelemetryError as error:
                    raise Refusal(501, str(error), reason="page") from None
            return self._page

    def sign_in(self, target: str) -> Response:
        """Return the form that leads to *target*."""
        return Response(200, None, PAGE_HEADERS, self.page.sign_in(target, None).encode(), HTML)

    def explain(self, request: IncomingRequest, refusal: Refusal) -> Response:
        """Return the answer to *request* that tells of *refusal*."""
        response = refusal.response
        if isinstance(refusal, TokenWanted):
            message = _as_sentence(response) if refusal.is_wrong else None
            if message is None and _came_by_a_link(request):
                response = replace(response, headers=(*response.headers, ("Refresh", f"0; url={_target(request)}")))
        elif isinstance(refusal, TooManyGuesses):
            message = _as_sentence(response)
        else:
            return self.as_page(request, refusal.response)
        return self._as_page(request, response, lambda page: page.sign_in(_target(request), message))

    def as_page(self, request: IncomingRequest, response: Response) -> Response:
        """Return *response*, which tells of an error, as a page where a person asked."""
        return self._as_page(request, response, lambda page: page.trouble(_as_sentence(response)))

    def _as_page(self, request: IncomingRequest, response: Response, draw: Callable[[Page], str]) -> Response:
        # Whoever posts documents is a program, whatever it says that it would like.
        if not request.wants_page or (request.method not in ("GET", "HEAD") and request.path not in FORM_PATHS):
            return response
        try:
            text = draw(self.page)
        except Refusal:
            return response
        except Exception:  # noqa: BLE001  what went wrong first is to be told all the same
            _log.exception("a page of the collector that tells of an error failed")
            return response
        return Response(response.status, None, (*response.headers, *PAGE_HEADERS), text.encode(), HTML)


def _came_by_a_link(request: IncomingRequest) -> bool:
    """
    Return whether a link elsewhere, in a mail or a chat, was followed to here.

    A browser keeps a strict cookie to itself then, so that whoever has signed in would see the
    form. It is told to ask once more: from here, and so with the cookie if it has one.
    """
    is_followed = (request.header("Sec-Fetch-Mode"), request.header("Sec-Fetch-Dest")) == ("navigate", "document")
    return is_followed and request.method == "GET" and request.header("Sec-Fetch-Site") in ("cross-site", "same-site")


def _target(request: IncomingRequest) -> str:
    return own_target(request.address()) if request.target is None else request.target


def _as_sentence(response: Response) -> str:
    message = str((response.document or {}).get("error", ""))
    first = message.partition(" ")[0]
    # The name of a field, such as period='x', stays as it is typed.
    return (message if "=" in first else message[:1].upper() + message[1:]) + "."
