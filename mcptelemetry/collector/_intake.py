"""
What the routes for senders do: read a document, judge it, store it, and say what became of it.

Each answers 202 after the commit that holds the document, and 400 only when nothing of it can
be stored. Every application's documents are taken, or those that the sender's token names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

from ..system import Clock
from ..wire import EMPTY_BATCH
from ._deadlines import Deadlines
from ._documents import DocumentError
from ._group_commit import GroupCommit
from ._judging import BatchReader, Reading, Rejected
from ._large_bodies import LargeBodies
from ._late_answers import LateAnswer
from ._limits import SMALL_BYTES_MAX
from ._lone_documents import read_feedback, read_heartbeat
from ._metrics import TakenIn
from ._refusals import Refusals
from ._requests import IncomingRequest, Refusal, Response
from .stores import Refused, Store, Stored, StoreError

__all__ = ["Intake"]

# A sender reads 64 KiB of an answer, and the ignored fields stand there too.
_REJECTED_BYTES_MAX = 32 * 1024


class Intake:
    """Takes documents in for *store*; safe between threads."""

    def __init__(self, store: Store, clock: Clock, refusals: Refusals, taken_in: TakenIn) -> None:
        self._store = store
        self._clock = clock
        self._refusals = refusals
        self._taken_in = taken_in
        self._reader = BatchReader()
        self._commits = GroupCommit(store, clock)
        self._deadlines = Deadlines(clock)
        self._large = LargeBodies()

    def take_events(self, request: IncomingRequest) -> Response | LateAnswer:
        """Store what can be stored of a batch; the answer names the rest by its place and reason."""
        with self._large.holding(request.body_length):
            answer = self._take_events(request)
            if isinstance(answer, LateAnswer) and request.body_length > SMALL_BYTES_MAX:
                return answer.settle()  # it is held as long
            return answer

    def _take_events(self, request: IncomingRequest) -> Response | LateAnswer:
        reading = self._large.one_at_a_time(self._read(request), self._read_batch)
        _check_app(request, reading)
        if reading.rejected:
            self.note_refusal("event", request.path, len(reading.rejected))
            if not len(reading.batch):
                raise Refusal(400, str(reading.rejected[0]), reason="document")
        if not len(reading.batch):  # somebody asks whether events are taken here
            return _tell(reading, Stored(0, 0))
        return LateAnswer(self._commits.enter(reading.batch), lambda stored: self._note_events(reading, stored))

    def _note_events(self, reading: Reading, stored: Stored) -> Response:
        self._taken_in.note_events(reading.batch, stored)
        return _tell(reading, stored)

    def _read_batch(self, body: bytes) -> Reading:
        return _or_refuse(lambda: self._reader.read(body))

    def take_heartbeat(self, request: IncomingRequest) -> Response:
        """Store a heartbeat, once."""
        body = self._read(request)
        if body == EMPTY_BATCH:  # somebody asks whether heartbeats are taken here
            return Response(202, {"stored": 0, "duplicates": 0})
        document, ignored_fields = _or_refuse(lambda: read_heartbeat(body))
        stored, duplicates = self._store.add_heartbeat(document, received_at=self._now())
        if stored:
            self._taken_in.note_document("heartbeats", document["app"])
        answer: dict[str, object] = {"stored": stored, "duplicates": duplicates}
        if ignored_fields:
            answer["ignored_fields"] = ignored_fields
        return Response(202, answer)

    def take_feedback(self, request: IncomingRequest) -> Response:
        """Store what a person typed."""
        body = self._read(request)
        document = _or_refuse(lambda: read_feedback(body))
        self._store.add_feedback(document, received_at=self._now())
        self._taken_in.note_document("feedback", document.get("app"))
        return Response(202, {"success": True})

    def note_refusal(self, reason: str, path: str, number: int = 1) -> None:
        """Count what was refused, and now and then tell the store; that it cannot be told is no harm."""
        self._store_refusals(self._refusals.count(reason, path, number))

    def end(self) -> None:
        """Tell the store what was refused since it was last told."""
        self._store_refusals(self._refusals.take_unstored())

    def _store_refusals(self, unstored: Mapping[Refused, int]) -> None:
        if unstored:
            with suppress(StoreError):
                self._store.add_refusals(unstored, received_at=self._now())

    def _read(self, request: IncomingRequest) -> bytes:
        return request.read_body(self._clock, self._deadlines)

    def _now(self) -> int:
        return int(self._clock.time())


_Document = TypeVar("_Document")


def _or_refuse(read: Callable[[], _Document]) -> _Document:
    try:
        return read()
    except DocumentError as error:
        raise Refusal(400, str(error), reason="document") from None


def _tell(reading: Reading, stored: Stored) -> Response:
    """Return the answer about a batch of which so much was stored."""
    document: dict[str, object] = {"stored": stored.stored, "duplicates": stored.duplicates}
    if reading.rejected:
        document |= _name_rejected(reading.rejected)
    if reading.ignored_fields:
        document["ignored_fields"] = reading.ignored_fields
    return Response(202, document)


def _name_rejected(rejected: Sequence[Rejected]) -> dict[str, object]:
    """Return the fields of an answer about *rejected*: as many by place and reason as a sender reads, and else the count."""
    named: list[dict[str, object]] = []
    left_bytes = _REJECTED_BYTES_MAX
    for place, reason in rejected:
        one: dict[str, object] = {"index": place, "reason": reason}
        left_bytes -= len(json.dumps(one)) + 2
        if left_bytes < 0:
            return {"rejected_count": len(rejected), "rejected": named}
        named.append(one)
    return {"rejected": named}


def _check_app(request: IncomingRequest, reading: Reading) -> None:
    if request.allowed_apps is None or reading.batch.app in request.allowed_apps:
        return
    if not (len(reading.batch) or reading.rejected):
        return  # an empty batch writes for nobody
    named = "an application that this token may not write for" if reading.batch.app else "no application, and this token is for named ones"
    raise Refusal(403, f"the batch names {named}", reason="token")
