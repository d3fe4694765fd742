"""
The collector as a WSGI application: one table of routes.

A route is method, path, the guards that are asked first, and a handler that returns the
response. The app knows the order of things (find, guard, handle, encode) and turns every
failure into a JSON answer; it never lets an exception out to the server.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from ..system import Clock, as_clock, printable
from ..vocabulary import EVENTS_PATH, FEEDBACK_PATH, HEARTBEAT_PATH, SHORT_EVENTS_PATH
from ._guards import Guard, RateLimit, SenderTokens, Tokens, refuse_browsers
from ._intake import Intake
from ._metrics import TakenIn
from ._refusals import OUTAGE, Refusals
from ._report_access import ReportAccess
from ._requests import IncomingRequest, Refusal, Response
from ._shown import Shown
from .stores import Store, StoreError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["EVENTS_PATH", "FEEDBACK_PATH", "HEARTBEAT_PATH", "RATE_LIMIT_PER_SECOND", "create_app", "end_app"]

_log = logging.getLogger(__name__)

# More than one machine can send, less than it takes to keep a machine from doing anything else.
RATE_LIMIT_PER_SECOND = 10_000.0
_STORE_RETRY_AFTER_SECS = 10


def create_app(
    store: Store,
    *,
    token: Tokens = None,
    report_token: str | None = None,
    rate_limit: float | None = RATE_LIMIT_PER_SECOND,
    clock: Union[Clock, Callable[[], float], None] = None,
) -> WSGIApplication:
    """
    Return the collector as an application for any WSGI server.

    Args:
        store: where what arrives is kept.
        token: events are taken only with ``Authorization: Bearer <token>``; a mapping gives
            several tokens, each with the applications it may write for (None: all); None: events
            are taken from anybody.
        report_token: the report and the metrics are shown to whoever sends this as bearer token
            or opens ``?token=`` with it, and to nobody else; None: to nobody.
        rate_limit: how many posts of events, and again of heartbeats and feedback together, a
            process takes a second; None: any number.
        clock: a `Clock`, or a function that returns Unix seconds; None: the machine's.

    Raises:
        TypeError, ValueError: naming the argument that cannot be used.
    """
    clock = as_clock(clock)
    _check_rate_limit(rate_limit)
    refusals, taken_in = Refusals(clock), TakenIn()
    intake = Intake(store, clock, refusals, taken_in)
    access = ReportAccess(report_token)
    shown = Shown(store, clock, refusals, taken_in)
    sender: list[Guard] = [refuse_browsers]
    if token is not None:
        sender.append(SenderTokens(token))
    # Anybody may send these: they have a bucket of their own, so that no flood keeps events out.
    stranger: list[Guard] = [refuse_browsers]
    if rate_limit is not None:
        sender.append(RateLimit(rate_limit, clock))
        stranger.append(RateLimit(rate_limit, clock))
    return _App(
        (
            Route("POST", EVENTS_PATH, intake.take_events, tuple(sender)),
            Route("POST", SHORT_EVENTS_PATH, intake.take_events, tuple(sender)),
            Route("POST", HEARTBEAT_PATH, intake.take_heartbeat, tuple(stranger)),
            Route("POST", FEEDBACK_PATH, intake.take_feedback, tuple(stranger)),
            Route("GET", "/healthz", shown.show_health),
            Route("GET", "/readyz", shown.show_readiness),
            Route("GET", "/api/report", access.admitting(shown.show_report)),
            Route("GET", "/metrics", access.admitting(shown.show_metrics)),
            Route("GET", "/", access.admitting(shown.show_index)),
        ),
        intake,
    )


def end_app(app: WSGIApplication) -> None:
    """Have *app*, when it is one of `create_app`, store what it still knows, after its last request."""
    if isinstance(app, _App):
        app.end()


@dataclass(frozen=True)
class Route:
    """Where a request goes: the *handler* answers when no guard has refused."""

    method: str
    path: str
    handler: Callable[[IncomingRequest], Response]
    guards: tuple[Guard, ...] = ()


class _App:
    """
    The WSGI callable.

    Safe between threads. `_is_store_down` is written without a lock: two threads that see an
    outage begin may both report it, and that is the worst.
    """

    def __init__(self, routes: tuple[Route, ...], intake: Intake) -> None:
        self._routes = {(route.method, route.path): route for route in routes}
        self._intake = intake
        self._is_store_down = False

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = IncomingRequest(environ)
        response = self._answer(request)
        body = response.encode()
        start_response(
            response.status_line,
            [
                ("Content-Type", response.kind),
                ("Content-Length", str(len(body))),
                ("Cache-Control", "no-store"),
                ("X-Content-Type-Options", "nosniff"),
                *response.headers,
            ],
        )
        return [] if request.method == "HEAD" else [body]

    def end(self) -> None:
        """Put into the store what no later request will."""
        self._intake.end()

    def _answer(self, request: IncomingRequest) -> Response:
        """Return the response to *request*, whatever happens on the way."""
        counted: list[RateLimit] = []
        try:
            route = self._find(request)
            for guard in route.guards:
                guard(request)
                if isinstance(guard, RateLimit):
                    counted.append(guard)
            response = route.handler(request)
        except Refusal as refusal:
            for rate in counted:
                rate.give_back()
            self._intake.note_refusal(refusal.reason, request.path)
            return refusal.response
        except StoreError as error:
            return self._report_outage(request, error)
        except Exception:  # noqa: BLE001  a mistake of ours must not end the sender's connection
            _log.exception("an answer of the collector failed")
            return Response(500, {"error": "the collector failed; its log says why"})
        if counted and self._is_store_down and response.status == 202:
            self._is_store_down = False
            _log.warning("the collector's store can be used again")
        return response

    def _find(self, request: IncomingRequest) -> Route:
        method = "GET" if request.method == "HEAD" else request.method
        try:
            return self._routes[method, request.path]
        except KeyError:
            pass
        methods = [method for method, path in self._routes if path == request.path]
        if not methods:
            raise Refusal(404, "there is nothing here", reason="path")
        allowed = ", ".join(sorted({*methods, *(["HEAD"] if "GET" in methods else [])}))
        raise Refusal(405, f"use {allowed}", (("Allow", allowed),), reason="method")

    def _report_outage(self, request: IncomingRequest, error: StoreError) -> Response:
        # One line an outage, and the sender is not told where the file lies.
        if not self._is_store_down:
            self._is_store_down = True
            _log.warning("the collector's store cannot be used: %s", printable(str(error)))
        self._intake.note_refusal(OUTAGE, request.path)
        return Response(
            503,
            {"error": "the store cannot be used at present; try again later"},
            (("Retry-After", str(_STORE_RETRY_AFTER_SECS)),),
        )


def _check_rate_limit(value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        msg = f"rate_limit must be a number of requests a second or None, not {type(value).__name__}"
        raise TypeError(msg)
    if not 0 < value < float("inf"):
        msg = f"rate_limit={value!r} is not usable: give a number above 0, or None for no limit"
        raise ValueError(msg)
