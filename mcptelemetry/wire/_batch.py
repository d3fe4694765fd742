"""
Events sent together, and the one body that carries them.

The batch knows the document round its events: ``{"events": […]}`` with the application's
name and version beside it when they are known.
"""

from __future__ import annotations

from collections.abc import Iterable
from json.encoder import encode_basestring_ascii as quote

from ._encoding import EventEncoder
from ._event import TelemetryEvent

__all__ = ["EMPTY_BATCH", "TelemetryBatch", "wrap_events"]


class TelemetryBatch:
    """
    Some events, the application's name and its version.

    *events* is any iterable of `TelemetryEvent` (`TypeError` otherwise).
    """

    __slots__ = ("app", "events", "version")

    def __init__(
        self, events: Iterable[TelemetryEvent], app: str | None = None, version: str | None = None
    ) -> None:
        self.events: tuple[TelemetryEvent, ...] = tuple(events)
        for event in self.events:
            if not isinstance(event, TelemetryEvent):
                msg = f"events must hold TelemetryEvent values, not {type(event).__name__}"
                raise TypeError(msg)
        for name, value in (("app", app), ("version", version)):
            if value is not None and not isinstance(value, str):
                msg = f"{name} must be a str or None, not {type(value).__name__}"
                raise TypeError(msg)
        self.app: str | None = app
        self.version: str | None = version

    def __len__(self) -> int:
        return len(self.events)

    def __repr__(self) -> str:
        return f"TelemetryBatch({len(self.events)} events, app={self.app!r}, version={self.version!r})"

    def to_json(self) -> bytes:
        """Return the body: compact JSON in UTF-8 (all of it ASCII)."""
        encoder = EventEncoder()
        texts = [
            encoder.encode_one(event.shape, event.latency_ms, event.timestamp_secs, event.id)
            for event in self.events
        ]
        return wrap_events(texts, app=self.app, version=self.version)


def wrap_events(texts: Iterable[str], *, app: str | None, version: str | None) -> bytes:
    """Return the body that carries the events whose JSON is *texts*."""
    parts = ['{"events":[', ",".join(texts), "]"]
    if app is not None:
        parts.append(f',"app":{quote(app)}')
    if version is not None:
        parts.append(f',"version":{quote(version)}')
    parts.append("}")
    return "".join(parts).encode("ascii")


EMPTY_BATCH = wrap_events((), app=None, version=None)
"""What an endpoint is asked with: whoever takes events takes none of them too."""
