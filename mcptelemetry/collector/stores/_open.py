"""
From a URL to the store that it names: one table of schemes.

A driver is imported only when its scheme is used, and a missing one is said with the command
that installs it. No message repeats a URL: it may hold a password.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import unquote

from ...system import install_hint
from ._errors import StoreError
from ._port import CallQuestions, Store
from ._sqlite import SqliteStore

__all__ = ["missing_driver", "open_questions", "open_store"]

_Opened = TypeVar("_Opened")


def open_store(url: str, *, read_only: bool = False) -> Store:
    """
    Return the store that *url* names, to take documents in and to be asked.

    ``sqlite:FILE``, made when missing, unless *read_only*, or
    ``postgresql://USER@HOST/DATABASE``. Raises `ValueError` for a URL that
    names no store, `StoreError` when it cannot be opened.
    """
    return _find(url, _STORES)(url, read_only)


def open_questions(url: str) -> CallQuestions:
    """
    Return what answers questions about what *url* names, which is never changed.

    It is a whole store (`Questions`) where `open_store` takes the URL too; another names what
    holds events only: ``clickhouse://HOST/DATABASE?table=otel_traces``, the table that an
    OpenTelemetry Collector writes. Raises as `open_store`.
    """
    return _find(url, {**_STORES, **_CALLS_ONLY})(url, True)


def missing_driver(error: ImportError, store: str, *packages: str) -> StoreError:
    """Return what to raise when the driver of *store* could not be imported."""
    return StoreError(f"{store} needs {error.name or packages[0]}, which is not installed; {install_hint(*packages)}")


def _open_sqlite(url: str, read_only: bool) -> Store:  # noqa: FBT001  a row of the table is called by position
    # sqlite:FILE as it stands; sqlite:///FILE too, as others write it.
    rest = url.partition(":")[2]
    return SqliteStore(unquote(rest[2:]) if rest.startswith("///") else rest, read_only=read_only)


def _open_postgres(url: str, read_only: bool) -> Store:  # noqa: FBT001  a row of the table is called by position
    try:
        from ._postgres import PostgresStore  # psycopg is an extra
    except ImportError as error:
        raise missing_driver(error, "a postgresql: store", "psycopg[binary]") from error
    return PostgresStore(url, read_only=read_only)


def _open_clickhouse(url: str, _read_only: bool) -> CallQuestions:  # noqa: FBT001  a row of the table is called by position
    try:
        from ._otel_traces import open_otel_traces  # clickhouse-connect is an extra
    except ImportError as error:
        raise missing_driver(error, "a clickhouse: table", "clickhouse-connect") from error
    return open_otel_traces(url)


_STORES: Mapping[str, Callable[[str, bool], Store]] = {
    "sqlite": _open_sqlite,
    "postgresql": _open_postgres,
    "postgres": _open_postgres,  # libpq's other spelling
}
_CALLS_ONLY: Mapping[str, Callable[[str, bool], CallQuestions]] = {"clickhouse": _open_clickhouse}


def _find(url: object, openers: Mapping[str, Callable[[str, bool], _Opened]]) -> Callable[[str, bool], _Opened]:
    if not isinstance(url, str):
        msg = f"url must be a str such as 'sqlite:collector.db', not {type(url).__name__}"
        raise TypeError(msg)
    scheme, colon, _ = url.partition(":")
    try:
        return openers[scheme.lower() if colon else ""]
    except KeyError:
        known = ", ".join(f"{name}:" for name in openers)
        msg = f"the URL names no store that is known here; it begins with one of {known} such as sqlite:collector.db"
        raise ValueError(msg) from None
