"""
The connections of one process that write to the sqlite file, kept open between transactions.

To open one costs as much as half of a small commit, and what it has read of the file goes with it. So
one that has committed is put by for the next, with what its writer learnt. It serves again only
in the process that opened it and only for the file that still has the name; and whenever that
is not as the last transaction left it, whoever wrote there, everything read of it is forgotten.
"""

from __future__ import annotations

import os
import pathlib
import sqlite3
import weakref
from contextlib import suppress
from typing import Any, Optional

__all__ = ["Connections", "WritingConnection", "connect"]

# As many writers of a process as are not in each other's way: events, and everything else.
_KEPT_MAX = 2
# A journal that stays costs no entry in its folder and no new blocks with each commit; what one
# large transaction made of it does not stay.
_JOURNAL = ("PRAGMA journal_mode = PERSIST", "PRAGMA journal_size_limit = 1048576")

_FileState = Optional[tuple[int, int, int, int]]  # device, inode, size, moment of the last change; None: there is none


def connect(path: str, busy_timeout_secs: float) -> sqlite3.Connection:
    """Open the file at *path*, which must exist."""
    # A URI, because only there can sqlite be told not to make a missing file. Readers
    # open it for writing too, or they could not undo what a killed writer left half done.
    return sqlite3.connect(
        f"{pathlib.Path(path).as_uri()}?mode=rw",
        uri=True,
        timeout=busy_timeout_secs,
        isolation_level=None,
        check_same_thread=False,  # one thread after the other has it
    )


class WritingConnection:
    """
    A connection for one transaction after the other, and what is known of the file from the one before.

    *memory* belongs to whoever writes; it is empty whenever the file may be another than it was.
    """

    __slots__ = ("_opened", "_state", "_version", "connection", "memory")

    def __init__(self, connection: sqlite3.Connection, opened: _FileState) -> None:
        self.connection = connection
        self.memory: dict[str, Any] = {}
        self._opened = opened  # the file that had the name just before
        self._state: _FileState = None  # of the file, as the last transaction left it
        self._version = -1  # the same, as sqlite counts it

    def is_of(self, state: _FileState) -> bool:
        """Return whether it has this very file open, whatever stands in it now."""
        return state is not None and self._opened is not None and state[:2] == self._opened[:2]

    def begin(self, state: _FileState) -> bool:
        """Begin a transaction; return whether the file is as the last one left it."""
        run = self.connection.execute
        if state != self._state:
            # Sqlite sees what sqlite wrote. What was copied over the file may look to it like the old.
            run("PRAGMA shrink_memory")
        run("BEGIN IMMEDIATE")
        (version,) = run("PRAGMA data_version").fetchone()
        is_as_left = state == self._state and version == self._version
        self._version = version
        if not is_as_left:
            self.memory = {}
        return is_as_left

    def commit(self, path: str) -> None:
        """End the transaction: it is on the disk when this returns."""
        self.connection.execute("COMMIT")
        self._state = _state_of(path)


class Connections:
    """
    Writing connections to the file at *path*; safe between threads, and after a fork.

    What is put by is closed with the object.
    """

    def __init__(self, path: str, busy_timeout_secs: float) -> None:
        self._path = path
        self._busy_timeout_secs = busy_timeout_secs
        self._inherited: list[list[WritingConnection]] = []
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        # Only ever appended to and popped from, each one step: no lock that a fork could copy.
        self._idle: list[WritingConnection] = []
        weakref.finalize(self, _close_all, self._idle, self._path, self._process)

    def begin(self) -> tuple[WritingConnection, bool]:
        """Return a connection inside a transaction, and whether the file is as it left it; to be put by or closed."""
        if self._process != os.getpid():
            # They are the parent's: a child neither uses nor closes them.
            self._inherited.append(self._idle)
            self._begin()
        state = _state_of(self._path)
        kept = self._take(state)
        try:
            return kept, kept.begin(state)
        except BaseException:
            kept.connection.close()
            raise

    def put_by(self, kept: WritingConnection) -> None:
        """Keep *kept*, whose transaction is committed, for who comes next."""
        if len(self._idle) < _KEPT_MAX:
            self._idle.append(kept)
        else:
            kept.connection.close()

    def close(self) -> None:
        """Close what is idle; whoever comes next opens anew."""
        _close_all(self._idle, self._path, self._process)

    def _take(self, state: _FileState) -> WritingConnection:
        """Return a connection that nobody else has, an idle one if there is one of the present file."""
        while True:
            try:
                idle = self._idle.pop()
            except IndexError:
                break
            if idle.is_of(state):
                return idle
            # Its journal's name is another file's now, so it stays.
            idle.connection.close()
        connection = connect(self._path, self._busy_timeout_secs)
        try:
            for statement in _JOURNAL:
                connection.execute(statement).fetchone()
        except BaseException:
            connection.close()
            raise
        return WritingConnection(connection, state)


def _close_all(idle: list[WritingConnection], path: str, process: int) -> None:
    """Close what is idle, and take the journal away with it unless another connection needs it just now."""
    while idle and process == os.getpid():
        kept = idle.pop()
        if kept.is_of(_state_of(path)):
            with suppress(sqlite3.Error):
                kept.connection.execute("PRAGMA busy_timeout = 0")
                kept.connection.execute("PRAGMA journal_mode = DELETE")
        kept.connection.close()


def _state_of(path: str) -> _FileState:
    with suppress(OSError):
        status = os.stat(path)
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
    return None
