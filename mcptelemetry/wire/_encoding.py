"""
Events into JSON text, fast.

All that recurs in events of one shape is escaped and joined once and kept; an event then
costs one string formatting. The text is exactly what a generic encoder would write
(compact, ASCII, wire order), which a test holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from json.encoder import encode_basestring_ascii as quote
from typing import Optional

from ._event_shape import EventShape, cut_names

__all__ = ["EventEncoder", "EventRow"]

# What a queue holds for one event: shape, latency_ms, timestamp_secs, its own id or None,
# its number in this process, from which the id is made when it has none of its own, and the span
# that it belongs to, see `parse_traceparent`, which only spans tell.
EventRow = tuple[EventShape, int, int, Optional[str], int, Optional[str]]
"""One event as it waits in a queue."""

_KEPT_SHAPES_MAX = 1024


class EventEncoder:
    """
    Turns rows into the JSON texts of events.

    Not safe between threads: each sender has its own.
    """

    def __init__(self) -> None:
        self._affixes: dict[EventShape, tuple[str, str]] = {}

    def encode(self, rows: Iterable[EventRow], process: str) -> list[str]:
        """Return one JSON object a row; a row without an id gets ``<process>-<number>``."""
        affixes = self._affixes
        texts = []
        for shape, latency_ms, timestamp_secs, own_id, number, _parent in rows:
            try:
                head, tail = affixes[shape]
            except KeyError:
                head, tail = self._keep(shape)
            # The two differ in the id; to format that first would cost a tenth more.
            if own_id is None:
                texts.append(f'{head}{latency_ms},"timestamp_secs":{timestamp_secs}{tail}{process}-{number}"}}')
            else:
                texts.append(f'{head}{latency_ms},"timestamp_secs":{timestamp_secs}{tail}{own_id}"}}')
        return texts

    def encode_one(self, shape: EventShape, latency_ms: int, timestamp_secs: int, own_id: str | None) -> str:
        """Return the JSON object of one event, without an id when it has none."""
        head, tail = self._affixes.get(shape) or self._keep(shape)
        ending = tail[: -len(_ID_KEY)] if own_id is None else f'{tail}{own_id}"'
        return f'{head}{latency_ms},"timestamp_secs":{timestamp_secs}{ending}}}'

    def _keep(self, shape: EventShape) -> tuple[str, str]:
        """Return the text before the numbers and the text before the id, and remember them."""
        tool, decision, detail, upstream, status, error_type, client, was_fallback = cut_names(shape)
        head = f'{{"tool":{quote(tool)},"routing_decision":{quote(decision)}'
        if detail is not None:
            head += f',"routing_detail":{quote(detail)}'
        if upstream is not None:
            head += f',"upstream":{quote(upstream)}'
        head += f',"status":"{status}"'
        if error_type is not None:
            head += f',"error_type":"{error_type}"'
        if client is not None:
            head += f',"client":{quote(client)}'
        head += ',"latency_ms":'
        tail = (',"was_fallback":true' if was_fallback else "") + _ID_KEY
        if len(self._affixes) >= _KEPT_SHAPES_MAX:
            # A host that makes up names without end must not make us remember them all.
            self._affixes.clear()
        self._affixes[shape] = (head, tail)
        return head, tail


_ID_KEY = ',"id":"'
