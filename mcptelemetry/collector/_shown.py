"""
What the routes for readers show: whether it is up, whether it can store, the report, the metrics.
A report is made in one turn, so that at most one is in memory.
"""

from __future__ import annotations

from ..system import Clock
from ._asked import parse_filter
from ._metrics import MetricsMissing, TakenIn
from ._refusals import Refusals
from ._report import compile_report
from ._requests import IncomingRequest, Refusal, Response
from ._turns import Turns
from .stores import Filter, Store

__all__ = ["Shown"]

_ASKED = ("app", "version", "client", "tool", "env_kind", "since", "until")


class Shown:
    """Answers readers from *store*; safe between threads."""

    def __init__(self, store: Store, clock: Clock, turns: Turns, refusals: Refusals, taken_in: TakenIn) -> None:
        self._store = store
        self._clock = clock
        self._refusals = refusals
        self._taken_in = taken_in
        self._turns = turns

    def show_health(self, _request: IncomingRequest) -> Response:
        """Say that the process answers; whether it can store is another question."""
        return Response(200, {"status": "ok"})

    def show_readiness(self, _request: IncomingRequest) -> Response:
        """Say that a document could be stored now; raises `StoreError`."""
        self._store.check()
        return Response(200, {"status": "ready"})

    def show_report(self, request: IncomingRequest) -> Response:
        """Show what the store holds, of all applications or the one that the query names."""
        asked = self._read_filter(request)
        if request.method == "HEAD":
            return Response(200, {})
        with self._turns.turn():
            return Response(200, compile_report(self._store, asked))

    def _read_filter(self, request: IncomingRequest) -> Filter:
        try:
            return parse_filter(now=self._clock.time(), **{name: request.query(name) for name in _ASKED})
        except ValueError as error:
            raise Refusal(400, str(error), reason="query") from None

    def show_metrics(self, request: IncomingRequest) -> Response:
        """Show what Prometheus reads."""
        if request.method == "HEAD":
            return Response(200, {})
        try:
            text, kind = self._taken_in.render(self._refusals.counts())
        except MetricsMissing as error:
            return Response(501, {"error": str(error)})
        return Response(200, None, text=text, kind=kind)
