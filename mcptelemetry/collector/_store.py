"""
What the collector keeps, in one sqlite file.

A connection lives for one transaction. That costs some 50 microseconds beside a commit of
a millisecond, and buys: nothing is shared between threads or carried through a fork, and a
file that was moved away or restored underneath is noticed at the next batch instead of
being written to, unseen, for ever. The journal is sqlite's default, synchronous FULL: when
`add_events` returns, the batch is on the disk.
"""

from __future__ import annotations

import os
import pathlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple, Optional, Union

from ..wire import TelemetryBatch, cut_names
from ._schema import StoreError, migrate, require_readable

__all__ = ["CallOutcome", "SqliteStore", "Stored"]

_INSERT_EVENT = """
INSERT INTO events (
    id, app, version, received_at, tool, routing_decision, routing_detail, upstream,
    status, error_type, client, was_fallback, latency_ms, timestamp_secs
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING
"""
_SELECT_OUTCOMES = """
SELECT app, tool, routing_decision, status, error_type, latency_ms
FROM events WHERE seq > ? AND seq <= ?
"""
# Writers take turns by polling, without an order; under eight at full speed the unluckiest
# waits a second or two. No lock of ours would help a fork, which might copy it while held.
_BUSY_TIMEOUT_SECS = 10.0
# A reader holds commits up while it reads; a slice takes some 20 ms, a whole table might
# take seconds.
_SLICE_ROWS = 20_000


class Stored(NamedTuple):
    """What became of a batch: how many events are new, how many were here before."""

    stored: int
    duplicates: int


class CallOutcome(NamedTuple):
    """What a report asks of an event."""

    app: Optional[str]
    tool: str
    routing_decision: str
    status: str
    error_type: Optional[str]
    latency_ms: int


class SqliteStore:
    """
    The collector's store: every event id once, for ever.

    *path* names the file (str or path-like); it is made when missing, mode 0600, in a folder
    that exists. With *read_only* it must exist and is never changed. *busy_timeout_secs* is
    how long to wait for another writer.

    Safe between threads and between processes, also after a fork. Raises `StoreError` when
    the file cannot be used, `TypeError` or `ValueError` when *path* is no path.
    """

    def __init__(
        self,
        path: Union[str, os.PathLike[str]],
        *,
        read_only: bool = False,
        busy_timeout_secs: float = _BUSY_TIMEOUT_SECS,
    ) -> None:
        given = os.fspath(path) if isinstance(path, os.PathLike) else path
        if not isinstance(given, str):
            msg = f"path must be a str or a path-like of str, not {type(path).__name__}"
            raise TypeError(msg)
        if given in ("", ":memory:") or "\0" in given:
            msg = f"path={given!r} names no file; give the name of a file, such as 'collector.db'"
            raise ValueError(msg)
        self.path: str = os.path.abspath(given)
        self._is_read_only = read_only
        self._busy_timeout_secs = busy_timeout_secs
        self._require_usable_path()
        if read_only:
            self.check()
        else:
            with self.writing():
                pass

    def __repr__(self) -> str:
        return f"SqliteStore({self.path!r})"

    def add_events(self, batch: TelemetryBatch, *, received_at: int) -> Stored:
        """
        Store the events of *batch*, all or none, and return once they are on the disk.

        An event whose id is known, from earlier or from this very batch, is not stored again;
        one without an id is stored as it comes. *received_at* is Unix seconds. Raises
        `StoreError`, and then nothing was stored.
        """
        return self.add_batches([(batch, received_at)])[0]

    def add_batches(self, batches: list[tuple[TelemetryBatch, int]]) -> list[Stored]:
        """Store several batches, each with when it was received, as `add_events()` does, all or none of them."""
        outcomes = []
        with self.writing() as connection:
            for batch, received_at in batches:
                app, version = batch.app, batch.version
                rows = [
                    (event.id, app, version, received_at, *cut_names(event.shape), event.latency_ms, event.timestamp_secs)
                    for event in batch.events
                ]
                before = connection.total_changes
                connection.executemany(_INSERT_EVENT, rows)
                stored = connection.total_changes - before
                outcomes.append(Stored(stored, len(rows) - stored))
        return outcomes

    def count_outcomes(self) -> dict[CallOutcome, int]:
        """
        Return how many events had each outcome, as of the moment of the call.

        Takes about a second for a million events and holds no commit up for longer than a
        slice. Raises `StoreError`.
        """
        counts: Counter[tuple[object, ...]] = Counter()
        with self.reading() as connection:
            if not require_readable(connection):
                return {}
            last = connection.execute("SELECT max(seq) FROM events").fetchone()[0] or 0
            for start in range(0, last, _SLICE_ROWS):
                bounds = (start, min(start + _SLICE_ROWS, last))
                # fetchall: the lock on the file ends here, not when the counting is done.
                counts.update(connection.execute(_SELECT_OUTCOMES, bounds).fetchall())
        return {CallOutcome(*key): count for key, count in counts.items()}  # type: ignore[arg-type]  # as selected

    def check(self) -> None:
        """Raise `StoreError` unless the file can be opened and read."""
        with self.reading() as connection:
            if require_readable(connection):
                connection.execute("SELECT 1 FROM events LIMIT 1").fetchone()

    def _require_usable_path(self) -> None:
        if os.path.isdir(self.path):
            example = os.path.join(self.path, "collector.db")
            msg = f"{self.path} is a directory; name a file in it, such as {example}"
            raise StoreError(msg)
        if self._is_read_only and not os.path.exists(self.path):
            msg = f"{self.path} does not exist; 'mcptelemetry collect --db FILE' makes it"
            raise StoreError(msg)
        if not os.path.isdir(os.path.dirname(self.path)):
            msg = f"{os.path.dirname(self.path)} is not a directory; make it first"
            raise StoreError(msg)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Run one transaction: committed when the block ends, rolled back when it raises."""
        if self._is_read_only:
            msg = f"{self.path} was opened for reading only"
            raise StoreError(msg)
        with self._connection("written") as connection:
            connection.execute("BEGIN IMMEDIATE")
            migrate(connection)
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Open the file for looking; whoever looks asks `require_readable()` first."""
        with self._connection("read") as connection:
            yield connection

    @contextmanager
    def _connection(self, purpose: str) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction; whatever goes wrong is a `StoreError` that names it."""
        try:
            if purpose == "written":
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
                yield connection
            finally:
                # Ends an unfinished transaction by rolling it back.
                connection.close()
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
