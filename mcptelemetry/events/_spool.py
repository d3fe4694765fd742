"""
`telemetry-spool.db`: events that are not delivered yet, for whichever process delivers them.

A row is a chunk: events of one stream that were put together, as their JSON texts. Whoever
sends claims chunks for a while, and what is delivered is deleted, many in one transaction. A
claim stands beside the texts, so that to write it costs no copy of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar, Union

from ..system import CORRUPT_SUFFIX, Clock, Database, StorageFailure
from ._spool_rows import (
    MIGRATIONS,
    ClaimedChunk,
    Done,
    SpooledStream,
    SpoolStream,
    add_dropped,
    count_by_stream,
    delete_chunks,
    drop_beyond,
    erase_others,
    free_chunks,
    insert_chunks,
    look_over,
    overwrite_free,
    read_account,
    settle_claims,
    waiting_events,
)

if TYPE_CHECKING:
    import sqlite3

__all__ = ["LEASE_SECS", "Claim", "Put", "Spool", "SpoolPicture"]

_Result = TypeVar("_Result")

_AT_THE_END_SECS = 0.05
# Each transaction waits for the disk twice and not four times: of power that fails, a journal that stays is as
# safe as one that is made anew. What was delivered is no secret: pages are overwritten by `erase()` alone.
_PRAGMAS = ("journal_mode = TRUNCATE", "synchronous = NORMAL", "secure_delete = FAST")
LEASE_SECS = 60.0
"""For how long a claim keeps others from what it names."""


class Claim(NamedTuple):
    """
    Chunks that are the caller's for `LEASE_SECS`, the oldest first, and how many events of the stream wait beside them.

    *settled* is what `Spool.settle()` returns, of what was done before.
    """

    token: str
    chunks: tuple[ClaimedChunk, ...] = ()
    waiting: int = 0
    settled: frozenset[int] = frozenset()


class Put(NamedTuple):
    """
    What came of `Spool.put()`: how many of the oldest were *dropped*, and how many of the stream are *waiting* now.

    *chunks* are those that were put, and *claims* what of them was claimed for the caller. *settled* is as of a `Claim`.
    """

    dropped: int
    waiting: int
    chunks: Sequence[ClaimedChunk] = ()
    claims: Sequence[Claim] = ()
    settled: frozenset[int] = frozenset()


class SpoolPicture(NamedTuple):
    """
    What is in the spool, stream by stream.

    *dropped* are the events that made room for others or waited too long, *refused* those that were erased because a
    person said no, both since it was begun or forgotten.
    """

    streams: tuple[SpooledStream, ...] = ()
    dropped: int = 0
    refused: int = 0


class _NewerVersion(Exception):
    """The file was extended by a later release, and what its chunks mean is not known here."""


class Spool:
    """
    The spool in the file at *path*, which is made when something is first put.

    *clock* tells the wall time that stamps and leases are told by. A lease that ends farther ahead than
    one can was set by a clock that was wrong, and counts as over. Safe from any thread, across processes
    and forks; what the disk does is a `StorageFailure`, never an exception.
    """

    def __init__(self, path: str, clock: Clock, *, busy_secs: float = 0.5, lease_secs: float = LEASE_SECS) -> None:
        self.path = path
        self.lease_secs = lease_secs
        self._clock = clock
        self._database = Database(path, MIGRATIONS, busy_secs=busy_secs, pragmas=_PRAGMAS)

    @property
    def exists(self) -> bool:
        """Whether there is a file: without one there is nothing to look for."""
        return bool(self.path) and os.path.lexists(self.path)

    @property
    def set_aside(self) -> str | None:
        """Where a damaged file was put, None when there is none."""
        aside = self.path + CORRUPT_SUFFIX
        return aside if self.path and os.path.lexists(aside) else None

    def put(
        self,
        stream: SpoolStream,
        generation: str,
        texts: Sequence[str],
        *,
        version: str | None,
        chunk_max: int,
        capacity: int,
        claim_max: int = 0,
        done: Sequence[Done] = (),
    ) -> Put | StorageFailure:
        """
        Keep the events whose JSON is *texts*, recorded for *stream* under *generation*, in one transaction.

        A chunk holds at most *chunk_max* of them. Of all that waits in the file at most *capacity*
        events are kept, and the oldest are dropped. What is there of another generation is erased first.
        With *claim_max* what is put is claimed as well, so many chunks a claim, unless something had to be dropped.
        *done* is settled in the same transaction, see `settle()`.
        """

        def put(connection: sqlite3.Connection) -> Put:
            now = self._clock.time()
            kept = texts[-capacity:]
            # First, and into pages that were free before: those that this transaction frees would have to be written twice.
            chunks = insert_chunks(connection, (*stream, generation, version, now), kept, chunk_max)
            settled = settle_claims(connection, done)
            seen = look_over(connection, stream, generation, now, self.lease_secs)
            if seen.has_others:
                erase_others(connection, stream.owner, generation)
            dropped = drop_beyond(connection, capacity, now, self.lease_secs) if seen.free > capacity else 0
            dropped += add_dropped(connection, len(texts) - len(kept))
            if seen.has_others or dropped:
                seen = look_over(connection, stream, generation, now, self.lease_secs)
            if not claim_max or dropped:
                return Put(dropped, seen.waiting, chunks, [], settled)
            claims = [
                Claim(self._mark(connection, some, now), tuple(some))
                for some in (chunks[start : start + claim_max] for start in range(0, len(chunks), claim_max))
            ]
            return Put(dropped, seen.waiting - len(kept), chunks, claims, settled)

        return self._change(put)

    def claim(
        self, stream: SpoolStream, generation: str, *, events_max: int, done: Sequence[Done] = ()
    ) -> Claim | StorageFailure:
        """
        Claim the oldest free chunks of *stream*, up to *events_max* events and at least one chunk.

        What is there of another generation is erased first. *done* is settled in the same transaction, see `settle()`.
        """
        if not self.exists:
            return Claim("")

        def claim(connection: sqlite3.Connection) -> Claim:
            settled = settle_claims(connection, done)
            erase_others(connection, stream.owner, generation)
            now = self._clock.time()
            chunks = free_chunks(connection, stream, now, self.lease_secs, events_max)
            token = self._mark(connection, chunks, now)
            return Claim(token, tuple(chunks), waiting_events(connection, stream, now, self.lease_secs), settled)

        return self._change(claim)

    def _mark(self, connection: sqlite3.Connection, chunks: Sequence[ClaimedChunk], now: float) -> str:
        """Mark *chunks* as claimed, and return by what token."""
        token = os.urandom(8).hex()
        connection.executemany(
            "UPDATE chunks SET claim = ?, claimed_until = ? WHERE id = ?",
            [(token, now + self.lease_secs, chunk.id) for chunk in chunks],
        )
        return token

    def settle(self, token: str, left: Mapping[int, Sequence[str]]) -> frozenset[int] | StorageFailure:
        """
        Delete the chunks of the claim *token* of which nothing is *left*, and cut the others down to that.

        Those of the claim that are not named are released, and so are those that are cut. Returns which of the
        chunks that were named were still the caller's: a lease may have run out, and another process be at it.
        """
        return self.settle_all([(token, left)])

    def settle_all(self, done: Sequence[Done], *, is_the_end: bool = False) -> frozenset[int] | StorageFailure:
        """Settle what was *done* of several claims, in one transaction; *is_the_end*: nobody may be waited for."""
        if not self.exists:
            return frozenset()
        busy_secs = _AT_THE_END_SECS if is_the_end else None
        return self._change(lambda connection: settle_claims(connection, done), busy_secs=busy_secs)

    def release(self, token: str) -> None:
        """Let others have what the claim *token* names."""
        self.settle_all([(token, {})], is_the_end=True)

    def erase_other_generations(self, owner: str, generation: str) -> int | StorageFailure:
        """Erase what is kept for *owner* and was recorded under another generation; return how many events that were."""
        if not self.exists:
            return 0
        return self._change(lambda connection: erase_others(connection, owner, generation))

    def erase(self, owner: str | None = None) -> int | StorageFailure:
        """Erase all that is kept for *owner*, overwriting it; None: for everybody, and the account too."""

        def erase(connection: sqlite3.Connection) -> int:
            connection.execute("PRAGMA secure_delete = ON")
            erased = erase_others(connection, owner, None)
            overwrite_free(connection)
            if owner is None:
                connection.execute("DELETE FROM account")
            return erased

        return self._change(erase) if self.exists else 0

    def drop_older(self, stream: SpoolStream, secs: float) -> int | StorageFailure:
        """Drop the free chunks of *stream* that were put more than *secs* ago; return how many events that were."""
        if not self.exists:
            return 0

        def drop(connection: sqlite3.Connection) -> int:
            now = self._clock.time()
            old = [chunk for chunk in free_chunks(connection, stream, now, self.lease_secs, None) if chunk.put_at < now - secs]
            delete_chunks(connection, [chunk.id for chunk in old])
            return add_dropped(connection, sum(chunk.events for chunk in old))

        return self._change(drop)

    def waiting(self, stream: SpoolStream) -> int | StorageFailure:
        """Return how many events of *stream* nobody has claimed."""

        def count(connection: sqlite3.Connection) -> int:
            return waiting_events(connection, stream, self._clock.time(), self.lease_secs)

        found = self._read(count)
        return 0 if found is None else found

    def look(self) -> SpoolPicture | StorageFailure:
        """Return what is in the spool."""

        def look(connection: sqlite3.Connection) -> SpoolPicture:
            streams = count_by_stream(connection, self._clock.time(), self.lease_secs)
            return SpoolPicture(tuple(streams), *read_account(connection))

        found = self._read(look)
        return SpoolPicture() if found is None else found

    def _change(
        self, work: Callable[[sqlite3.Connection], _Result], *, busy_secs: float | None = None
    ) -> Union[_Result, StorageFailure]:
        try:
            return self._database.change(lambda connection: self._of_this_version(connection, work), busy_secs=busy_secs)
        except _NewerVersion as error:
            return StorageFailure("version", f"{self.path}: {error}")

    def _read(self, work: Callable[[sqlite3.Connection], _Result]) -> Union[_Result, StorageFailure, None]:
        try:
            return self._database.read(lambda connection: self._of_this_version(connection, work))
        except _NewerVersion as error:
            return StorageFailure("version", f"{self.path}: {error}")

    @staticmethod
    def _of_this_version(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
        if connection.execute("PRAGMA user_version").fetchone()[0] > len(MIGRATIONS):
            msg = "is of a later version of this package; let that one deliver it"
            raise _NewerVersion(msg)
        return work(connection)
