"""
What a person's no does to the events that wait on the disk.

It would not leave anyway, because the gate compares generations; but what somebody refused shall
not lie about either. An operator's events are bound by the word about events alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from ..config import Mode
from ..installation import path_in
from ..system import StorageFailure, SystemClock
from ..vocabulary import SPOOL_FILE
from ._command import Console

__all__ = ["erase_refused"]


def erase_refused(directories: Iterable[str], mode: Mode, console: Console, *, everything: bool) -> None:
    """Erase what waits in the spools in *directories* and was refused by *mode*; with *everything* also an operator's."""
    if mode is Mode.ON:
        return
    owners = ("author", "operator") if everything else ("author",)
    for path in (path_in(directory, SPOOL_FILE) for directory in directories):
        if not os.path.lexists(path):
            continue
        from ..events import Spool  # only where there is one

        spool = Spool(path, SystemClock)
        failures = [found for found in map(spool.erase, owners) if isinstance(found, StorageFailure)]
        if failures:
            console.note(f"note: what waits there does not leave, but could not be erased: {failures[0].text}; delete that file")
