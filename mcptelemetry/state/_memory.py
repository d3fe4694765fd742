"""
`telemetry.db`: what an installation remembers from one process to the next.

Many processes of an installation share it, so everything is decided inside one transaction
by what stands in the file then, and nothing is remembered beside it. Later tables come as
further migrations.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Optional, TypeVar

from .._version import RELEASED_AT
from ..system import Clock, Database, StorageFailure, as_clock, draw_uuid4
from ..vocabulary import StartupOutcome
from ._generations import generations_begun
from ._identity import Identity, renew_identity
from ._notice_mark import NoticeMark, read_notice_mark
from ._sent import SentDocument, read_sent
from ._tables import MIGRATIONS, find_lost_version
from ._values import format_moment, is_in_calendar, parse_moment, read_value, write_value

if TYPE_CHECKING:
    import sqlite3

__all__ = ["DATABASE_FILE", "Memory", "Picture"]

_Result = TypeVar("_Result")

DATABASE_FILE = "telemetry.db"
"""The name of the database in an application's data directory."""

# Whoever is showing the notice has this long; somebody who died meanwhile blocks nobody for longer.
_CLAIM_SECS = 60
_TEXT_MAX_CHARACTERS = 500


class Picture(NamedTuple):
    """
    Everything that is remembered, as of one look; None is what nobody has written yet.

    Moments are Unix seconds. *profile* is what the author set up, as of the last start.
    *generations_begun* is how often a generation was begun that no mode file names. *failure*
    says why the look failed; all else is None then.
    """

    identity: Optional[Identity] = None
    notice: Optional[NoticeMark] = None
    last_reported_version: Optional[str] = None
    last_startup_outcome: Optional[StartupOutcome] = None
    last_success_at: Optional[float] = None
    last_error: Optional[str] = None
    last_error_at: Optional[float] = None
    profile: Mapping[str, str] = MappingProxyType({})
    generations_begun: int = 0
    failure: Optional[StorageFailure] = None


