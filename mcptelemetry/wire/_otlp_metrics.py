"""
Durations of calls as the histograms of OpenTelemetry's conventions for MCP, in OTLP/HTTP JSON.

A delta: what came since the last request, and nothing else. Sums are kept in whole milliseconds,
so that no order of additions changes them.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable
from typing import Optional

from ..vocabulary import TelemetryStatus
from ._encoding import EventRow
from ._event_shape import EventShape, cut_names
from ._otlp import TOOL_CALL, attribute_text, scoped_by

__all__ = ["DurationHistograms"]

_SERVER, _CLIENT = "mcp.server.operation.duration", "mcp.client.operation.duration"
_DESCRIPTIONS = {
    _SERVER: "How long an MCP request took, from when it was received until it was answered.",
    _CLIENT: "How long an MCP request took, from when it was sent until it was answered.",
}
# The conventions' boundaries, in milliseconds, and as they leave, in seconds.
_EDGES_MS = (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000)
_BOUNDS_TEXT = json.dumps([edge / 1000 for edge in _EDGES_MS], separators=(",", ":"))
_DELTA = 1
# As many as the official library keeps apart; what comes beyond them is counted together, as it does.
_SERIES_MAX = 2_000
_OVERFLOW_TEXT = '{"key":"otel.metric.overflow","value":{"boolValue":true}}'

# Name of the metric, tool, type of the error; without the last two for what has no room of its own.
_Key = tuple[str, Optional[str], Optional[str]]


class _Series:
    """The durations of calls that have their attributes in common; *shape* is the first one's."""

    __slots__ = ("buckets", "highest_ms", "lowest_ms", "shape", "sum_ms")

    def __init__(self, shape: EventShape) -> None:
        self.shape = shape
        self.buckets = [0] * (len(_EDGES_MS) + 1)
        self.sum_ms = 0
        self.lowest_ms: int | None = None
        self.highest_ms = 0

    def add(self, latency_ms: int) -> None:
        self.buckets[bisect_left(_EDGES_MS, latency_ms)] += 1
        self.sum_ms += latency_ms
        if self.lowest_ms is None or latency_ms < self.lowest_ms:
            self.lowest_ms = latency_ms
        self.highest_ms = max(self.highest_ms, latency_ms)


class DurationHistograms:
    """
    The calls since the last `clear()`; *network_transport* as for `SpanEncoder`.

    Not safe between threads: used by the one that sends.
    """

    def __init__(self, network_transport: str | None = None) -> None:
        self._network_transport = network_transport
        self._series: dict[_Key, _Series] = {}
        self._series_of_shape: dict[EventShape, _Series] = {}
        self.count: int = 0
        """How many calls are in it."""

    def add(self, rows: Iterable[EventRow]) -> None:
        """Count the calls of *rows*."""
        known = self._series_of_shape
        for shape, latency_ms, _timestamp_secs, _own_id, _number, _parent in rows:
            series = known.get(shape) or self._find(shape)
            series.add(latency_ms)
            self.count += 1

    def clear(self) -> None:
        """Begin anew."""
        self._series.clear()
        self._series_of_shape.clear()
        self.count = 0

    @property
    def shapes(self) -> set[EventShape]:
        """A shape for each name that leaves: what is searched first."""
        return {series.shape for series in self._series.values()}

    def encode(self, *, app: str | None, version: str | None, began_at: float, ended_at: float) -> bytes:
        """Return the request's body for the interval between two moments in Unix seconds."""
        times = f'"startTimeUnixNano":"{int(began_at * 1e9)}","timeUnixNano":"{int(ended_at * 1e9)}"'
        metrics = []
        for name, description in _DESCRIPTIONS.items():
            points = [self._point(key, series, times) for key, series in self._series.items() if key[0] == name]
            if points:
                metrics.append(
                    f'{{"name":"{name}","description":"{description}","unit":"s","histogram":'
                    f'{{"dataPoints":[{",".join(points)}],"aggregationTemporality":{_DELTA}}}}}'
                )
        return f'{scoped_by("Metrics", app, version)}"metrics":[{",".join(metrics)}]}}]}}]}}'.encode("ascii")

    def _find(self, shape: EventShape) -> _Series:
        """Return where calls of *shape* are counted."""
        tool, _decision, _detail, upstream, status, error_type, _client, _was_fallback = cut_names(shape)
        name = _SERVER if upstream is None else _CLIENT
        key: _Key = (name, tool, error_type if status == TelemetryStatus.ERROR else None)
        if key not in self._series and len(self._series) >= _SERIES_MAX:
            return self._series.setdefault((name, None, None), _Series(shape))
        series = self._series.setdefault(key, _Series(shape))
        if len(self._series_of_shape) >= _SERIES_MAX:
            # Only a short cut: a host that makes up names without end must not make us remember them all.
            self._series_of_shape.clear()
        self._series_of_shape[shape] = series
        return series

    def _point(self, key: _Key, series: _Series, times: str) -> str:
        _name, tool, error_type = key
        attributes = {
            **TOOL_CALL, "gen_ai.tool.name": tool, "error.type": error_type, "network.transport": self._network_transport,
        }  # fmt: skip
        texts = [attribute_text(word, value) for word, value in attributes.items() if value is not None]
        counts = '","'.join(map(str, series.buckets))
        return (
            f'{{"attributes":[{_OVERFLOW_TEXT if tool is None else ",".join(texts)}],{times},'
            f'"count":"{sum(series.buckets)}","sum":{series.sum_ms / 1000},"bucketCounts":["{counts}"],'
            f'"explicitBounds":{_BOUNDS_TEXT},"min":{(series.lowest_ms or 0) / 1000},"max":{series.highest_ms / 1000}}}'
        )
