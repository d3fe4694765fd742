"""How the world is touched: the clock, threads, forks, exits, and the ways out."""

from __future__ import annotations

from ._append import AppendTransport
from ._backoff import Backoff, draw_backoff_secs
from ._bell import Bell
from ._clock import Clock, SystemClock, as_clock
from ._database import CORRUPT_SUFFIX, Database, Trouble
from ._exit import ExitHook
from ._files import FileStamp, make_private_directory, read_small_file, stamp_of, write_atomically
from ._fork import around_fork, begin_anew, notice_fork
from ._hosts import join_host
from ._http import HttpTransport, NetworkSettings, is_loopback_host
from ._identifiers import draw_uuid4, is_uuid
from ._logs import package_logger
from ._signals import SignalChain
from ._tally import Tally, has_interpreter_lock
from ._transport import Answer, NoAnswer, Request, Transport
from ._turns import Turn, Turns
from ._worker import Worker

__all__ = [
    "CORRUPT_SUFFIX",
    "Answer",
    "AppendTransport",
    "Backoff",
    "Bell",
    "Clock",
    "Database",
    "ExitHook",
    "FileStamp",
    "HttpTransport",
    "NetworkSettings",
    "NoAnswer",
    "Request",
    "SignalChain",
    "SystemClock",
    "Tally",
    "Transport",
    "Trouble",
    "Turn",
    "Turns",
    "Worker",
    "around_fork",
    "as_clock",
    "begin_anew",
    "draw_backoff_secs",
    "draw_uuid4",
    "has_interpreter_lock",
    "is_loopback_host",
    "is_uuid",
    "join_host",
    "make_private_directory",
    "notice_fork",
    "package_logger",
    "read_small_file",
    "stamp_of",
    "write_atomically",
]
