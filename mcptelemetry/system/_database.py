"""
One sqlite file, opened for one transaction and closed again.

Nothing is held between two transactions, so nothing is carried through a fork and nobody is locked out by a
process that sleeps. A failure is a value, never an exception: what the host loses by it is for the caller to
say. sqlite3 itself is imported when the first `Database` is made, in that thread.
"""

from __future__ import annotations

import contextlib
import gc
import os
import stat
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, Union

from ._files import make_private_directory
from ._fork import around_fork, the_register
from ._turns import Turns

if TYPE_CHECKING:
    import sqlite3

__all__ = ["CORRUPT_SUFFIX", "Database", "StorageFailure"]

_Result = TypeVar("_Result")

CORRUPT_SUFFIX = ".corrupt"
"""What the name of a database that was set aside ends in."""

# What sqlite says, and what that is called here; the first that fits.
_KIND_OF_TEXT = (
    ("locked", "locked"),
    ("readonly", "read-only"),
    ("read-only", "read-only"),
    ("is full", "full"),
    ("disk i/o", "unusable"),
    ("unable to open", "unusable"),
    ("not a database", "corrupt"),
    ("malformed", "corrupt"),
    ("encrypted", "corrupt"),
    ("no such table", "corrupt"),
    ("no such column", "corrupt"),
    ("unsupported file format", "corrupt"),
    ("datatype mismatch", "corrupt"),
)
# PyPy closes a cursor of which not every row was read with the garbage, and until then nothing can be committed.
_LETS_GO_LATE = sys.implementation.name != "cpython"
# Readers of a write-ahead log change files, and it does not work on network disks.
_PRAGMAS = ("journal_mode = DELETE",)
_IS_THERE_ALREADY = ("already exists", "duplicate column name")


class StorageFailure(NamedTuple):
    """Why a transaction did not come about: its *kind* in a word or two, and one line of *text*."""

    kind: str
    text: str


