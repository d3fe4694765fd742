"""
The bodies in which events travel: one row a format.

Each takes the JSON texts of a batch's events and what is known of the application, and
returns the body.
"""

from __future__ import annotations

from collections.abc import Callable

from ..wire import wrap_events

__all__ = ["BODY_OF_FORMAT", "BodyOf"]

BodyOf = Callable[[list[str]], bytes]
"""A format with what is known of the application filled in."""


def _json(texts: list[str], app: str | None, version: str | None) -> bytes:
    return wrap_events(texts, app=app, version=version)


def _jsonl(texts: list[str], app: str | None, version: str | None) -> bytes:  # noqa: ARG001  a line is an event
    return ("\n".join(texts) + "\n").encode("ascii")


BODY_OF_FORMAT: dict[str, Callable[..., bytes]] = {
    "json": _json,
    "jsonl": _jsonl,
}
