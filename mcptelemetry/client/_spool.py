"""
What a person is told of the spool of one installation: what waits there, and what is wrong with it.

Looking makes no file, and loads nothing where there is none.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..installation import Installation
from ..system import StorageFailure
from ._moment import moment_text

if TYPE_CHECKING:
    from ..events import Spool
    from ..status import SpoolStatus
    from ._events_stream import EventsStream

__all__ = ["describe_spool", "open_spool", "spool_trouble"]


def open_spool(installation: Installation) -> Spool | None:
    """Return the spool of *installation*, None when there is no file: only who has one pays for it."""
    if not os.path.lexists(installation.spool_path):
        return None
    from ..events import Spool

    return Spool(installation.spool_path, installation.clock)


def describe_spool(installation: Installation, events: EventsStream) -> SpoolStatus | None:
    """Return what is in the spool of *installation*, None when there is none, or it cannot be read."""
    spool = open_spool(installation)
    picture = None if spool is None else spool.look()
    if spool is None or picture is None or isinstance(picture, StorageFailure):
        return None
    own = [found for found in picture.streams if found.stream == events.spool_stream()]
    others = [found for found in picture.streams if found not in own]
    oldest_at = min((found.oldest_at for found in picture.streams), default=None)
    return {
        "waiting": sum(found.waiting for found in own),
        "in_flight": sum(found.claimed for found in own),
        "elsewhere": sum(found.waiting + found.claimed for found in others),
        "dropped": picture.dropped,
        "refused": picture.refused,
        "oldest_at": moment_text(oldest_at),
        "set_aside": spool.set_aside,
    }


def spool_trouble(installation: Installation, events: EventsStream) -> str | None:
    """Return why events are not kept on the disk although they should be, None when they are or need not be."""
    own = None if events.pipeline is None else events.pipeline.storage_trouble()
    if own is not None:
        return own
    spool = open_spool(installation)
    picture = None if spool is None else spool.look()
    if isinstance(picture, StorageFailure):
        return picture.text
    path = installation.spool_path
    is_wanted = events.target is not None and events.target.settings.spool
    if is_wanted and not path:
        return "there is no home directory to keep events in"
    if spool is not None:
        for place in (path, os.path.dirname(path)):  # a change needs a journal beside the file
            if not os.access(place, os.W_OK):
                return f"{place}: may not be written"
    return None
