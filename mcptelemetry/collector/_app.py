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
from ..wire import EMPTY_BATCH
from ._asked import parse_filter
from ._documents import DocumentError, read_batch
from ._feedback import read_feedback
from ._guards import Guard, RateLimit, refuse_browsers, require_loopback, require_token
from ._heartbeats import read_heartbeat
from ._report import compile_report
from ._requests import IncomingRequest, Refusal, Response
from .stores import Filter, Store, StoreError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["EVENTS_PATH", "FEEDBACK_PATH", "HEARTBEAT_PATH", "RATE_LIMIT_PER_SECOND", "create_app"]

_log = logging.getLogger(__name__)

# More than one machine can send, less than it takes to keep a disk from doing anything else.
RATE_LIMIT_PER_SECOND = 2000.0
_STORE_RETRY_AFTER_SECS = 10
_ASKED = ("app", "version", "client", "tool", "env_kind", "since", "until")


def create_app(
    store: Store,
    *,
    token: str | None = None,
    report_token: str | None = None,
    rate_limit: float | None = RATE_LIMIT_PER_SECOND,
    clock: Union[Clock, Callable[[], float], None] = None,
) -> WSGIApplication:
    """
    Return the collector as an application for any WSGI server.

    Args:
        store: where what arrives is kept.
        token: events are taken only with ``Authorization: Bearer <token>``; None: from anybody.
        report_token: the report is shown to whoever sends this as bearer token, and to nobody
            else; None: to loopback only. Set one when the app stands behind a reverse proxy.
        rate_limit: how many posts of events, and again of heartbeats and feedback together, a
            process takes a second; None: any number.
        clock: a `Clock`, or a function that returns Unix seconds; None: the machine's.

    Raises:
        TypeError, ValueError: naming the argument that cannot be used.
    """
    clock = as_clock(clock)
    _check_rate_limit(rate_limit)
    handlers = _Handlers(store, clock)
    sender: list[Guard] = [refuse_browsers]
    if token is not None:
        sender.append(require_token(_check_token("token", token)))
    # Anybody may send these: they have a bucket of their own, so that no flood keeps events out.
    stranger: list[Guard] = [refuse_browsers]
    if rate_limit is not None:
        sender.append(RateLimit(rate_limit, clock))
        stranger.append(RateLimit(rate_limit, clock))
    reader: list[Guard] = [
        require_loopback
        if report_token is None
        else require_token(_check_token("report_token", report_token))
    ]
    return _App(
        (
            Route("POST", EVENTS_PATH, handlers.take_events, tuple(sender)),
            Route("POST", SHORT_EVENTS_PATH, handlers.take_events, tuple(sender)),
            Route("POST", HEARTBEAT_PATH, handlers.take_heartbeat, tuple(stranger)),
            Route("POST", FEEDBACK_PATH, handlers.take_feedback, tuple(stranger)),
            Route("GET", "/healthz", handlers.show_health),
            Route("GET", "/api/report", handlers.show_report, tuple(reader)),
        )
    )


@dataclass(frozen=True)
class Route:
    """Where a request goes: the *handler* answers when no guard has refused."""

    method: str
    path: str
    handler: Callable[[IncomingRequest], Response]
    guards: tuple[Guard, ...] = ()


