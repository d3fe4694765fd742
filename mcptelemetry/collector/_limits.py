"""
How large, how deep and how slow a request may be: one table of limits, a row a route.

They hold before a body is read, while it is read, after it was inflated and before it is
parsed, so that what a stranger sends costs no more than it took to send it. The embedded
server asks the same table as the application, which may run under any other.
"""

from __future__ import annotations

from ..vocabulary import EVENTS_PATH, FEEDBACK_PATH, HEARTBEAT_PATH, SHORT_EVENTS_PATH
from ..wire import HEARTBEAT_BYTES_MAX

__all__ = [
    "BODY_SECS_MAX",
    "CONTAINERS_MAX",
    "DEPTH_MAX",
    "EVENTS_BYTES_MAX",
    "FEEDBACK_BYTES_MAX",
    "FORM_FIELDS_MAX",
    "SMALL_BYTES_MAX",
    "VALUES_MAX",
    "body_bytes_max",
]

EVENTS_BYTES_MAX = 1024 * 1024
FEEDBACK_BYTES_MAX = 64 * 1024
SMALL_BYTES_MAX = 16 * 1024
"""A body so small waits for no other, and several of them are taken together."""

_BYTES_MAX_OF_PATH = {
    EVENTS_PATH: EVENTS_BYTES_MAX,
    SHORT_EVENTS_PATH: EVENTS_BYTES_MAX,
    HEARTBEAT_PATH: HEARTBEAT_BYTES_MAX,
    FEEDBACK_PATH: FEEDBACK_BYTES_MAX,
}
# Who asks for something else has a reason to send a few fields of a form.
_OTHER_BYTES_MAX = 16 * 1024

FORM_FIELDS_MAX = 1000
"""A form of the page has one a message of the inbox, and a few."""

BODY_SECS_MAX = 20.0
"""How long a request may take from its first byte to the last of its body."""

DEPTH_MAX = 16
"""No document nests deeper; a later version of one may nest a little deeper than today's four."""
CONTAINERS_MAX = EVENTS_BYTES_MAX // 64
"""More arrays and objects than this many are no batch: its smallest event takes 88 bytes."""
VALUES_MAX = 16 * CONTAINERS_MAX
"""More values than this many are none either: an event has eleven fields."""


def body_bytes_max(path: str) -> int:
    """Return how large a body at *path* may be, on the wire and inflated."""
    return _BYTES_MAX_OF_PATH.get(path, _OTHER_BYTES_MAX)
