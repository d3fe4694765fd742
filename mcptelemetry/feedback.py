"""
Feedback: what a person typed, on its way to the maintainer.

Typing it is the consent, so no switch is asked; instead the person's own text is searched
for what they would not want to send, and they are told. What comes back is shown to them,
so it is read with care: capped, and believed only where it can be.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Union
from urllib.parse import urlsplit

from .application import home_directory
from .errors import FeedbackError
from .privacy import (
    AnonymityViolation,
    BlockedValue,
    Gate,
    Verdict,
    collect_blocked_values,
    scan_text_for_pii,
)
from .system import Clock, HttpTransport, NetworkSettings, Transport, as_clock
from .wire import (
    FEEDBACK_CATEGORIES,
    FEEDBACK_CHARACTERS_MAX,
    FEEDBACK_CHARACTERS_MIN,
    HeartbeatPayload,
    check_feedback,
    encode_feedback,
)

__all__ = [
    "FeedbackContext",
    "FeedbackRequest",
    "FeedbackResponse",
    "FeedbackService",
    "RateLimiter",
    "build_feedback_service",
    "validate_category",
    "validate_message",
]

_HOUR_SECS = 3600.0
_PER_HOUR = 5
_TIMEOUT_SECS = 15.0
_ANSWER_BYTES_MAX = 1024 * 1024
_URL_CHARACTERS_MAX = 2048


def validate_category(category: str) -> bool:
    """Return whether *category* is one of `bug`, `feature`, `other`."""
    return isinstance(category, str) and category in FEEDBACK_CATEGORIES


def validate_message(message: str) -> None:
    """
    Return when *message* can be sent: text of 10 to 5,000 characters.

    Surrounding white space does not count. Raises `ValueError` saying how many there are.
    """
    if not isinstance(message, str):
        msg = f"message must be a str of {FEEDBACK_CHARACTERS_MIN} to {FEEDBACK_CHARACTERS_MAX:,} characters"
        raise ValueError(msg)  # noqa: TRY004  what was typed is a value, whatever its type
    length = len(message.strip())
    if length < FEEDBACK_CHARACTERS_MIN:
        msg = f"message has {length} characters; say it in {FEEDBACK_CHARACTERS_MIN} or more"
        raise ValueError(msg)
    if length > FEEDBACK_CHARACTERS_MAX:
        msg = f"message has {length:,} characters; shorten it to {FEEDBACK_CHARACTERS_MAX:,}"
        raise ValueError(msg)


@dataclass(frozen=True)
class FeedbackRequest:
    """
    What a person wants to say: *category* (`bug`, `feature`, `other`), *message*, and, only
    if they want an answer, *email*.
    """

    category: str
    message: str
    email: str | None = None


@dataclass(frozen=True)
class FeedbackContext:
    """What goes with every feedback, filled by us: nothing that a heartbeat would not say."""

    version: str
    edition: str
    os: str
    arch: str
    server_count: int = 0
    connected_server_count: int = 0
    routing_mode: str = "unknown"


@dataclass(frozen=True)
class FeedbackResponse:
    """What the maintainer's side answered: *issue_url* where it can be followed, or an *error*."""

    success: bool
    issue_url: str | None = None
    error: str | None = None


class RateLimiter:
    """
    At most *max_per_hour* in any hour; *clock* gives seconds that only rise.

    Safe from any thread. A *max_per_hour* below 0 is a `ValueError`.
    """

    def __init__(self, max_per_hour: int, clock: Callable[[], float] = time.monotonic) -> None:
        if isinstance(max_per_hour, bool) or not isinstance(max_per_hour, int) or max_per_hour < 0:
            msg = f"max_per_hour={max_per_hour!r} is not usable: give a whole number, 0 or more"
            raise ValueError(msg)
        self._max = max_per_hour
        self._clock = clock
        self._lock = threading.Lock()
        self._allowed_at: deque[float] = deque()  # guarded by _lock

    def allow(self) -> bool:
        """Return whether one more fits into the hour that ends now, and count it if so."""
        now = self._clock()
        with self._lock:
            while self._allowed_at and now - self._allowed_at[0] >= _HOUR_SECS:
                self._allowed_at.popleft()
            if len(self._allowed_at) >= self._max:
                return False
            self._allowed_at.append(now)
            return True


