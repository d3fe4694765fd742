"""
Doubles for tests, ours and yours: a clock, transports, a collector, and hostile servers.

Nothing here is imported by the rest of the package, and only the collector needs more than
the package itself (waitress).
"""

from __future__ import annotations

from ._clock import FakeClock
from ._collector import InProcessCollector
from ._hostile import HOSTILE_BEHAVIOURS, HostileServer, refusing_url
from ._names import never_resolve_names
from ._scripted_server import Reply, ScriptedServer
from ._sockets import Connection, ReceivedRequest, SocketServer
from ._transport import ScriptedTransport, Step

__all__ = [
    "HOSTILE_BEHAVIOURS",
    "Connection",
    "FakeClock",
    "HostileServer",
    "InProcessCollector",
    "ReceivedRequest",
    "Reply",
    "ScriptedServer",
    "ScriptedTransport",
    "SocketServer",
    "Step",
    "never_resolve_names",
    "refusing_url",
]
