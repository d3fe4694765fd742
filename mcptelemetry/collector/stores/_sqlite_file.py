"""
The collector's one sqlite file, one transaction at a time.

It is made at construction and never again: one that is gone, or empty, while a collector runs
has lost what was acknowledged, and that is said.

Whoever reads has a connection for one look. Whoever writes may get one that was used before,
see `Connections`; which file has the name is looked at before each transaction, so that one
that was moved away or restored underneath is noticed at the next batch instead of being
written to, unseen, for ever. There is a rollback journal, synchronous FULL: when a transaction
has ended, it is on the disk.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Union

from ._errors import StoreError
from ._sqlite_connections import Connections, WritingConnection, connect
from ._sqlite_locks import at_once
from ._sqlite_schema import has_schema, migrate

__all__ = ["BUSY_TIMEOUT_SECS", "SqliteFile"]

# Writers take turns by polling, without an order; under eight at full speed the unluckiest
# waits a second or two. No lock of ours would help a fork, which might copy it while held.
BUSY_TIMEOUT_SECS = 10.0


class SqliteFile:
    """
    The file at *path*, made when it is missing unless *read_only*.

    Safe between threads and between processes, also after a fork.
    """

    def __init__(
        self, path: Union[str, os.PathLike[str]], *, read_only: bool, busy_timeout_secs: float
    ) -> None:
        given = os.fspath(path) if isinstance(path, os.PathLike) else path
        if not isinstance(given, str):
            msg = f"path must be a str or a path-like of str, not {type(path).__name__}"
            raise TypeError(msg)
        if given in ("", ":memory:") or "\0" in given:
            msg = f"path={given!r} names no file; give the name of a file, such as 'collector.db'"
            raise ValueError(msg)
        self.path: str = os.path.abspath(given)
        self.is_read_only = read_only
        self._busy_timeout_secs = busy_timeout_secs
        self._connections = Connections(self.path, busy_timeout_secs)
        self._require_usable_path()
        if not read_only:
            with self._connection("written", is_made=True) as connection:
                connection.execute("BEGIN IMMEDIATE")
                migrate(connection)
                connection.execute("COMMIT")

    def _require_usable_path(self) -> None:
        if os.path.isdir(self.path):
            example = os.path.join(self.path, "collector.db")
            msg = f"{self.path} is a directory; name a file in it, such as {example}"
            raise StoreError(msg)
        if self.is_read_only and not os.path.exists(self.path):
            msg = f"{self.path} does not exist; 'mcptelemetry collect --db FILE' makes it"
            raise StoreError(msg)
        if not os.path.isdir(os.path.dirname(self.path)):
            msg = f"{os.path.dirname(self.path)} is not a directory; make it first"
            raise StoreError(msg)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Run one transaction: committed when the block ends, rolled back when it raises."""
        with self.writing_on() as kept:
            kept.memory = {}  # of one who knows nothing of what is written here
            yield kept.connection

    @contextmanager
    def writing_on(self) -> Iterator[WritingConnection]:
        """Do `writing()`, for who remembers from one transaction to the next what it is told there."""
        if self.is_read_only:
            msg = f"{self.path} was opened for reading only"
            raise StoreError(msg)
        with self.explaining("written"):
            kept, is_as_left = self._connections.begin()
            try:
                if not is_as_left:
                    _require_schema(kept.connection)
                yield kept
                kept.commit(self.path)
            except BaseException:
                kept.connection.close()  # rolls back
                raise
            self._connections.put_by(kept)

    def close(self) -> None:
        """Close what is open between transactions; it may be used again."""
        self._connections.close()

    def check(self) -> None:
        """Return when the file can be read and, unless opened for reading only, written."""
        with self.reading() as connection:
            connection.execute("SELECT 1 FROM events LIMIT 1").fetchone()
        if not self.is_read_only:
            with self.writing():
                pass  # as far as any transaction goes before it changes a page

    def back_up(self, path: Union[str, os.PathLike[str]]) -> None:
        """Write the file as it is now, whole and compact, to *path*, which must not exist; others go on."""
        with self.reading() as connection:
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            except OSError as error:
                msg = f"cannot be backed up to {os.fspath(path)}: {error.strerror}"
                raise StoreError(msg) from error
            connection.execute("VACUUM INTO ?", (os.fspath(path),))

    @contextmanager
    def reading(self, *, is_at_once: bool = False) -> Iterator[sqlite3.Connection]:
        """
        Open the file for looking.

        Each statement sees the file as it is when it runs, and commits go on in between; with
        *is_at_once* all see the same, and commits wait: for what takes no longer than a slice.
        """
        with self._connection("read") as connection:
            with at_once(connection):
                is_empty = not has_schema(connection)
                if is_at_once and not is_empty:
                    yield connection
            if not is_empty:
                if not is_at_once:
                    yield connection
                return
            # Nothing was ever stored, and whoever reads makes nothing: an empty database answers.
            empty = sqlite3.connect(":memory:", isolation_level=None)
            try:
                migrate(empty)
                yield empty
            finally:
                empty.close()

    @contextmanager
    def _connection(self, purpose: str, *, is_made: bool = False) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction; whatever goes wrong is a `StoreError` that names it."""
        with self.explaining(purpose):
            if is_made:
                self._make_private()
            connection = connect(self.path, self._busy_timeout_secs)
            try:
                yield connection
            finally:
                # Ends an unfinished transaction by rolling it back.
                connection.close()

    @contextmanager
    def explaining(self, purpose: str) -> Iterator[None]:
        """Turn whatever goes wrong while the file is *purpose* into a `StoreError` that names it and a mend."""
        try:
            yield
        except StoreError as error:
            msg = f"{self.path} {error}"
            raise StoreError(msg) from None
        except (sqlite3.Error, OSError) as error:
            msg = f"{self.path} cannot be {purpose}: {_explain(error)}"
            raise StoreError(msg) from error

    def _make_private(self) -> None:
        """Make the file with mode 0600 when it is missing; the journal inherits its mode."""
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _require_schema(connection: sqlite3.Connection) -> None:
    if not has_schema(connection):
        msg = "is empty, which it was not: put back what it held, or start the collector anew"
        raise StoreError(msg)


# What sqlite says, and what to do about it.
_MENDS = (
    ("file is not a database", "it is no sqlite file; name another, or move it away"),
    ("malformed", "it is damaged; move it away and start again"),
    ("readonly", "allow writing to the file and to its folder"),
    ("unable to open", "put the file back if it is gone, or allow reading and writing of it and of its folder"),
    ("locked", "another program holds it; end that program or wait"),
    ("full", "make room on the disk"),
    ("Permission denied", "allow writing to the file and to its folder"),
)


def _explain(error: Exception) -> str:
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    mend = next((mend for sign, mend in _MENDS if sign in text), "look at the file and its disk")
    return f"{text} ({mend})"