class Database:
    """
    The sqlite file at *path*, brought up to date by *migrations*.

    A migration is a list of SQL statements, applied once, in order; the number of those applied stands in
    the file (``PRAGMA user_version``). Migrations only add, so an older release goes on with a file that a
    newer one has extended. *busy_secs* is how long a transaction waits for its turn, at most. *pragmas* are
    set before each change.

    The file is made with mode 0600, in a directory of mode 0700 when that is made too. A corrupt one is set
    aside under the name with `CORRUPT_SUFFIX`, one at most, and begun anew. Safe from any thread and across
    forks; raises nothing but what *work* raises.
    """

    def __init__(
        self, path: str, migrations: Sequence[Sequence[str]], *, busy_secs: float = 5.0, pragmas: Sequence[str] = _PRAGMAS
    ) -> None:
        self.path = path
        self._migrations = migrations
        self._pragmas = pragmas
        self._busy_secs = busy_secs
        self._uri = ""
        self.failure: StorageFailure | None = None
        """Why the last change could not be made, None when it could."""
        self._sqlite: Any = None
        with contextlib.suppress(ImportError, OSError):  # said when something is to be stored
            self._sqlite = _import_sqlite()
        self._turns = Turns()  # one transaction at a time, and none during a fork
        self._is_cut_off = False
        self._connection: sqlite3.Connection | None = None  # only with a turn
        self._abandoned: list[object] = []
        self._opened: tuple[int, int] | None = None  # the file of the present transaction
        around_fork(in_child=self._after_fork, place="storage")

    def change(
        self, work: Callable[[sqlite3.Connection], _Result], *, busy_secs: float | None = None
    ) -> Union[_Result, StorageFailure]:
        """
        Return what *work* returns, having done all of it to the file or nothing.

        *busy_secs* is how long this transaction waits for its turn, None: as long as any other. *work* must not
        wait for anything. What it raises undoes the transaction and is passed on, but for sqlite's own errors,
        which are `StorageFailure`.
        """
        patience = self._busy_secs if busy_secs is None else busy_secs
        found = self._in_turn(lambda: self._change(work, patience), patience)
        self.failure = found if isinstance(found, StorageFailure) else None
        return found

    def read(self, work: Callable[[sqlite3.Connection], _Result]) -> Union[_Result, StorageFailure, None]:
        """Return what *work* reads; None when there is no file yet. Makes nothing, and changes only what a killed one left half done."""
        return self._in_turn(lambda: self._read(work), self._busy_secs)

    # -- one transaction --------------------------------------------------------------

    def _in_turn(self, act: Callable[[], _Result], busy_secs: float) -> Union[_Result, StorageFailure]:
        if not self.path:
            return StorageFailure("no place", "there is no home directory to store anything in")
        if self._sqlite is None:
            try:
                self._sqlite = _import_sqlite()
            except ImportError:
                return StorageFailure("unusable", "this Python was built without sqlite3")
            except OSError as error:  # not one descriptor was free: it is asked again next time
                return self._failure(error)
        the_register.notice_fork()
        if self._is_cut_off:
            return StorageFailure("forked", "this process was forked while its parent was writing")
        turn = self._turns.take(busy_secs)
        if turn is None:
            return StorageFailure("locked", f"{self.path}: another thread did not come to an end")
        try:
            self._close()
            return act()
        except (self._sqlite.Error, self._sqlite.Warning, OSError, ValueError, OverflowError) as error:
            return self._failure(error)
        finally:
            self._turns.give_back(turn)

    def _change(self, work: Callable[[sqlite3.Connection], _Result], busy_secs: float) -> _Result:
        try:
            return self._change_once(work, busy_secs)
        except self._sqlite.Error as error:
            if self._failure(error).kind != "corrupt":
                raise
        self._set_aside()
        return self._change_once(work, busy_secs)

    def _change_once(self, work: Callable[[sqlite3.Connection], _Result], busy_secs: float) -> _Result:
        self._make()
        self._opened = _identity_of(self.path)
        try:
            connection = self._connect("rw", busy_secs)
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._migrate(connection)
                result = work(connection)
                self._require_own(connection)
                if _LETS_GO_LATE:
                    gc.collect()
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(Exception):
                    self._require_own(connection)
                    connection.execute("ROLLBACK")
                raise
        finally:
            self._close()
        return result

    def _read(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result | None:
        if not os.path.lexists(self.path):
            return None
        _require_regular(self.path)
        try:
            return self._read_once("ro", work)
        except self._sqlite.Error as error:
            if self._failure(error).kind != "read-only" or not os.access(self.path, os.W_OK):
                raise
        # Who was killed in the middle of a transaction left it to be undone, and nobody who only reads may do that.
        return self._read_once("rw", work)

    def _read_once(self, mode: str, work: Callable[[sqlite3.Connection], _Result]) -> _Result | None:
        try:
            connection = self._connect(mode, self._busy_secs)
            connection.execute("BEGIN")
            if connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None:
                return None  # made a moment ago, and not yet filled
            return work(connection)
        finally:
            self._close()

    def _connect(self, mode: str, busy_secs: float) -> sqlite3.Connection:
        if not self._uri or not os.path.isabs(self.path):
            from pathlib import Path  # costs as much as it helps, and only here

            self._uri = Path(self.path).absolute().as_uri()
        connection: sqlite3.Connection = self._sqlite.connect(
            f"{self._uri}?mode={mode}", uri=True, timeout=busy_secs, isolation_level=None, check_same_thread=False
        )
        self._connection = connection
        # A damaged value must cost itself and not the transaction.
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        for pragma in self._pragmas if mode == "rw" else ():
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _close(self) -> None:
        """Close what is open: of this turn, or of one that an exception overtook before it could."""
        connection = self._connection
        if connection is not None:
            connection.close()
            self._connection = None  # in this order: interrupted between, whoever comes next closes it once more

    def _require_own(self, connection: sqlite3.Connection) -> None:
        # A signal handler may have forked in the middle of it, and come back in the child: what is open is the parent's.
        if connection is not self._connection:
            msg = "this process was forked in the middle of it"
            raise OSError(msg)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        applied = max(0, connection.execute("PRAGMA user_version").fetchone()[0])
        for migration in self._migrations[applied:]:
            for statement in migration:
                self._add(connection, statement)
        if applied < len(self._migrations):
            connection.execute(f"PRAGMA user_version={len(self._migrations)}")

    def _add(self, connection: sqlite3.Connection, statement: str) -> None:
        try:
            connection.execute(statement)
        except self._sqlite.OperationalError as error:  # the number was lost, and what it stood for is there
            if not any(words in str(error) for words in _IS_THERE_ALREADY):
                raise

    # -- the file ---------------------------------------------------------------------

    def _make(self) -> None:
        """Make the file and its directory when they are missing: sqlite would take the umask's word."""
        if os.path.lexists(self.path):
            _require_regular(self.path)
            return
        make_private_directory(os.path.dirname(self.path))
        with contextlib.suppress(FileExistsError):  # another process was faster
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600))

    def _set_aside(self) -> None:
        """
        Take the corrupt file out of the way, unless another process already has.

        Between the look and the renaming another process might slip in, and its new file be set aside: then
        a notice is shown twice, which is better than a lock that outlives us.
        """
        if _identity_of(self.path) != self._opened:
            return
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.path}-journal")  # it would be played back into the new file
        with contextlib.suppress(FileNotFoundError):
            os.replace(self.path, self.path + CORRUPT_SUFFIX)

    def _failure(self, error: BaseException) -> StorageFailure:
        text = f"{self.path}: {getattr(error, 'strerror', None) or error or type(error).__name__}"
        said = text[len(self.path) :].lower()
        kind = next((kind for part, kind in _KIND_OF_TEXT if part in said), "unusable")
        return StorageFailure(kind, text)

    # -- forks ------------------------------------------------------------------------

    def _after_fork(self) -> None:
        # sqlite believes the parent's transaction to be this process's own, and its memory may be locked by
        # a thread that does not exist here: better to store nothing.
        self._is_cut_off = self._turns.after_fork() or self._is_cut_off
        if self._connection is not None:
            # Kept, unused: closing it would undo the parent's transaction on the disk.
            self._abandoned.append(self._connection)
            self._connection = None


def _import_sqlite() -> Any:
    import sqlite3  # costs more than all the rest; only who stores something pays

    return sqlite3


def _identity_of(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _require_regular(path: str) -> None:
    # Opening a pipe that somebody put there would hold the host for ever.
    if not stat.S_ISREG(os.stat(path).st_mode):
        msg = "it is not a regular file"
        raise OSError(msg)
