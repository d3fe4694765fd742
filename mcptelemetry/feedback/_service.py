"""
Feedback: what a person typed, on its way to the maintainer.

Typing it is the consent, so no switch is asked; instead the person's own text is searched
for what they would not want to send, and they are told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, fields
from typing import Any, Protocol, Union

from ..errors import FeedbackError
from ..installation import Installation, Journal
from ..privacy import (
    AnonymityViolation,
    BlockedValue,
    Gate,
    SendResult,
    Verdict,
    find_token,
    scan_text_for_pii,
)
from ..state import DeliveryNews
from ..system import Clock, Transport, Turns, around_fork, as_clock
from ..vocabulary import FEEDBACK_PATH
from ..wire import HeartbeatPayload, check_feedback, encode_feedback
from ._answer import ANSWER_BYTES_MAX, read_answer
from ._limiter import RateLimiter
from ._request import FeedbackContext, FeedbackRequest, FeedbackResponse, check_request

__all__ = ["FeedbackService", "build_feedback_service"]

_PER_HOUR = 5
_TIMEOUT_SECS = 15.0


class FeedbackService:
    """
    Sends feedback to ``<endpoint>/feedback``: at most five an hour.

    *context* fills what goes with it, *blocked_values* are what must not stand in it; *journal*
    keeps what was sent, None: nothing does. Safe from any thread; one is sent at a time.
    """

    def __init__(
        self,
        *,
        app: str,
        endpoint: str,
        transport: Transport,
        context: Callable[[], FeedbackContext],
        blocked_values: Iterable[BlockedValue] = (),
        clock: Union[Clock, Callable[[], float], None] = None,
        limiter: RateLimiter | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._app = app
        self._url = f"{endpoint.rstrip('/')}{FEEDBACK_PATH}"
        self._context = context
        self._blocked_values = tuple(blocked_values)
        clock = as_clock(clock)
        self._limiter = limiter or RateLimiter(_PER_HOUR, clock.monotonic)
        # No switch: see the module's first words.
        self._gate = Gate(transport, refusal=lambda: None, clock=clock, scan=self._scan)
        self._journal = journal
        self._sending = Turns(fork_wait_secs=0)
        around_fork(in_child=self._after_fork, place="loop")

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
        check_request(request)
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
        turn = self._sending.take(_TIMEOUT_SECS)
        if turn is None:
            msg = "another one is still being sent; try again"
            raise FeedbackError(msg)
        try:
            outcome = self._gate.post(
                self._url,
                body,
                {"Content-Type": "application/json"},
                _TIMEOUT_SECS,
                answer_max_bytes=ANSWER_BYTES_MAX,
                is_repeatable=False,  # nobody at the other end tells two of the same apart
            )
        finally:
            self._gate.close()
            self._sending.give_back(turn)
        self._keep(body, outcome)
        if outcome.verdict is not Verdict.DELIVERED:
            msg = f"the feedback was not accepted: {outcome.message}"
            raise FeedbackError(msg, status=outcome.status)
        return read_answer(outcome.body)

    def _after_fork(self) -> None:
        self._sending.after_fork()
        self._gate.after_fork()

    def _keep(self, body: bytes, outcome: SendResult) -> None:
        """Keep *body*, which left, for the person to read again."""
        if self._journal is None or outcome.verdict in (Verdict.UNCLEAN, Verdict.UNABLE):
            return
        is_delivered, now = outcome.verdict is Verdict.DELIVERED, self._journal.now()
        self._journal.add(
            DeliveryNews(
                self._journal.stream,
                self._journal.endpoint,
                began_at=now,
                at=now,
                delivered=int(is_delivered),
                rejected=int(not is_delivered),  # nobody sends it again
                succeeded_at=now if is_delivered else None,
                error=None if is_delivered else outcome.message,
                document=self._journal.document(body, outcome.status, "delivered" if is_delivered else "rejected"),
            )
        )

    def _scan(self, body: bytes) -> str | None:
        """Return why *body* must not leave, in words for the person who wrote it."""
        # The person's own words only: in ours, somebody called `linux` would find their name.
        document = json.loads(body)
        # Of their own name not in their address either, and only there: they give it to be
        # answered, most are called as it is, and to refuse it would refuse most who want an
        # answer. The machine's name, credentials, paths and tokens are refused in both.
        unlike_them = tuple(value for value in self._blocked_values if value.label != "username")
        return _guilt_of("message", document["message"], self._blocked_values) or _guilt_of(
            "email", document.get("email", ""), unlike_them
        )


_WHAT_OF_RULE = {"blocked_prefix": "a path", "blocked_value": "something of this machine's"}


def _guilt_of(name: str, text: str, blocked: Iterable[BlockedValue]) -> str | None:
    """Return why *text*, the document's *name*, must not leave, None when nothing speaks against it."""
    try:
        scan_text_for_pii(text, blocked)
    except AnonymityViolation as violation:
        what = _WHAT_OF_RULE.get(violation.rule, "something that could not be searched")
        kind = violation.pattern
    else:
        token = find_token(text)
        if token is None:
            return None
        what, kind = "a token", token
    return f"the {name} holds {what} that should not leave ({kind}); take that out and try again"


class BuildsPayload(Protocol):
    """A heartbeat service."""

    def build_payload(self) -> HeartbeatPayload:
        """Return the heartbeat that would be sent now."""
        ...


def build_feedback_service(installation: Installation, heartbeat: Callable[[], BuildsPayload]) -> FeedbackService:
    """Return the service of *installation*; its context is taken from what *heartbeat* gives, when it is first needed."""
    endpoint = installation.heartbeat_endpoint
    if endpoint is None:
        msg = "there is no endpoint for feedback; set endpoint in [telemetry] of telemetry.toml"
        raise FeedbackError(msg)

    def context() -> FeedbackContext:
        payload = heartbeat().build_payload()
        return FeedbackContext(**{field.name: getattr(payload, field.name) for field in fields(FeedbackContext)})

    return FeedbackService(
        app=installation.application.name,
        endpoint=endpoint,
        transport=installation.open_transport(),
        context=context,
        blocked_values=installation.blocked_values(),
        clock=installation.clock,
        journal=Journal(installation, "feedback", f"{endpoint.rstrip('/')}{FEEDBACK_PATH}"),
    )


def _writable(text: str) -> str:
    """Return *text* without half characters, which no file and no wire can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
