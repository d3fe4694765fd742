"""
A request on its way through the app: found, guarded, handled, settled and answered.

Every failure on that way becomes an answer, in JSON or as a page where a person's browser asked;
no exception gets out to the server.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple, Optional

from ._guards import RateLimit
from ._intake import Intake
from ._late_answers import LateAnswer, LateBody
from ._outage import Outage
from ._pages import Pages
from ._refusals import OUTAGE
from ._requests import IncomingRequest, Refusal, Response
from ._routes import Routes
from ._streams import Stream
from ._turns import NoTurn, too_busy
from .stores import StoreError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

__all__ = ["App"]

_log = logging.getLogger(__name__)

_STORE_RETRY_AFTER_SECS = 10


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


class App:
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
