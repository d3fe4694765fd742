"""
What a person has to be told before anything leaves, put together anew each time it is asked.

It concerns what goes to the maintainer or the author; an operator's events are the
operator's own affair.
"""

from __future__ import annotations

from ..application import home_directory
from ..installation import Installation
from ..privacy import FirstRunNotice, NoticeSink, Stream
from ..system import url_without_secrets
from ._events_stream import EventsStream

__all__ = ["Notices"]


class Notices:
    """The first-run notice of *installation*, whose events are *events*; *sink* shows it, None: standard error."""

    def __init__(self, installation: Installation, events: EventsStream, sink: NoticeSink | None) -> None:
        self._installation = installation
        self._events = events
        self._sink = sink

    def first_run_notice(self) -> FirstRunNotice | None:
        """Return the notice, None when nothing of theirs would be sent."""
        heartbeat, events = self._destinations()
        if heartbeat is None and events is None:
            return None
        installation = self._installation
        usual = installation.application.data_directory({"HOME": home_directory(installation.environ)})
        return FirstRunNotice(
            application=installation.application,
            memory=installation.open_memory(),
            heartbeat_endpoint=heartbeat,
            events_endpoint=events,
            sink=self._sink,
            command=installation.setup.command,
            data_dir=None if usual == installation.data_dir else installation.data_dir,
            may_show=lambda: any(self._destinations()),
        )

    def _destinations(self) -> tuple[str | None, str | None]:
        """Return where the heartbeat and the author's events would go now, None where they would not."""
        installation = self._installation
        if installation.problem is not None:
            return None, None
        may_send = installation.switches.decide(Stream.HEARTBEAT).may_send
        heartbeat = installation.heartbeat_endpoint if may_send else None
        # A query may hold a key: it is neither shown nor kept.
        return None if heartbeat is None else url_without_secrets(heartbeat), self._events.endpoint_to_notice()
