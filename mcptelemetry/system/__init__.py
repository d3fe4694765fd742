"""How the world is touched: the clock, threads, forks, exits, and the ways out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._late import late_names
from ._atomic_counter import AtomicCounter, has_interpreter_lock, look_at_once
from ._backoff import Backoff, draw_backoff_secs, draw_uniform
from ._clock import Clock, SystemClock, as_clock
from ._database import CORRUPT_SUFFIX, Database, StorageFailure
from ._exit import ExitHook
from ._files import (
    FileStamp,
    make_private_directory,
    read_small_file,
    replace_file,
    stamp_of,
    write_atomically,
)
from ._fork import WeakKey, around_fork, begin_anew, notice_fork
from ._hosts import join_host
from ._http import HttpTransport, NetworkSettings
from ._identifiers import draw_uuid4, is_uuid
from ._interpreter import install_hint, module_command, module_words, quoted
from ._lifecycle import Asked, Lifecycle, Loop
from ._logs import package_logger
from ._ownership import ForeignFile
from ._printable import printable, utf16_units
from ._transport import BLOCK_BYTES, Answer, MissingPackage, NoAnswer, Request, Transport, Withheld
from ._turns import Turn, Turns
from ._urls import is_loopback_host, url_without_secrets
from ._wake_event import WakeEvent
from ._worker import Worker

if TYPE_CHECKING:
    from ._append import AppendTransport
    from ._printing import PrintingTransport
    from ._signals import SignalChain

__all__ = [
    "BLOCK_BYTES",
    "CORRUPT_SUFFIX",
    "Answer",
    "AppendTransport",
    "Asked",
    "AtomicCounter",
    "Backoff",
    "Clock",
    "Database",
    "ExitHook",
    "FileStamp",
    "ForeignFile",
    "HttpTransport",
    "Lifecycle",
    "Loop",
    "MissingPackage",
    "NetworkSettings",
    "NoAnswer",
    "PrintingTransport",
    "Request",
    "SignalChain",
    "StorageFailure",
    "SystemClock",
    "Transport",
    "Turn",
    "Turns",
    "WakeEvent",
    "WeakKey",
    "Withheld",
    "Worker",
    "around_fork",
    "as_clock",
    "begin_anew",
    "draw_backoff_secs",
    "draw_uniform",
    "draw_uuid4",
    "has_interpreter_lock",
    "install_hint",
    "is_loopback_host",
    "is_uuid",
    "join_host",
    "look_at_once",
    "make_private_directory",
    "module_command",
    "module_words",
    "notice_fork",
    "package_logger",
    "printable",
    "quoted",
    "read_small_file",
    "replace_file",
    "stamp_of",
    "url_without_secrets",
    "utf16_units",
    "write_atomically",
]

if not TYPE_CHECKING:
    __getattr__ = late_names(
        globals(),
        {
            "_append": ("AppendTransport",),
            "_printing": ("PrintingTransport",),
            "_signals": ("SignalChain",),
        },
    )
