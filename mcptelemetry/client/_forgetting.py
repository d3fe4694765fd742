"""
Forgetting: a new anonymous id, no counts, milestones, documents or waiting events; what a person said stays.

The file is emptied in one transaction, its freed pages overwritten, and a generation begins: what
running processes hold is of the one before, and they drop it as soon as they look.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from ..counters import forget_counts
from ..errors import StorageError
from ..installation import Installation
from ..state import forget_deliveries, write_value
from ..system import CORRUPT_SUFFIX, StorageFailure
from ._spool import open_spool

if TYPE_CHECKING:
    import sqlite3

__all__ = ["forget_installation"]

# When the next heartbeat is due stays: two documents on one day would tell that the ids are one's.
# The notice stays too, and so does what the author set up: they are not about the person.
_REMEMBERED = (
    "anonymous_id",
    "anonymous_id_created_at",
    "last_reported_version",
    "last_startup_outcome",
    "last_success_at",
    "last_error",
    "last_error_at",
)


def forget_installation(installation: Installation) -> None:
    """
    Erase what is remembered of *installation* and begin a generation.

    Raises `StorageError` when the database cannot be written.
    """
    memory, now = installation.open_memory(), installation.clock.time()

    def erase(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA secure_delete = ON")
        forget_counts(connection)
        forget_deliveries(connection, now)
        for name in _REMEMBERED:
            write_value(connection, name, None)
        memory.ensure_identity_in(connection)

    if os.path.lexists(memory.path):
        found = memory.database.change(erase)
        if isinstance(found, StorageFailure):
            msg = f"what is remembered cannot be erased: {found.text}; make it writable, or delete that file"
            raise StorageError(msg)
    spool = open_spool(installation)
    erased = None if spool is None else spool.erase()
    if isinstance(erased, StorageFailure):
        msg = f"the events that wait cannot be erased: {erased.text}; make it writable, or delete that file"
        raise StorageError(msg)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(installation.spool_path + CORRUPT_SUFFIX)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(memory.path + CORRUPT_SUFFIX)  # an earlier one, set aside with all that stood in it
