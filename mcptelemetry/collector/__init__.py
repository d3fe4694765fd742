"""The receiving side: store, WSGI application, embedded server, report."""

from __future__ import annotations

from ._app import EVENTS_PATH, FEEDBACK_PATH, HEARTBEAT_PATH, create_app
from ._feedback import read_feedbacks
from ._heartbeats import read_heartbeats
from ._report import compile_report, render_report
from ._schema import StoreError
from ._server import Server, serve
from ._store import CallOutcome, SqliteStore, Stored

__all__ = [
    "EVENTS_PATH",
    "FEEDBACK_PATH",
    "HEARTBEAT_PATH",
    "CallOutcome",
    "Server",
    "SqliteStore",
    "StoreError",
    "Stored",
    "compile_report",
    "create_app",
    "read_feedbacks",
    "read_heartbeats",
    "render_report",
    "serve",
]