class Memory:
    """
    What is remembered in the database at *path*.

    *clock* gives the time, *draw_id* a new UUID4; *busy_secs* is how long a transaction
    waits for its turn, at most. Making one touches no file. Safe from any thread and across
    forks; failure with the disk is a value (`StorageFailure`), never an exception.
    """

    def __init__(
        self,
        path: str,
        *,
        clock: Clock | Callable[[], float] | None = None,
        draw_id: Callable[[], str] = draw_uuid4,
        busy_secs: float = 5.0,
    ) -> None:
        self.database: Database = Database(path, MIGRATIONS, busy_secs=busy_secs)
        self._clock = as_clock(clock)
        self._draw_id = draw_id
        # When this process showed the notice, by the monotonic clock; a forked child's is the same.
        self._shown_at_monotonic: float | None = None

    @property
    def path(self) -> str:
        """Where the database is, ``""`` when there is no place for it."""
        return self.database.path

    def look(self) -> Picture:
        """Return what is remembered; makes and changes no file."""
        found = self.database.read(self._picture)
        if isinstance(found, StorageFailure):
            return Picture(failure=found)
        return Picture() if found is None else found

    def ensure_identity(self) -> Identity | StorageFailure:
        """Return the installation's identity as of now, having made, dated or rotated it when that is due."""
        failure = self._clock_failure()
        if failure is not None:
            return failure  # an id must not be dated, or rotated, by such a clock
        picture = self.look()
        if picture.failure is not None and picture.failure.kind == "locked":
            return picture.failure  # waiting once is enough
        seen = picture.identity
        if seen is not None and self._renewed(seen.anonymous_id, seen.created_at) == seen:
            return seen  # the usual case writes nothing
        return self._change(self.ensure_identity_in)

    def ensure_identity_in(self, connection: sqlite3.Connection) -> Identity:
        """Do as `ensure_identity()` inside a transaction that is under way."""
        stored = read_value(connection, "anonymous_id"), read_value(connection, "anonymous_id_created_at")
        identity = self._renewed(*stored)
        if identity != stored:
            write_value(connection, "anonymous_id", identity.anonymous_id)
            write_value(connection, "anonymous_id_created_at", identity.created_at)
        return identity

    def sent_documents(self) -> list[SentDocument] | StorageFailure:
        """Return the documents that were sent and kept, oldest first."""
        found = self.database.read(read_sent)
        return [] if found is None else found

    def _renewed(self, stored_id: str | None, stored_date: str | None) -> Identity:
        return renew_identity(stored_id, stored_date, now=self._clock.time(), draw=self._draw_id)

    # -- the notice -------------------------------------------------------------------

    def claim_notice(self, destinations: Iterable[str]) -> bool | StorageFailure:
        """
        Return whether the caller is the one who shall show the notice naming *destinations*.

        False when it has been shown, or when another process is about to. Whoever gets True
        calls `mark_notice()` or `release_notice()`.
        """
        wanted = frozenset(destinations)

        def claim(connection: sqlite3.Connection) -> bool:
            now = self._clock.time()
            mark = self._notice_mark(connection)
            if mark is not None and wanted <= mark.destinations:
                return False
            claimed_until = parse_moment(read_value(connection, "notice_claimed_until"))
            if claimed_until is not None and now < claimed_until <= now + _CLAIM_SECS:
                return False
            write_value(connection, "notice_claimed_until", format_moment(now + _CLAIM_SECS))
            return True

        return self._change(claim)

    def mark_notice(self, how: str, destinations: Iterable[str]) -> bool:
        """Remember that the notice naming *destinations* was shown now; return whether that could be done."""

        def mark(connection: sqlite3.Connection) -> bool:
            import json

            before = self._notice_mark(connection)
            named = {*destinations, *(before.destinations if before is not None else ())}
            write_value(connection, "notice_shown_at", format_moment(self._clock.time()))
            write_value(connection, "notice_shown_how", how)
            write_value(connection, "notice_destinations", json.dumps(sorted(named)))
            write_value(connection, "notice_claimed_until", None)
            return True

        shown_at = self._clock.monotonic()
        is_marked = self._change(mark) is True
        if is_marked:
            self._shown_at_monotonic = shown_at
        return is_marked

    def release_notice(self) -> None:
        """Let somebody else show the notice: it could not be shown here."""
        self._change(lambda connection: write_value(connection, "notice_claimed_until", None))

    def generations_begun(self) -> int | None:
        """Return how many generations were begun that no mode file names, None when that cannot be read."""
        picture = self.look()
        return picture.generations_begun if picture.failure is None else None

    # -- small things -----------------------------------------------------------------

    def note_startup_outcome(self, outcome: StartupOutcome) -> bool:
        """Remember how the application's start ended; return whether that could be done."""
        return self._note({"last_startup_outcome": StartupOutcome(outcome).value})

    def note_reported_version(self, version: str) -> bool:
        """Remember the version that was last reported; return whether that could be done."""
        return self._note({"last_reported_version": version[:_TEXT_MAX_CHARACTERS]})

    def note_success(self) -> bool:
        """Remember that something was delivered now; return whether that could be done."""
        return self._note({}, dated="last_success_at")

    def note_error(self, text: str) -> bool:
        """Remember one line about what failed now; return whether that could be done."""
        line = " ".join(text.split())[:_TEXT_MAX_CHARACTERS]
        return self._note({"last_error": line}, dated="last_error_at")

    def note_profile(self, profile: Mapping[str, str]) -> bool:
        """
        Remember what the author set up (version, endpoints, ...); return whether that could be done.

        From it the command line, which knows the application by name only, sees the same as
        the application. Writes nothing when nothing has changed.
        """
        wanted = dict(profile)

        def note(connection: sqlite3.Connection) -> bool:
            import json

            write_value(connection, "profile", json.dumps(wanted, sort_keys=True))
            return True

        return dict(self.look().profile) == wanted or self._change(note) is True

    def storage_failure(self) -> StorageFailure | None:
        """Return why nothing could be stored here now, None when nothing speaks against it; writes nothing."""
        found = self._clock_failure() or self.look().failure or self.database.failure
        if found is not None or not self.path:
            return found
        # The directory, although the file is there: each change needs a journal beside it.
        place = os.path.dirname(self.path)
        while not os.path.lexists(place) and os.path.dirname(place) != place:
            place = os.path.dirname(place)
        if not os.access(place, os.W_OK):
            return StorageFailure("read-only", f"{place}: may not be written")
        if not os.path.isdir(place):
            return StorageFailure("unusable", f"{place}: is not a directory")
        if os.path.lexists(self.path) and not os.access(self.path, os.W_OK):
            return StorageFailure("read-only", f"{self.path}: may not be written")
        lost = self.database.read(find_lost_version)
        if lost is None or isinstance(lost, StorageFailure):
            return lost
        return StorageFailure(
            "version",
            f"{self.path}: has lost the number of its version ({lost} of {len(MIGRATIONS)}); the next change restores it",
        )

    def _clock_failure(self) -> StorageFailure | None:
        now = self._clock.time()
        return None if is_in_calendar(now) else StorageFailure("clock", f"the clock stands at {now:.0f} s, which no calendar has")

    def _change(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result | StorageFailure:
        return self.database.change(work)

    def _note(self, values: dict[str, str], *, dated: str | None = None) -> bool:
        def note(connection: sqlite3.Connection) -> bool:
            if dated is not None:
                write_value(connection, dated, format_moment(self._clock.time()))
            for name, value in values.items():
                write_value(connection, name, value)
            return True

        return self._change(note) is True

    # -- inside a transaction ---------------------------------------------------------

    def _picture(self, connection: sqlite3.Connection) -> Picture:
        anonymous_id = read_value(connection, "anonymous_id")
        created_at = read_value(connection, "anonymous_id_created_at")
        return Picture(
            identity=None if anonymous_id is None else Identity(anonymous_id, created_at or ""),
            notice=self._notice_mark(connection),
            last_reported_version=read_value(connection, "last_reported_version"),
            last_startup_outcome=_OUTCOME_OF_WORD.get(read_value(connection, "last_startup_outcome")),
            last_success_at=parse_moment(read_value(connection, "last_success_at")),
            last_error=read_value(connection, "last_error"),
            last_error_at=parse_moment(read_value(connection, "last_error_at")),
            profile=_profile(connection),
            generations_begun=generations_begun(connection),
        )

    def _notice_mark(self, connection: sqlite3.Connection) -> NoticeMark | None:
        """
        Return the mark, None when there is none, or one that no right clock can have set.

        It is then as if the notice had not been shown: the delay after it is counted by that
        clock, and would end as soon as it is put right.
        """
        mark = read_notice_mark(connection)
        if mark is None or not RELEASED_AT <= mark.shown_at <= self._clock.time():
            return None
        shown_at = self._shown_at_monotonic
        return mark if shown_at is None else mark._replace(shown_secs_ago=self._clock.monotonic() - shown_at)


def _profile(connection: sqlite3.Connection) -> Mapping[str, str]:
    import json  # inside a transaction, where what cannot be loaded is failure with storage

    try:
        found = json.loads(read_value(connection, "profile") or "{}")
    except (ValueError, RecursionError):
        found = {}
    found = found if isinstance(found, dict) else {}
    return MappingProxyType({name: value for name, value in found.items() if isinstance(value, str)})


_OUTCOME_OF_WORD: dict[str | None, StartupOutcome] = {outcome.value: outcome for outcome in StartupOutcome}
