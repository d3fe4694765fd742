"""
The PostgreSQL server that a URL names, spoken to one transaction at a time.

Connections that are done with wait for the next transaction, in the process that opened them: a
fork begins with none. There is no lock and no thread here, nothing that a fork could copy in the
middle of something. What the server undid because two writers met is done again; where it is not
known whether a transaction was committed, that is an error, and the sender's repeat is recognised.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar, Union

import psycopg
from psycopg import errors
from psycopg.adapt import Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ._errors import StoreError

__all__ = ["SCHEMA", "PostgresServer", "Session", "columns_of", "is_locked"]

SCHEMA = "mcptelemetry"
"""Everything of ours is in a schema of its own: a database may serve others too."""

_Answer = TypeVar("_Answer")
_Connection = psycopg.Connection[tuple[Any, ...]]

_IDLE_MAX = 8
_ATTEMPTS = 6
# Two writers met, or a day got a partition while its event was on the way to the one for all others.
_UNDONE = (errors.DeadlockDetected, errors.SerializationFailure, errors.CheckViolation)
# A server that is gone without a word is noticed in seconds, not in the two hours of TCP.
_PATIENCE = {"connect_timeout": "5", "keepalives_idle": "10", "keepalives_interval": "5", "tcp_user_timeout": "15000"}
_BEGIN_WRITING = b"BEGIN ISOLATION LEVEL READ COMMITTED"
_BEGIN_READING = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class Session:
    """Statements of one transaction; their values stand at ``%s``."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def run(self, statement: str, values: Sequence[object] = ()) -> int:
        """Return how many rows *statement* changed."""
        # As bytes: psycopg's types take only literal text, and ours is put together from literals.
        return self._connection.execute(statement.encode(), values or None).rowcount

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows that *statement* gives."""
        return self._connection.execute(statement.encode(), values or None).fetchall()

    def row(self, statement: str, values: Sequence[object] = ()) -> tuple[Any, ...]:
        """Return the one row that *statement* gives."""
        return self.rows(statement, values)[0]


class PostgresServer:
    """
    Transactions on the database that *url* names.

    Safe between threads and after a fork. Raises `ValueError` for a URL that cannot be used;
    neither that nor `StoreError` repeats a password.
    """

    def __init__(self, url: str, *, read_only: bool) -> None:
        known = _parse(url)
        self.name = _show(known)
        self.is_read_only = read_only
        self._conninfo = make_conninfo("", **{**_PATIENCE, "application_name": "mcptelemetry", **known})
        self._owner = os.getpid()
        self._idle: deque[_Connection] = deque()
        # What a fork inherited is its parent's: neither used nor closed, and so not let go of.
        self._inherited: list[deque[_Connection]] = []

    def write(self, work: Callable[..., _Answer], *given: Any) -> _Answer:
        """Return what *work* returns for a session and *given*: done whole and committed, or not at all."""
        if self.is_read_only:
            msg = f"{self.name} was opened for reading only"
            raise StoreError(msg)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self._transaction("written", _BEGIN_WRITING) as session:
                    return work(session, *given)
            except StoreError as error:
                if not isinstance(error.__cause__, _UNDONE) or attempt == _ATTEMPTS:
                    raise
        raise AssertionError  # pragma: no cover  the loop returns or raises

    def read(self, question: Callable[..., _Answer], *given: Any) -> _Answer:
        """Return what *question* returns for a session and *given*: all of it sees one state of the database."""
        with self._transaction("read", _BEGIN_READING) as session:
            return question(session, *given)

    def close(self) -> None:
        """Close what waits for the next transaction; there may be one all the same."""
        for connection in self._take_all():
            connection.close()

    @contextmanager
    def _transaction(self, purpose: str, begin: bytes) -> Iterator[Session]:
        try:
            connection = self._begin(begin)
            try:
                yield Session(connection)
                connection.execute(b"COMMIT")
            except BaseException:
                connection.close()  # which undoes what is unfinished
                raise
            self._put_back(connection)
        except StoreError as error:
            msg = f"{self.name} {error}"
            raise StoreError(msg) from None
        except psycopg.Error as error:
            msg = f"{self.name} cannot be {purpose}: {_explain(error)}"
            raise StoreError(msg) from error

    def _begin(self, begin: bytes) -> _Connection:
        while (waiting := self._take()) is not None:
            try:
                waiting.execute(begin)
            except psycopg.OperationalError:
                # The server was restarted meanwhile, and nothing was under way.
                waiting.close()
            else:
                return waiting
        connection = psycopg.connect(self._conninfo, autocommit=True)
        try:
            connection.adapters.register_loader("numeric", _WholeNumber)
            # Compiling a question takes longer than answering it.
            connection.execute(f"SET search_path TO {SCHEMA}; SET lock_timeout TO '10s'; SET jit TO off".encode())
            connection.execute(begin)
        except BaseException:
            connection.close()
            raise
        return connection

    def _take(self) -> _Connection | None:
        self._leave_inherited()
        with suppress(IndexError):
            return self._idle.pop()
        return None

    def _take_all(self) -> Iterator[_Connection]:
        while (connection := self._take()) is not None:
            yield connection

    def _put_back(self, connection: _Connection) -> None:
        if len(self._idle) < _IDLE_MAX and self._owner == os.getpid():
            self._idle.append(connection)
        else:
            connection.close()

    def _leave_inherited(self) -> None:
        if self._owner != os.getpid():
            self._inherited.append(self._idle)
            self._idle = deque()
            self._owner = os.getpid()


def is_locked(error: StoreError) -> bool:
    """Return whether *error* is that a lock could not be had in time."""
    return isinstance(error.__cause__, errors.LockNotAvailable)


def columns_of(rows: Iterable[Sequence[object]]) -> list[str]:
    """
    Return the columns of *rows*, each of one type, as texts of arrays, for places that are cast to one.

    psycopg's own way takes several times as long, and a batch is little else.
    """
    return [f"{{{','.join(map(_ELEMENTS.get(type(column[0]), _quote), column))}}}" for column in zip(*rows)]


def _quote(text: Any) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_ELEMENTS: Mapping[type, Callable[[Any], str]] = {int: str, bool: str, bytes: lambda digits: f'"\\\\x{digits.hex()}"'}


class _WholeNumber(Loader):
    """Sums are `numeric` there, without a limit; ours are whole numbers."""

    def load(self, data: Union[bytes, bytearray, memoryview]) -> int:
        return int(bytes(data))


def _parse(url: str) -> dict[str, Any]:
    try:
        known = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        known = None
    # What libpq says of a part that it cannot use repeats it, and an unescaped password is cut into such parts.
    if known is None or any("@" in str(known.get(part, "")) for part in ("host", "port", "dbname")) or not _is_port(known):
        msg = (
            "the URL of the store cannot be read; it looks like postgresql://USER@HOST:5432/DATABASE, and in a "
            "password :, /, ?, # and @ are written as %3A, %2F, %3F, %23 and %40 (or give it in PGPASSWORD or PGPASSFILE)"
        )
        raise ValueError(msg) from None
    return known


def _is_port(known: dict[str, Any]) -> bool:
    return all(port == "" or port.isdigit() for port in str(known.get("port", "")).split(","))


def _show(known: dict[str, Any]) -> str:
    """Return what the database is called in messages: never more than user, host, port and database."""
    user, host, port, database = (str(known.get(part, "")) for part in ("user", "host", "port", "dbname"))
    place = f"{host}{port and ':' + port}"
    return f"postgresql://{user and user + '@'}{place}/{database}"


# How SQLSTATE begins, and what the message says where there is none (before a connection stands), to the mend.
_MENDS = (
    ("28", "password", "check user and password: PGPASSWORD, PGPASSFILE or the URL"),
    ("28", "role", "check user and password: PGPASSWORD, PGPASSFILE or the URL"),
    ("3D", "database", "make the database first: createdb NAME"),
    ("42501", None, "grant the user CREATE on the database, or make it the owner of schema mcptelemetry"),
    ("42", None, "schema mcptelemetry is not what it was: put it back, or start the collector anew"),
    ("25006", None, "the server takes no changes: name the primary one"),
    ("53", "too many", "make room, or allow more connections"),
    ("55", None, "another program holds it; end that program or wait"),
    ("57", "starting up", "it is starting or going down; wait"),
)


def _explain(error: psycopg.Error) -> str:
    text = (error.diag.message_primary or str(error).strip() or type(error).__name__).splitlines()[0]
    # From its end: what comes before repeats the place, which may be called like a sign.
    state, said = error.sqlstate, text.rpartition("failed: ")[2]
    mends = (mend for begin, sign, mend in _MENDS if (state.startswith(begin) if state else sign is not None and sign in said))
    return f"{text} ({next(mends, 'check that the server runs and can be reached')})"
