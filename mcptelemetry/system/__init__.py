"""How the world is touched: the clock, threads, forks, exits, and the ways out."""

from __future__ import annotations

from ._append import AppendTransport
from ._clock import Clock, SystemClock, as_clock
from ._fork import ExitHook, around_fork
from ._http import HttpTransport, NetworkSettings, is_loopback_host
from ._tally import Tally
from ._transport import Answer, NoAnswer, Request, Transport
from ._worker import Worker

__all__ = [
    "Answer",
    "AppendTransport",
    "Clock",
    "ExitHook",
    "HttpTransport",
    "NetworkSettings",
    "NoAnswer",
    "Request",
    "SystemClock",
    "Tally",
    "Transport",
    "Worker",
    "around_fork",
    "as_clock",
    "is_loopback_host",
]
