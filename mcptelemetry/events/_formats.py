"""
The bodies in which events travel: one row a format.

Each takes the JSON texts of a batch's events and what is known of the application, and
returns the body.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

from ..wire import wrap_events

__all__ = ["BODY_OF_FORMAT"]


def _json(texts: list[str], app: str | None, version: str | None) -> bytes:
    return wrap_events(texts, app=app, version=version)


def _jsonl(texts: list[str], _app: str | None, _version: str | None) -> bytes:
    return ("\n".join(texts) + "\n").encode("ascii")


BODY_OF_FORMAT: dict[str, Callable[[list[str], Optional[str], Optional[str]], bytes]] = {
    "json": _json,
    "jsonl": _jsonl,
}
