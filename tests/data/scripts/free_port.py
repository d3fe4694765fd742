"""
A port for a server of others, which has to be told which to take.

It is none of those that the system hands out by itself: before the server has taken it, such a
one could go to any connection that any process opens meanwhile.
"""

from __future__ import annotations

import random
import socket

LOWEST = 15_000
TRIES = 200


def handed_out_from() -> int:
    """Return the first of the ports that the system hands out by itself."""
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
            return int(file.read().split()[0])
    except (OSError, ValueError):
        return 32_768


def free_port() -> int:
    """Return a port of this machine on which nobody listens."""
    draw = random.SystemRandom()  # tests that run beside each other may have seeded the other one alike
    highest = max(handed_out_from(), LOWEST + 1_000)
    for _ in range(TRIES):
        port = draw.randrange(LOWEST, highest)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    msg = f"not one of {TRIES} ports between {LOWEST} and {highest} is free"
    raise RuntimeError(msg)
