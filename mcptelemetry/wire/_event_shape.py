"""
The half of an event that recurs: tool, decision, outcome and client, checked and flat.

Its names are kept longer than they leave, because they are searched before they are cut: a
credential must not hide in the cut.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional, overload

from ..vocabulary import NAME_CHARACTERS_MAX, ErrorType, TelemetryStatus
from ._clients import is_known_client, sanitize_client_name

__all__ = [
    "NAME_KEPT_MAX_CHARACTERS",
    "EventShape",
    "as_recorded",
    "check_shape",
    "cut_name",
    "cut_names",
    "free_names",
]

# tool, routing_decision, routing_detail, upstream, status, error_type, client, was_fallback.
# An exact tuple of plain strings: the collector of garbage stops tracking those, so a
# long queue costs it nothing (a subclass, or an enumeration's member, stays tracked).
EventShape = tuple[str, str, Optional[str], Optional[str], str, Optional[str], Optional[str], bool]
"""
The half of an event that recurs. Its names are as recorded, up to `NAME_KEPT_MAX_CHARACTERS`;
they leave cut, see `cut_names`.
"""

NAME_KEPT_MAX_CHARACTERS = 512
"""How much of a name is kept for the search before it leaves."""

# Control characters, line separators, and surrogates, which no UTF-8 text can hold.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_STATUS_WORDS = frozenset(str(word) for word in TelemetryStatus)
_ERROR_TYPE_WORDS = frozenset(str(word) for word in ErrorType)


class _NameField(NamedTuple):
    name: str
    is_required: bool


_TOOL = _NameField("tool", is_required=True)
_DECISION = _NameField("routing_decision", is_required=True)
_DETAIL = _NameField("routing_detail", is_required=False)
_UPSTREAM = _NameField("upstream", is_required=False)


def check_shape(
    tool: object,
    routing_decision: object,
    routing_detail: object,
    upstream: object,
    status: object,
    error_type: object,
    client: object,
    was_fallback: object,
) -> EventShape:
    """
    Return the checked and cleaned shape of an event.

    Raises `ValueError` naming the first field that does not fit, its value's type (never its
    text, which might be anything) and what is allowed.
    """
    tool = _clean_name(_TOOL, tool)
    decision = _clean_name(_DECISION, routing_decision)
    if not isinstance(status, str) or status not in _STATUS_WORDS:
        msg = "status must be 'success' or 'error'"
        raise ValueError(msg)
    if error_type is not None:
        if not isinstance(error_type, str) or error_type not in _ERROR_TYPE_WORDS:
            msg = f"error_type must be one of {', '.join(ErrorType)}, or None"
            raise ValueError(msg)
        if status != TelemetryStatus.ERROR:
            msg = "error_type goes only with status 'error'"
            raise ValueError(msg)
    if client is not None and not isinstance(client, str):
        msg = f"client must be a str, not {type(client).__name__}"
        raise ValueError(msg)  # a bad field is a bad value, whatever its type
    if was_fallback is not True and was_fallback is not False:
        msg = f"was_fallback must be true or false, not {type(was_fallback).__name__}"
        raise ValueError(msg)
    return (
        tool or "",
        decision or "",
        _clean_name(_DETAIL, routing_detail),
        _clean_name(_UPSTREAM, upstream),
        str(status),
        None if error_type is None else str(error_type),
        None if client is None else sanitize_client_name(client),
        was_fallback,
    )


def as_recorded(text: str) -> str:
    """Return *text* as a name keeps it: control characters and half characters replaced."""
    return _UNPRINTABLE.sub("\ufffd", text)


def free_names(shape: EventShape) -> tuple[str, ...]:
    """
    Return what a stranger may have named in an event of *shape*, as recorded.

    A client of the closed table is a word of ours; it is not among them.
    """
    tool, decision, detail, upstream, _status, _error_type, client, _was_fallback = shape
    if client is not None and is_known_client(client):
        client = None
    return tuple(name for name in (tool, decision, detail, upstream, client) if name is not None)


def cut_names(shape: EventShape) -> EventShape:
    """Return *shape* as it leaves: every name at most 128 characters long."""
    if max(map(len, free_names(shape))) <= NAME_CHARACTERS_MAX:
        return shape
    tool, decision, detail, upstream, status, error_type, client, was_fallback = shape
    return (
        cut_name(tool), cut_name(decision), cut_name(detail), cut_name(upstream),
        status, error_type, cut_name(client), was_fallback,
    )  # fmt: skip


@overload
def cut_name(name: str) -> str: ...


@overload
def cut_name(name: str | None) -> str | None: ...


def cut_name(name: str | None) -> str | None:
    """Return *name* as it leaves."""
    return None if name is None else name[:NAME_CHARACTERS_MAX]


def _clean_name(field: _NameField, value: object) -> str | None:
    if value is None and not field.is_required:
        return None
    if not isinstance(value, str):
        msg = f"{field.name} must be a str, not {type(value).__name__}"
        raise ValueError(msg)  # noqa: TRY004  a bad field is a bad value, whatever its type
    if not value:
        msg = f"{field.name} must not be empty"
        raise ValueError(msg)
    return as_recorded(str(value[:NAME_KEPT_MAX_CHARACTERS]))
