"""The receiving side: store, WSGI application, embedded server, report."""

from __future__ import annotations

from ._app import EVENTS_PATH, create_app
from ._report import compile_report, render_report
from ._schema import StoreError
from ._server import Server, serve
from ._store import SqliteStore, Stored

__all__ = [
    "EVENTS_PATH",
    "Server",
    "SqliteStore",
    "StoreError",
    "Stored",
    "compile_report",
    "create_app",
    "render_report",
    "serve",
]