class _Handlers:
    """What the routes do, on one store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def take_events(self, request: IncomingRequest) -> Response:
        try:
            reading = read_batch(request.read_body())
        except DocumentError as error:
            raise Refusal(400, str(error)) from None
        stored, duplicates = self._store.add_events(reading.batch, received_at=int(self._clock.time()))
        document: dict[str, object] = {"stored": stored, "duplicates": duplicates}
        if reading.ignored_fields:
            document["ignored_fields"] = reading.ignored_fields
        return Response(202, document)

    def take_heartbeat(self, request: IncomingRequest) -> Response:
        body = request.read_body()
        if body == EMPTY_BATCH:  # somebody asks whether heartbeats are taken here
            return Response(202, {"stored": 0, "duplicates": 0})
        try:
            document, ignored_fields = read_heartbeat(body)
        except DocumentError as error:
            raise Refusal(400, str(error)) from None
        stored, duplicates = self._store.add_heartbeat(document, received_at=int(self._clock.time()))
        answer: dict[str, object] = {"stored": stored, "duplicates": duplicates}
        if ignored_fields:
            answer["ignored_fields"] = ignored_fields
        return Response(202, answer)

    def take_feedback(self, request: IncomingRequest) -> Response:
        try:
            document = read_feedback(request.read_body())
        except DocumentError as error:
            raise Refusal(400, str(error)) from None
        self._store.add_feedback(document, received_at=int(self._clock.time()))
        return Response(202, {"success": True})

    def show_health(self, _request: IncomingRequest) -> Response:
        self._store.check()
        return Response(200, {"status": "ok"})

    def _read_filter(self, request: IncomingRequest) -> Filter:
        try:
            return parse_filter(now=self._clock.time(), **{name: request.query(name) for name in _ASKED})
        except ValueError as error:
            raise Refusal(400, str(error)) from None

    def show_report(self, request: IncomingRequest) -> Response:
        return Response(200, compile_report(self._store, self._read_filter(request)))


class _App:
    """
    The WSGI callable.

    Safe between threads. `_is_store_down` is written without a lock: two threads that see an
    outage begin may both report it, and that is the worst.
    """

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self._routes = {(route.method, route.path): route for route in routes}
        self._is_store_down = False

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = IncomingRequest(environ)
        response = self._answer(request)
        body = response.encode()
        start_response(
            response.status_line,
            [
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(body))),
                ("Cache-Control", "no-store"),
                ("X-Content-Type-Options", "nosniff"),
                *response.headers,
            ],
        )
        return [] if request.method == "HEAD" else [body]

    def _answer(self, request: IncomingRequest) -> Response:
        """Return the response to *request*, whatever happens on the way."""
        try:
            route = self._find(request)
            for guard in route.guards:
                guard(request)
            response = route.handler(request)
        except Refusal as refusal:
            return refusal.response
        except StoreError as error:
            return self._report_outage(error)
        except Exception:  # noqa: BLE001  a mistake of ours must not end the sender's connection
            _log.exception("an answer of the collector failed")
            return Response(500, {"error": "the collector failed; its log says why"})
        self._is_store_down = False
        return response

    def _find(self, request: IncomingRequest) -> Route:
        method = "GET" if request.method == "HEAD" else request.method
        try:
            return self._routes[method, request.path]
        except KeyError:
            pass
        methods = [method for method, path in self._routes if path == request.path]
        if not methods:
            raise Refusal(404, "there is nothing here")
        allowed = ", ".join(sorted({*methods, *(["HEAD"] if "GET" in methods else [])}))
        raise Refusal(405, f"use {allowed}", (("Allow", allowed),))

    def _report_outage(self, error: StoreError) -> Response:
        # One line an outage, and the sender is not told where the file lies.
        if not self._is_store_down:
            self._is_store_down = True
            _log.warning("the collector's store cannot be used: %s", printable(str(error)))
        return Response(
            503,
            {"error": "the store cannot be used at present; try again later"},
            (("Retry-After", str(_STORE_RETRY_AFTER_SECS)),),
        )


def _check_token(name: str, value: object) -> str:
    """Return *value* when it can stand in a header; the message never holds it."""
    if not isinstance(value, str):
        msg = f"{name} must be a str or None, not {type(value).__name__}"
        raise TypeError(msg)
    if not value or not all("!" <= character <= "~" for character in value):
        msg = f"{name} must be one or more printable ASCII characters without a space; or leave it out"
        raise ValueError(msg)
    return value


def _check_rate_limit(value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        msg = f"rate_limit must be a number of requests a second or None, not {type(value).__name__}"
        raise TypeError(msg)
    if not 0 < value < float("inf"):
        msg = f"rate_limit={value!r} is not usable: give a number above 0, or None for no limit"
        raise ValueError(msg)
