"""
The collector as a WSGI application: one table of routes.

Which handler answers where, and who is asked before: all that a collector is made of is put
together here. How a request goes through it stands in `_exchanges.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Union

from ..system import Clock, as_clock
from ..vocabulary import EVENTS_PATH, FEEDBACK_PATH, HEARTBEAT_PATH, SHORT_EVENTS_PATH
from ._exchanges import App
from ._forms import Forms
from ._guards import Guard, RateLimit, SenderTokens, Tokens, refuse_browsers
from ._guesses import GUESSES_A_MINUTE, Guesses
from ._hosts import Hosts
from ._intake import Intake
from ._metrics import TakenIn
from ._outage import Outage
from ._page_routes import ASSETS_PATH, TABLES_PATH, Crowd, PageRoutes, show_asset
from ._pages import Pages
from ._refusals import Refusals
from ._report_access import ReportAccess
from ._requests import IncomingRequest, Response
from ._routes import Route, Routes
from ._shown import Shown
from ._sign_in import SIGN_IN_PATH, SIGN_OUT_PATH, SignIn
from ._turns import Turns
from .stores import Store

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["EVENTS_PATH", "FEEDBACK_PATH", "HEARTBEAT_PATH", "RATE_LIMIT_PER_SECOND", "answering_late", "create_app", "end_app"]

# More than one machine can send, less than it takes to keep a machine from doing anything else.
RATE_LIMIT_PER_SECOND = 10_000.0
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
    return App(Routes(routes), intake, pages, outage)


def answering_late(app: WSGIApplication) -> WSGIApplication | None:
    """
    Return *app* for a server that hands over several posts before it asks for the body of the first.

    None when it is none of `create_app`.
    """
    return app.answer_late if isinstance(app, App) else None


def end_app(app: WSGIApplication) -> None:
    """Have *app*, when it is one of `create_app`, store what it still knows, after its last request."""
    if isinstance(app, App):
        app.end()


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
