"""
Bodies as our own senders write them, read without making an object of each event.

What is judged is judged elsewhere, by the reader of all bodies. Here stands what it said: of
the text of an event up to its numbers, that the event is in order and has this shape; of
the text after the last event, whose batch it is. A body that consists of such texts, with
numbers and ids in between that fit, needs no judge. Any other body is left to that one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Optional

from ..vocabulary import COUNT_MAX, TIMESTAMP_SECS_MAX
from ..wire import EventShape, TelemetryBatch
from ._limits import CONTAINERS_MAX
from .stores import OWN_ID, ColumnBatch, EventColumns

__all__ = ["ColumnReader"]

_NUMBER = "(0|[1-9][0-9]{0,15})"
# An event's end as `EventEncoder` writes it, and what is between two such ends.
_END = re.compile(f',"latency_ms":{_NUMBER},"timestamp_secs":{_NUMBER}(,"was_fallback":true)?,"id":"{OWN_ID}"}}')
_GROUPS = _END.groups + 1
_BEGIN = '{"events":['
_SAMPLE_ID = "0" * 20 + "-0"
# So many new texts of one body are judged one by one; a body of more is judged whole.
_NEW_MAX = 16
# So many texts are remembered, and not the long ones; then it is begun anew, for a stranger's may be endless.
_KNOWN_MAX = 4096
_KNOWN_CHARACTERS_MAX = 1024

_Head = tuple[str, Optional[str]]  # the text of an event up to its numbers, and what it says between them
_Names = tuple[Optional[str], Optional[str]]


class ColumnReader:
    """
    Reads bodies of our own senders by what *judge* makes of their parts: None unless it takes them whole.

    Safe between threads: what is remembered is only ever put into a dict or taken out of it.
    """

    def __init__(self, judge: Callable[[bytes], TelemetryBatch | None]) -> None:
        self._judge = judge
        self._shapes: dict[_Head, EventShape] = {}
        self._names: dict[str, _Names] = {}

    def read(self, text: str) -> ColumnBatch | None:
        """Return the batch that *text* is, None when somebody else has to say what it is."""
        if not text.startswith(_BEGIN):
            return None
        parts = _END.split(text)
        count = len(parts) // _GROUPS
        # With its own two, a body may hold so many arrays and objects.
        if not 0 < count <= CONTAINERS_MAX - 2:
            return None
        names = self._find_names(parts.pop())
        latencies_ms, moments = list(map(int, parts[1::_GROUPS])), list(map(int, parts[2::_GROUPS]))
        if names is None or max(latencies_ms) > COUNT_MAX or max(moments) > TIMESTAMP_SECS_MAX:
            return None
        parts[0] = "," + parts[0][len(_BEGIN) :]
        heads: list[_Head] = list(zip(parts[0::_GROUPS], parts[3::_GROUPS]))
        place_of = dict(zip(dict.fromkeys(heads), range(count)))
        shapes = self._find_shapes(place_of)
        if shapes is None:
            return None
        columns = EventColumns(
            shapes, list(map(place_of.__getitem__, heads)), latencies_ms, moments,
            parts[4::_GROUPS], list(map(int, parts[5::_GROUPS])),
        )  # fmt: skip
        return ColumnBatch(columns, *names)

    def _find_shapes(self, heads: dict[_Head, int]) -> list[EventShape] | None:
        """Return the shape of each head, None when one is not in order or too many are new."""
        known = self._shapes
        new = [head for head in heads if head not in known]
        if len(new) > _NEW_MAX:
            return None
        learnt = {head: self._learn_shape(*head) for head in new}
        shapes = [known.get(head) or learnt.get(head) for head in heads]
        return [shape for shape in shapes if shape] if all(shapes) else None

    def _learn_shape(self, head: str, fallback: str | None) -> EventShape | None:
        if head[:1] != ",":
            return None
        # When this is one event in order, then so is every text that differs in the numbers and the
        # id only, alone and beside others.
        batch = self._judge(f'{_BEGIN}{head[1:]},"latency_ms":0,"timestamp_secs":0{fallback or ""},"id":"{_SAMPLE_ID}"}}]}}'.encode())
        if batch is None or len(batch) != 1 or batch.events[0].id != _SAMPLE_ID:
            return None
        shape = batch.events[0].shape
        if len(head) <= _KNOWN_CHARACTERS_MAX:
            if len(self._shapes) >= _KNOWN_MAX:
                self._shapes = {}
            self._shapes[head, fallback] = shape
        return shape

    def _find_names(self, rest: str) -> _Names | None:
        """Return app and version of a body whose events are followed by *rest*, None when that is not in order."""
        known = self._names.get(rest)
        if known is not None:
            return known
        batch = self._judge(f"{_BEGIN}{rest}".encode())
        if batch is None or len(batch):
            return None
        names = (batch.app, batch.version)
        if len(rest) <= _KNOWN_CHARACTERS_MAX:
            if len(self._names) >= _KNOWN_MAX:
                self._names = {}
            self._names[rest] = names
        return names
