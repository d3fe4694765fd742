"""
Feedback on the wire: the one document with free text, and its shape.

Both sides check against the same shape. The text is what a person typed; the context holds
nothing that a heartbeat does not hold.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..system import printable
from ._fields import FIELD_SHAPES
from ._shapes import OPEN, Object, Text, Words
from ._walk import find_problem

__all__ = [
    "FEEDBACK",
    "FEEDBACK_CATEGORIES",
    "FEEDBACK_CHARACTERS_MAX",
    "FEEDBACK_CHARACTERS_MIN",
    "check_feedback",
    "encode_feedback",
]

FEEDBACK_CATEGORIES = ("bug", "feature", "other")
FEEDBACK_CHARACTERS_MIN = 10
FEEDBACK_CHARACTERS_MAX = 5000

_CONTEXT = ("version", "edition", "os", "arch", "server_count", "connected_server_count", "routing_mode")

FEEDBACK = Object(
    {
        "app": FIELD_SHAPES["app"],
        "category": Words(FEEDBACK_CATEGORIES),
        "message": Text(
            OPEN,
            rf"[\s\S]{{{FEEDBACK_CHARACTERS_MIN},{FEEDBACK_CHARACTERS_MAX}}}",
            FEEDBACK_CHARACTERS_MAX,
            "what went wrong, in 10 characters or more",
        ),
        "email": Text(OPEN, r"[^@\s]{1,64}@[^@\s]{1,189}", 254, "name@example.org"),
        "context": Object({name: FIELD_SHAPES[name] for name in _CONTEXT}),
    },
    optional=("app", "email"),
)
"""The whole document as one shape; `app` and `email` may be absent."""


def check_feedback(document: object) -> None:
    """Return when *document* is feedback; raise `ValueError` naming the first field that is not right."""
    problem = find_problem(FEEDBACK, document)
    if problem is not None:
        raise ValueError(problem)


def encode_feedback(document: Mapping[str, Any]) -> bytes:
    """
    Return the body: indented JSON in UTF-8, as it is shown to the person, with a line end behind it.

    What cannot be seen is written as an escape, so that the text that was shown is the one that is sent.
    """
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return (printable(text, keep="\n") + "\n").encode("utf-8")
