"""
The collector's one sqlite file, opened for one transaction at a time.

A connection lives for one transaction. That costs some 50 microseconds beside a commit of
a millisecond, and buys: nothing is shared between threads or carried through a fork, and a
file that was moved away or restored underneath is noticed at the next batch instead of
being written to, unseen, for ever. The journal is sqlite's default, synchronous FULL: when
a transaction has ended, it is on the disk.
"""

from __future__ import annotations

import os
import pathlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Union

from ._errors import StoreError
from ._sqlite_schema import has_schema, migrate

__all__ = ["BUSY_TIMEOUT_SECS", "SqliteFile"]

# Writers take turns by polling, without an order; under eight at full speed the unluckiest
# waits a second or two. No lock of ours would help a fork, which might copy it while held.
BUSY_TIMEOUT_SECS = 10.0


class SqliteFile:
    """
    The file at *path*, made by the first transaction that writes, and never a second time.

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
        self._was_there = False
        self._require_usable_path()

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
        if self.is_read_only:
            msg = f"{self.path} was opened for reading only"
            raise StoreError(msg)
        with self._connection("written") as connection:
            connection.execute("BEGIN IMMEDIATE")
            migrate(connection)
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Open the file for looking; each statement sees the file as it is when it runs."""
        with self._connection("read") as connection:
            if has_schema(connection):
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
    def _connection(self, purpose: str) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction; whatever goes wrong is a `StoreError` that names it."""
        try:
            if purpose == "written" and not self._was_there:
                self._make_private()
            # A URI, because only there can sqlite be told not to make a missing file. Readers
            # open it for writing too, or they could not undo what a killed writer left half done.
            connection = sqlite3.connect(
                f"{pathlib.Path(self.path).as_uri()}?mode=rw",
                uri=True,
                timeout=self._busy_timeout_secs,
                isolation_level=None,
            )
            try:
                self._was_there = True
                yield connection
            finally:
                # Ends an unfinished transaction by rolling it back.
                connection.close()
        except StoreError as error:
            msg = f"{self.path} {error}"
            raise StoreError(msg) from None
        except (sqlite3.Error, OSError) as error:
            if self._was_there and not os.path.exists(self.path):
                # Not made anew: who removed it by mistake would lose what came since without a word.
                msg = f"{self.path} is gone, removed or moved while in use; put it back, or start the collector again"
                raise StoreError(msg) from None
            msg = f"{self.path} cannot be {purpose}: {_explain(error)}"
            raise StoreError(msg) from error

    def _make_private(self) -> None:
        """Make the file with mode 0600 when it is missing; the journal inherits its mode."""
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


# What sqlite says, and what to do about it.
_MENDS = (
    ("file is not a database", "it is no sqlite file; name another, or move it away"),
    ("malformed", "it is damaged; move it away and start again"),
    ("readonly", "allow writing to the file and to its folder"),
    ("unable to open", "allow reading and writing of the file and of its folder"),
    ("locked", "another program holds it; end that program or wait"),
    ("full", "make room on the disk"),
    ("Permission denied", "allow writing to the file and to its folder"),
)


def _explain(error: Exception) -> str:
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    mend = next((mend for sign, mend in _MENDS if sign in text), "look at the file and its disk")
    return f"{text} ({mend})"
