"""
Reading single fields of the protocol's messages, whatever a peer put there.

Every function is total: a missing field, a wrong type or an unknown spelling gives the
answer for "not there". What is kept of a peer's words is bounded in length.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Union

from ..vocabulary import NAME_CHARACTERS_MAX, ErrorType

__all__ = [
    "INPUT_REQUIRED",
    "TASK",
    "Document",
    "Key",
    "as_name",
    "as_object",
    "outcome_of",
    "request_key",
    "result_type",
    "short_text",
    "task_of",
]

Document = Mapping[str, Any]
"""An object of JSON."""

# `Union`, because an alias is evaluated when the module is loaded (Python 3.9).
Key = tuple[str, Union[str, int, float]]
"""A request's id: whether it is a string or a number, then its value."""

# Result types as `result_type` gives them back.
INPUT_REQUIRED = frozenset({"inputrequired", "incomplete"})
TASK = "task"


def as_object(value: object) -> Document:
    """Return *value* when it is an object of JSON, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_name(value: object) -> str | None:
    """Return *value*, cut to the length of a name, when it is a string that is not empty."""
    return value[:NAME_CHARACTERS_MAX] if isinstance(value, str) and value else None


def short_text(document: Document, *spellings: str) -> str | None:
    """Return the first string found under one of the *spellings*; of a long one its digest."""
    for spelling in spellings:
        value = document.get(spelling)
        if isinstance(value, str):
            return _short(value)
    return None


def request_key(request_id: object) -> Key | None:
    """Return what tells a request's id from every other: ``1`` is not ``"1"``, and ``1.0`` is the same number."""
    if isinstance(request_id, str):
        return ("str", _short(request_id))
    if isinstance(request_id, (int, float)) and not isinstance(request_id, bool):
        return ("number", request_id)
    return None


def result_type(result: Document) -> str:
    """Return the type that *result* names, lower case without separators; empty when it names none."""
    kind = result.get("resultType", result.get("result_type"))
    return kind.lower().replace("_", "").replace("-", "") if isinstance(kind, str) else ""


def task_of(result: Document) -> Document:
    """Return the task in *result*: under ``task`` (2025-11-25), else the result itself."""
    task = result.get("task")
    return task if isinstance(task, dict) else result


def outcome_of(result: Document) -> ErrorType | None:
    """Return how a call that was answered with *result* ended; None is success."""
    return ErrorType.TOOL_ERROR if result.get("isError") is True else None


def _short(text: str) -> str:
    if len(text) <= NAME_CHARACTERS_MAX:
        return text
    import hashlib  # hardly anybody's words are so long

    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
