"""
Feedback as the collector takes it in: what a person typed, and nothing about where from.

It has no id, so a repeat is stored twice: who sends it waits for the answer and is told
when none came.
"""

from __future__ import annotations

from typing import Any

from ..wire import check_feedback
from ._documents import DocumentError, read_object

__all__ = ["read_feedback"]


def read_feedback(body: bytes) -> dict[str, Any]:
    """Return the feedback that *body* holds; raise `DocumentError` naming the field that does not fit."""
    document = read_object(body, "feedback")
    try:
        check_feedback(document)
    except ValueError as error:
        raise DocumentError(str(error)) from None
    return document
