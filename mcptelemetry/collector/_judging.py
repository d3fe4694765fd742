"""
A batch, judged event by event: what can be stored, and why the rest cannot.

One event that does not fit must not cost its sender the others. What a newer sender may say
costs nothing at all: a field that nobody knows here is left out and named, a word that is new
in a closed field is stored as `other`. What recurs in events is checked once and remembered.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, NamedTuple

from ..vocabulary import (
    COUNT_MAX,
    IDENTIFIER_PATTERN,
    NAME_CHARACTERS_MAX,
    OTHER,
    TIMESTAMP_SECS_MAX,
    ErrorType,
    TelemetryStatus,
)
from ..wire import (
    EVENT_FIELDS,
    EventShape,
    TelemetryBatch,
    TelemetryEvent,
    as_recorded,
    checked_event,
    cut_names,
    is_event_id,
)
from ._column_reading import ColumnReader
from ._documents import DocumentError, kind_of, read_object
from ._limits import CONTAINERS_MAX

__all__ = ["BatchReader", "Reading", "Rejected"]

_EVENT_FIELDS = frozenset(EVENT_FIELDS)
_BATCH_FIELDS = frozenset(("events", "app", "version"))
_IGNORED_NAMES_MAX = 20
_IGNORED_NAME_CHARACTERS_MAX = 64
# So many different shapes are remembered; then it is begun anew, for a stranger's may be endless.
_SHAPES_MAX = 4096
_REMEMBERED_CHARACTERS_MAX = 512
# In each closed field, a word that is known and stands in for a new one while the rest is checked.
_STAND_INS = {"status": TelemetryStatus.ERROR.value, "error_type": ErrorType.EXCEPTION.value}
_WORDS = {"status": frozenset(map(str, TelemetryStatus)), "error_type": frozenset(map(str, ErrorType))}
_WORD = re.compile(IDENTIFIER_PATTERN)


class Rejected(NamedTuple):
    """An event that cannot be stored: where it stood in the batch, and why not."""

    place: int
    reason: str

    def __str__(self) -> str:
        """Return one sentence about it."""
        return f"events[{self.place}]{' ' if self.reason.startswith('must') else '.'}{self.reason}"


class Reading(NamedTuple):
    """What can be stored of a batch, what cannot, and the names of the fields that nobody knows."""

    batch: TelemetryBatch
    rejected: list[Rejected]
    ignored_fields: list[str]


class BatchReader:
    """
    Reads bodies of events.

    Safe between threads: what is remembered is only ever put into a dict or taken out of it.
    """

    def __init__(self) -> None:
        # The eight values of a shape as they came, to the shape as it is stored and the count of
        # those that were there.
        self._shapes: dict[tuple[object, ...], tuple[EventShape, int]] = {}
        self._columns = ColumnReader(self._judge_whole)

    def read(self, body: bytes) -> Reading:
        """Return what *body* holds; raise `DocumentError` when it is no batch, naming the field."""
        with suppress(UnicodeDecodeError):
            batch = self._columns.read(body.decode("utf-8"))
            if batch is not None:
                return Reading(batch, [], [])
        return self.judge(body)

    def _judge_whole(self, body: bytes) -> TelemetryBatch | None:
        """Return the batch in *body* when all of it can be stored as it is."""
        with suppress(DocumentError):
            batch, rejected, ignored_fields = self.judge(body)
            if not rejected and not ignored_fields:
                return batch
        return None

    def judge(self, body: bytes) -> Reading:
        """Do `read()` member by member, whoever wrote *body*."""
        document = read_object(body, "an object with 'events'")
        ignored = set(document.keys() - _BATCH_FIELDS)
        if "events" not in document:
            msg = "events is missing"
            raise DocumentError(msg)
        items = document["events"]
        if not isinstance(items, list):
            msg = f"events must be an array, not {kind_of(items)}"
            raise DocumentError(msg)
        if len(items) > CONTAINERS_MAX:
            msg = f"events holds more than {CONTAINERS_MAX} events"
            raise DocumentError(msg)
        app, version = _read_name("app", document), _read_name("version", document)
        events: list[TelemetryEvent] = []
        rejected: list[Rejected] = []
        reasons: dict[str, str] = {}  # each once, however many events have it
        recall, keep = self._recall, events.append
        for index, item in enumerate(items):
            event = recall(item)
            if event is None:
                try:
                    event = self._judge(item, ignored)
                except ValueError as error:
                    reason = str(error)
                    rejected.append(Rejected(index, reasons.setdefault(reason, reason)))
                    continue
            keep(event)
        names = sorted(name[:_IGNORED_NAME_CHARACTERS_MAX] for name in ignored)
        return Reading(TelemetryBatch(events, app=app, version=version), rejected, names[:_IGNORED_NAMES_MAX])

    def _recall(self, item: object) -> TelemetryEvent | None:
        """Return the event in *item* when one of its shape was judged before and all else is in order, else None."""
        if type(item) is not dict:
            return None
        get = item.get
        fallback = get("was_fallback")
        if fallback is not None and fallback is not True and fallback is not False:
            return None  # 1 is equal to True
        try:
            known = self._shapes.get((
                get("tool"), get("routing_decision"), get("routing_detail"), get("upstream"),
                get("status"), get("error_type"), get("client"), fallback,
            ))  # fmt: skip
        except TypeError:  # a list or an object where a word should be
            return None
        if known is None:
            return None
        latency_ms, timestamp_secs, event_id = get("latency_ms"), get("timestamp_secs"), get("id")
        if (
            type(latency_ms) is int
            and type(timestamp_secs) is int
            and 0 <= latency_ms <= COUNT_MAX
            and 0 <= timestamp_secs <= TIMESTAMP_SECS_MAX
            and (event_id is None or is_event_id(event_id))
            and len(item) == known[1] + (3 if event_id is not None else 2)
        ):
            return checked_event(known[0], latency_ms, timestamp_secs, event_id)
        return None

    def _judge(self, item: object, ignored: set[str]) -> TelemetryEvent:
        """Return the event in *item*; raise `ValueError` naming the field that does not fit."""
        if not isinstance(item, dict):
            msg = f"must be an object, not {kind_of(item)}"
            raise ValueError(msg)  # noqa: TRY004  a bad document is a bad value, whatever its type
        if len(ignored) < _IGNORED_NAMES_MAX:
            ignored.update(item.keys() - _EVENT_FIELDS)
        known = {name: value for name, value in item.items() if name in _EVENT_FIELDS}
        new_words = {name for name, words in _WORDS.items() if _is_new_word(known.get(name), words)}
        event = TelemetryEvent.from_dict({**known, **{name: _STAND_INS[name] for name in new_words}})
        if event.timestamp_secs > TIMESTAMP_SECS_MAX:
            msg = "timestamp_secs must be before the year 10000"
            raise ValueError(msg)
        shape = _with_other(cut_names(event.shape), new_words)
        if len(self._shapes) >= _SHAPES_MAX:
            self._shapes = {}
        raw = tuple(known.get(name) for name in _SHAPE_FIELDS)
        if sum(len(value) for value in raw if isinstance(value, str)) <= _REMEMBERED_CHARACTERS_MAX:
            self._shapes[raw] = (shape, sum(value is not None for value in raw))
        return checked_event(shape, event.latency_ms, event.timestamp_secs, event.id)


# In the order of `EventShape`.
_SHAPE_FIELDS = ("tool", "routing_decision", "routing_detail", "upstream", "status", "error_type", "client", "was_fallback")


def _is_new_word(value: object, words: frozenset[str]) -> bool:
    return isinstance(value, str) and value not in words and _WORD.fullmatch(value) is not None


def _with_other(shape: EventShape, new_words: set[str]) -> EventShape:
    tool, decision, detail, upstream, status, error_type, client, was_fallback = shape
    return (
        tool, decision, detail, upstream,
        OTHER if "status" in new_words else status,
        OTHER if "error_type" in new_words else error_type,
        client, was_fallback,
    )  # fmt: skip


def _read_name(name: str, document: dict[str, Any]) -> str | None:
    """Return the app or version of the batch, cleaned like the names in an event; None when unknown."""
    value = document.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        msg = f"{name} must be a string, not {kind_of(value)}"
        raise DocumentError(msg)
    return as_recorded(value[:NAME_CHARACTERS_MAX])