class FeedbackService:
    """
    Sends feedback to ``<endpoint>/feedback``: at most five an hour.

    *context* fills what goes with it, *blocked_values* are what must not stand in it. Safe
    from any thread; one is sent at a time.
    """

    def __init__(
        self,
        *,
        app: str,
        endpoint: str,
        transport: Transport,
        context: Callable[[], FeedbackContext],
        blocked_values: Iterable[BlockedValue] = (),
        clock: Union[Clock, Callable[[], float], None] = None,  # noqa: UP007  3.9
        limiter: RateLimiter | None = None,
    ) -> None:
        self._app = app
        self._url = f"{endpoint.rstrip('/')}/feedback"
        self._context = context
        self._blocked_values = tuple(blocked_values)
        clock = as_clock(clock)
        self._limiter = limiter or RateLimiter(_PER_HOUR, clock.monotonic)
        # No switch: see the module's first words.
        self._gate = Gate(transport, refusal=lambda: None, clock=clock, scan=self._scan)
        self._sending = threading.Lock()

    @property
    def url(self) -> str:
        """Where feedback goes."""
        return self._url

    def compose(self, request: FeedbackRequest) -> bytes:
        """
        Return the exact document that `submit()` sends for *request*.

        Raises `ValueError` for what cannot be sent, and `FeedbackError` when it holds
        something of this machine's that should not leave.
        """
        if not isinstance(request, FeedbackRequest):
            msg = f"request must be a FeedbackRequest, not {type(request).__name__}"
            raise TypeError(msg)
        if not validate_category(request.category):
            msg = f"category={request.category!r} is not usable: say {', '.join(FEEDBACK_CATEGORIES)}"
            raise ValueError(msg)
        validate_message(request.message)
        document: dict[str, Any] = {
            "app": self._app,
            "category": str(request.category),
            "message": _writable(request.message.strip()),
            "context": asdict(self._context()),
        }
        if request.email:
            document["email"] = str(request.email).strip()
        check_feedback(document)
        body = encode_feedback(document)
        problem = self._scan(body)
        if problem is not None:
            raise FeedbackError(problem)
        return body

    def submit(self, request: FeedbackRequest) -> FeedbackResponse:
        """
        Send *request* and return what was answered.

        Raises `ValueError` for what cannot be sent (which does not count against the five an
        hour), and `FeedbackError` when it was not accepted, with the status if there was one.
        """
        body = self.compose(request)
        if not self._limiter.allow():
            msg = f"{_PER_HOUR} were sent within the last hour; try again later"
            raise FeedbackError(msg)
        with self._sending:
            try:
                outcome = self._gate.post(
                    self._url,
                    body,
                    {"Content-Type": "application/json"},
                    _TIMEOUT_SECS,
                    answer_max_bytes=_ANSWER_BYTES_MAX,
                    is_repeatable=False,  # nobody at the other end tells two of the same apart
                )
            finally:
                self._gate.close()
        if outcome.verdict is not Verdict.DELIVERED:
            msg = f"the feedback was not accepted: {outcome.message}"
            raise FeedbackError(msg, status=outcome.status)
        return _response_of(outcome.body)

    def _scan(self, body: bytes) -> str | None:
        """Return why *body* must not leave, in words for the person who wrote it."""
        # The person's own words only: in ours, somebody called `linux` would find their name.
        message = json.loads(body)["message"]
        try:
            scan_text_for_pii(message, self._blocked_values)
        except AnonymityViolation as violation:
            what = "a path" if violation.rule == "blocked_prefix" else "something of this machine's"
            return f"it holds {what} that should not leave ({violation.pattern}); take that out and try again"
        return None


def build_feedback_service(
    *,
    app: str,
    endpoint: str | None,
    environ: Mapping[str, str],
    clock: Clock,
    transport: Transport | None,
    network: NetworkSettings | None,
    describe: Callable[[], HeartbeatPayload],
) -> FeedbackService:
    """Return the service of *app* on this machine; *describe* gives what its context is taken from."""
    if endpoint is None:
        msg = "there is no endpoint for feedback; set endpoint in [telemetry] of telemetry.toml"
        raise FeedbackError(msg)

    def context() -> FeedbackContext:
        payload = describe()
        return FeedbackContext(**{field.name: getattr(payload, field.name) for field in fields(FeedbackContext)})

    return FeedbackService(
        app=app,
        endpoint=endpoint,
        transport=transport or HttpTransport(environ=environ, network=network),
        context=context,
        blocked_values=collect_blocked_values(socket.gethostname(), home_directory(environ), environ),
        clock=clock,
    )


def _response_of(body: bytes) -> FeedbackResponse:
    """Return what a 2xx answer says; one that cannot be read is success all the same."""
    try:
        document = json.loads(body.decode("utf-8"))
        if not isinstance(document, dict):
            return FeedbackResponse(success=True)
    except (ValueError, RecursionError):
        return FeedbackResponse(success=True)
    error = document.get("error")
    success = document.get("success", True)
    return FeedbackResponse(
        success=success is not False,
        issue_url=_web_address(document.get("issue_url")),
        error=_one_line(error) if isinstance(error, str) and error else None,
    )


def _web_address(value: object) -> str | None:
    """Return *value* when it is a web address that can be shown on a terminal."""
    if not isinstance(value, str) or len(value) > _URL_CHARACTERS_MAX:
        return None
    if not all("!" <= character <= "~" for character in value):
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return value if parts.scheme in ("https", "http") and parts.netloc else None


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text[:200]).split())


def _writable(text: str) -> str:
    """Return *text* without half characters, which no file and no wire can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
