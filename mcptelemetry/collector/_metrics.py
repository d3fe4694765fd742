"""
What this process has taken in, as Prometheus reads it.

Counted in plain numbers when documents are stored, and put into words by `prometheus-client`,
an extra, when somebody asks: who scrapes nothing needs no package for it. Each process counts
for itself and says which one it is, so that several on one store add up.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Optional

from ..errors import TelemetryError
from ..system import install_hint
from ..vocabulary import OTHER, TelemetryStatus
from ..wire import EventShape, TelemetryBatch
from .stores import ColumnBatch, Stored

__all__ = ["MetricsMissing", "TakenIn"]

# The OpenTelemetry conventions' boundaries for the durations of MCP operations.
_BOUNDARIES_SECS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_BOUNDARIES_MS = tuple(round(secs * 1000) for secs in _BOUNDARIES_SECS)
# Strangers name tools: beyond so many series of an application, the rest are `other`.
_SERIES_MAX = 2000

_CallKey = tuple[str, str, str, str]  # app, tool, status, error type
_Durations = tuple[list[int], int]


class MetricsMissing(TelemetryError):
    """What Prometheus reads cannot be written: the package for it is not installed; the message says the mend."""


class TakenIn:
    """
    How much this process stored, by kind.

    An event that was known before is not counted, where its whole batch was; a batch that
    repeats some of its events is counted whole, which is seldom and little. Safe between threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[_CallKey] = Counter()  # guarded by _lock, as are the others
        # Of each application and tool: how many calls ended in each bucket, and their milliseconds.
        self._durations: dict[tuple[str, str], tuple[list[int], list[int]]] = {}
        self._documents: Counter[tuple[str, str]] = Counter()  # heartbeats and feedback, by kind and app

    def note_events(self, batch: TelemetryBatch, stored: Stored) -> None:
        """Count what became of *batch*."""
        if not stored.stored:
            return
        app = batch.app or ""
        with self._lock:
            for shape, latencies in _latencies_by_shape(batch):  # few shapes, so that each is looked up once
                tool, status, error_type = shape[0], shape[4], shape[5] or ""
                key = (app, tool, status, error_type)
                if key not in self._calls and len(self._calls) >= _SERIES_MAX:
                    tool = OTHER
                    key = (OTHER, tool, status, error_type)
                self._calls[key] += len(latencies)
                buckets, sums = self._durations.setdefault(
                    key[:2], ([0] * (len(_BOUNDARIES_MS) + 1), [0])
                )
                latencies.sort()
                below = 0
                for place, edge in enumerate(_BOUNDARIES_MS):
                    up_to = bisect_right(latencies, edge, below)
                    buckets[place] += up_to - below
                    below = up_to
                buckets[-1] += len(latencies) - below
                sums[0] += sum(latencies)

    def note_document(self, kind: str, app: Optional[str]) -> None:
        """Count a heartbeat or feedback that was stored."""
        with self._lock:
            name = app or ""
            if (kind, name) not in self._documents and len(self._documents) >= _SERIES_MAX:
                name = OTHER
            self._documents[kind, name] += 1

    def render(self, refusals: Mapping[str, int]) -> tuple[bytes, str]:
        """Return the text, with *refusals* in it, and its content type; raises `MetricsMissing`."""
        try:
            from prometheus_client import CollectorRegistry  # an extra, and slow to import
            from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
        except ImportError:
            msg = f"/metrics needs prometheus-client, which is not installed; {install_hint('prometheus-client')}"
            raise MetricsMissing(msg) from None
        with self._lock:
            calls, documents = dict(self._calls), dict(self._documents)
            durations = {key: (list(buckets), sums[0]) for key, (buckets, sums) in self._durations.items()}
        registry = CollectorRegistry()
        registry.register(_Families(calls, durations, documents, refusals))
        return generate_latest(registry), CONTENT_TYPE_LATEST


def _latencies_by_shape(batch: TelemetryBatch) -> Iterable[tuple[EventShape, list[int]]]:
    """Return each shape in *batch* with the latencies of its events."""
    if isinstance(batch, ColumnBatch):
        columns = batch.columns
        latencies: list[list[int]] = [[] for _ in columns.shapes]
        for place, latency_ms in zip(columns.places, columns.latencies_ms):
            latencies[place].append(latency_ms)
        return zip(columns.shapes, latencies)
    latencies_of: dict[EventShape, list[int]] = {}
    for event in batch.events:
        latencies_of.setdefault(event.shape, []).append(event.latency_ms)
    return latencies_of.items()


class _Families:
    """One picture of the counts, as the package asks for it."""

    def __init__(
        self,
        calls: Mapping[_CallKey, int],
        durations: Mapping[tuple[str, str], _Durations],
        documents: Mapping[tuple[str, str], int],
        refusals: Mapping[str, int],
    ) -> None:
        self._calls, self._durations = calls, durations
        self._documents, self._refusals = documents, refusals
        self._process = str(os.getpid())

    def collect(self) -> Iterator[Any]:  # the package's metric families
        """Yield the metric families."""
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        calls = CounterMetricFamily("mcptelemetry_calls", "Tool calls stored.", labels=("process", "app", "tool", "status"))
        errors = CounterMetricFamily(
            "mcptelemetry_errors", "Failed tool calls stored.", labels=("process", "app", "tool", "error_type")
        )
        by_status: Counter[tuple[str, str, str]] = Counter()
        for (app, tool, status, error_type), count in sorted(self._calls.items()):
            by_status[app, tool, status] += count
            if status == TelemetryStatus.ERROR:
                errors.add_metric((self._process, app, tool, error_type), count)
        for labels, count in by_status.items():
            calls.add_metric((self._process, *labels), count)
        yield calls
        yield errors
        histogram = HistogramMetricFamily(
            "mcptelemetry_call_duration_seconds", "How long tool calls took.", labels=("process", "app", "tool")
        )
        for (app, tool), (buckets, total_ms) in sorted(self._durations.items()):
            below, points = 0, []
            for edge, count in zip([*map(str, _BOUNDARIES_SECS), "+Inf"], buckets):
                below += count
                points.append((edge, below))
            histogram.add_metric((self._process, app, tool), points, total_ms / 1000)
        yield histogram
        for kind, what in (("heartbeats", "Heartbeats stored."), ("feedback", "Feedback stored.")):
            family = CounterMetricFamily(f"mcptelemetry_{kind}", what, labels=("process", "app"))
            for (of_kind, app), count in sorted(self._documents.items()):
                if of_kind == kind:
                    family.add_metric((self._process, app), count)
            yield family
        refused = CounterMetricFamily("mcptelemetry_refusals", "What was refused, by reason.", labels=("process", "reason"))
        for reason, count in self._refusals.items():
            refused.add_metric((self._process, reason), count)
        yield refused
