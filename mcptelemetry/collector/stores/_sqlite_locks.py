"""
A reader's turn at the file, between the commits of writers.

Sqlite waits by sleeping longer and longer, up to a tenth of a second; beside a writer that commits
without a pause a reader wakes in the gaps too seldom, and a report of sixty looks takes half a
minute. Here it looks every few milliseconds.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["at_once"]

_LOOK_EVERY_SECS = 0.002


@contextmanager
def at_once(connection: sqlite3.Connection) -> Iterator[None]:
    """
    Have what is read in the block be of one moment; commits wait meanwhile.

    Within such a block it changes nothing. Waits for as long as *connection* was told to, then raises
    `sqlite3.OperationalError`.
    """
    if connection.in_transaction:
        yield
        return
    (wait_ms,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute("PRAGMA busy_timeout = 0")
    until = time.monotonic() + wait_ms / 1000
    while not _begin(connection, is_last_try=time.monotonic() >= until):
        time.sleep(_LOOK_EVERY_SECS)
    connection.execute(f"PRAGMA busy_timeout = {int(wait_ms)}")
    yield
    connection.execute("COMMIT")


def _begin(connection: sqlite3.Connection, *, is_last_try: bool) -> bool:
    """Return whether the file could be read, and is from now on; raise what is no lock, or the last refusal."""
    connection.execute("BEGIN")
    try:
        connection.execute("PRAGMA main.user_version").fetchone()
    except sqlite3.OperationalError as error:
        connection.execute("ROLLBACK")
        if is_last_try or "locked" not in str(error):
            raise
        return False
    return True
