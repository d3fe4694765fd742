"""
The collector as a WSGI application: one table of routes.

The app knows the order of things (find, guard, handle, encode) and turns every failure into an
answer, in JSON or as a page where a person's browser asked; it never lets an exception out to
the server.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple, Optional, Union

from ..system import Clock, as_clock
from ..vocabulary import EVENTS_PATH, FEEDBACK_PATH, HEARTBEAT_PATH, SHORT_EVENTS_PATH
from ._forms import Forms
from ._guards import Guard, RateLimit, SenderTokens, Tokens, refuse_browsers
from ._guesses import GUESSES_A_MINUTE, Guesses
from ._hosts import Hosts
from ._intake import Intake
from ._late_answers import LateAnswer, LateBody
from ._metrics import TakenIn
from ._outage import Outage
from ._page_routes import ASSETS_PATH, TABLES_PATH, Crowd, PageRoutes, show_asset
from ._pages import Pages
from ._refusals import OUTAGE, Refusals
from ._report_access import ReportAccess
from ._requests import IncomingRequest, Refusal, Response
from ._routes import Route, Routes
from ._shown import Shown
from ._sign_in import SIGN_IN_PATH, SIGN_OUT_PATH, SignIn
from ._streams import Stream
from ._turns import NoTurn, Turns, too_busy
from .stores import Store, StoreError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["EVENTS_PATH", "FEEDBACK_PATH", "HEARTBEAT_PATH", "RATE_LIMIT_PER_SECOND", "answering_late", "create_app", "end_app"]

_log = logging.getLogger(__name__)

# More than one machine can send, less than it takes to keep a machine from doing anything else.
RATE_LIMIT_PER_SECOND = 10_000.0
_STORE_RETRY_AFTER_SECS = 10
# Where everybody may look: enough for a crowd, and threads are left for those who send.
_STRANGERS_A_SECOND = 10.0
_STRANGERS_AT_ONCE = 4


def create_app(
    store: Store,
    *,
    token: Tokens = None,
    report_token: str | None = None,
    rate_limit: float | None = RATE_LIMIT_PER_SECOND,
    clock: Union[Clock, Callable[[], float], None] = None,
    public: bool = False,
    hosts: Iterable[str] = (),
    guess_limit: int = GUESSES_A_MINUTE,
) -> WSGIApplication:
    """
    Return the collector as an application for any WSGI server.

    Args:
        store: where what arrives is kept.
        token: events are taken only with ``Authorization: Bearer <token>``; a mapping gives
            several tokens, each with the applications it may write for (None: all); None: events
            are taken from anybody.
        report_token: the page, the report and the metrics are shown to whoever sends this as
            bearer token, opens ``?token=`` with it or types it into the page's own form, and to
            nobody else; None: to nobody.
        rate_limit: how many posts of events, and again of heartbeats and feedback together, a
            process takes a second; None: any number.
        clock: a `Clock`, or a function that returns Unix seconds; None: the machine's.
        public: the page, without what people wrote and without small counts, is open to
            everybody; the report and the metrics are not.
        hosts: the names under which the page and the report are asked for; none: any, but a page
            that is open to everybody only under an address or localhost.
        guess_limit: how many wrong tokens of readers a process looks at in a minute; of several
            processes each gets its part.

    Raises:
        TypeError, ValueError: naming the argument that cannot be used.
    """
    clock = as_clock(clock)
    _check_rate_limit(rate_limit)
    _check_guess_limit(guess_limit)
    refusals, taken_in, outage = Refusals(clock), TakenIn(), Outage()
    intake = Intake(store, clock, refusals, taken_in)
    names, forms, turns = Hosts(hosts), Forms(clock), Turns()
    access = ReportAccess(report_token, Guesses(guess_limit, clock), names)
    shown = Shown(store, clock, turns, refusals, taken_in)
    pages = Pages(turns.asked_in_turn(store, outage.note), clock, is_public=public)
    looks = PageRoutes(store, pages, turns, Crowd(_STRANGERS_AT_ONCE if public else None), forms)
    door = SignIn(access, names, forms, pages)
    sender: list[Guard] = [refuse_browsers]
    if token is not None:
        sender.append(SenderTokens(token))
    # Anybody may send these: they have a bucket of their own, so that no flood keeps events out.
    stranger: list[Guard] = [refuse_browsers]
    if rate_limit is not None:
        sender.append(RateLimit(rate_limit, clock))
        stranger.append(RateLimit(rate_limit, clock))
    looking: tuple[Guard, ...] = (names.check_open, RateLimit(_STRANGERS_A_SECOND, clock)) if public else ()
    admit = _as_it_is if public else access.admitting
    routes = [
        Route("POST", EVENTS_PATH, intake.take_events, tuple(sender)),
        Route("POST", SHORT_EVENTS_PATH, intake.take_events, tuple(sender)),
        Route("POST", HEARTBEAT_PATH, intake.take_heartbeat, tuple(stranger)),
        Route("POST", FEEDBACK_PATH, intake.take_feedback, tuple(stranger)),
        Route("GET", "/healthz", shown.show_health),
        Route("GET", "/readyz", shown.show_readiness),
        Route("GET", "/api/report", access.admitting(shown.show_report)),
        Route("GET", "/metrics", access.admitting(shown.show_metrics)),
        Route("GET", "/", admit(looks.show_overview), looking),
        Route("GET", "/tool", admit(looks.show_tool), looking),
        Route("GET", TABLES_PATH, admit(looks.show_table), looking),
        Route("GET", "/first-document", admit(looks.show_first_document), looking),
        Route("GET", ASSETS_PATH, show_asset),
        Route("GET", SIGN_IN_PATH, door.show),
        Route("POST", SIGN_IN_PATH, door.sign_in),
        Route("POST", SIGN_OUT_PATH, door.sign_out),
    ]
    if not public:  # what people wrote is for the maintainer
        routes.append(Route("GET", "/inbox", admit(looks.show_inbox)))
        routes.append(Route("POST", "/inbox/read", looks.mark_read, (names.check_origin, access)))
    return _App(Routes(routes), intake, pages, outage)


def answering_late(app: WSGIApplication) -> WSGIApplication | None:
    """
    Return *app* for a server that hands over several posts before it asks for the body of the first.

    None when it is none of `create_app`.
    """
    return app.answer_late if isinstance(app, _App) else None


def end_app(app: WSGIApplication) -> None:
    """Have *app*, when it is one of `create_app`, store what it still knows, after its last request."""
    if isinstance(app, _App):
        app.end()


class _Answer(NamedTuple):
    """A response, and what follows it piece by piece."""

    response: Response
    stream: Optional[Stream] = None


class _Exchange:
    """A request, how its response is started, and the rate limits that have counted it."""

    __slots__ = ("counted", "request", "start_response")

    def __init__(self, request: IncomingRequest, start_response: StartResponse) -> None:
        self.request = request
        self.start_response = start_response
        self.counted: list[RateLimit] = []


class _App:
    """The WSGI callable; safe between threads."""

    def __init__(self, routes: Routes, intake: Intake, pages: Pages, outage: Outage) -> None:
        self._routes = routes
        self._intake = intake
        self._pages = pages
        self._outage = outage

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        exchange = _Exchange(IncomingRequest(environ), start_response)
        answer = self._answer(exchange, lambda: self._handle(exchange))
        return self._respond(exchange, self._settle(exchange, answer) if isinstance(answer, LateAnswer) else answer)

    def answer_late(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Be the same application, whose answer to a small batch waits for its commit no sooner than the body is asked for."""
        exchange = _Exchange(IncomingRequest(environ), start_response)
        answer = self._answer(exchange, lambda: self._handle(exchange))
        if not isinstance(answer, LateAnswer):
            return self._respond(exchange, answer)
        late = answer
        return LateBody(late, lambda: self._respond(exchange, self._settle(exchange, late)))

    def end(self) -> None:
        """Put into the store what no later request will."""
        self._intake.end()

    def _handle(self, exchange: _Exchange) -> Response | LateAnswer:
        route = self._routes.find(exchange.request)
        for guard in route.guards:
            guard(exchange.request)
            if isinstance(guard, RateLimit):
                exchange.counted.append(guard)
        return route.handler(exchange.request)

    def _settle(self, exchange: _Exchange, late: LateAnswer) -> _Answer:
        answer = self._answer(exchange, late.settle)
        assert not isinstance(answer, LateAnswer)
        return answer

    def _answer(self, exchange: _Exchange, step: Callable[[], Response | LateAnswer]) -> _Answer | LateAnswer:
        """Return what *step* makes of the request, whatever happens on the way."""
        request = exchange.request
        try:
            response = step()
            if isinstance(response, LateAnswer):
                return response
            # Nothing is said before the first piece is there: until then all may still go wrong.
            stream = None if response.pieces is None else Stream(response.pieces)
        except Refusal as refusal:
            for rate in exchange.counted:
                rate.give_back()
            self._intake.note_refusal(refusal.reason, request.path)
            return _Answer(self._pages.explain(request, refusal))
        except NoTurn:
            return _Answer(self._pages.explain(request, too_busy()))
        except StoreError as error:
            return _Answer(self._pages.as_page(request, self._report_outage(request, error)))
        except Exception:  # noqa: BLE001  a mistake of ours must not end the sender's connection
            _log.exception("an answer of the collector failed")
            failure = Response(500, {"error": "the collector failed; its log says why"})
            return _Answer(self._pages.as_page(request, failure))
        if exchange.counted and response.status == 202:
            self._outage.end()
        return _Answer(response, stream)

    @staticmethod
    def _respond(exchange: _Exchange, answer: _Answer) -> Iterable[bytes]:
        """Start the response and return its body."""
        response, stream = answer
        body = b"" if stream is not None else response.encode()
        exchange.start_response(response.status_line, response.list_headers(None if stream is not None else len(body)))
        if stream is not None:
            return stream
        return [] if exchange.request.method == "HEAD" or not body else [body]

    def _report_outage(self, request: IncomingRequest, error: StoreError) -> Response:
        # One line an outage, and the sender is not told where the file lies.
        self._outage.note(error)
        self._intake.note_refusal(OUTAGE, request.path)
        return Response(
            503,
            {"error": "the store cannot be used at present; try again later"},
            (("Retry-After", str(_STORE_RETRY_AFTER_SECS)),),
        )


def _as_it_is(show: Callable[[IncomingRequest], Response]) -> Callable[[IncomingRequest], Response]:
    return show


def _check_rate_limit(value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        msg = f"rate_limit must be a number of requests a second or None, not {type(value).__name__}"
        raise TypeError(msg)
    if not 0 < value < float("inf"):
        msg = f"rate_limit={value!r} is not usable: give a number above 0, or None for no limit"
        raise ValueError(msg)


def _check_guess_limit(value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        msg = f"guess_limit must be a number of guesses a minute, not {type(value).__name__}"
        raise TypeError(msg)
    if value < 1:
        msg = f"guess_limit={value!r} is not usable: give a whole number from 1"
        raise ValueError(msg)
