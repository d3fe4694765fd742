"""
Looking up a name that never comes to an end.

The look-up happens in the system's resolver, which no time-out reaches, and to have a real
one hang takes a name server. In a process that is about to be thrown away there is a
simpler way: put a look-up that hangs in the place of Python's.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from typing import Any

__all__ = ["never_resolve_names"]


def never_resolve_names() -> None:
    """
    Make every look-up of a host name in this process hang for ever; addresses still work.

    There is no way back: call it first thing in a child process made for the purpose, such
    as ``python -c "from mcptelemetry.testing import never_resolve_names; …"``, and see whether
    that child ends in time. The thread that looks up hangs as it would in the system's
    resolver: without the interpreter's lock, and deaf to time-outs.
    """
    look_up = socket.getaddrinfo

    def look_up_or_hang(host: Any, *args: Any, **options: Any) -> Any:
        if host is not None and not _is_address(host):
            threading.Event().wait()
        return look_up(host, *args, **options)

    socket.getaddrinfo = look_up_or_hang


def _is_address(host: Any) -> bool:
    try:
        ipaddress.ip_address(host.decode("ascii") if isinstance(host, bytes) else host)
    except (UnicodeDecodeError, ValueError):
        return False
    return True
