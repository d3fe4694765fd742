"""
What the maintainer's side answers, read with care: it is shown to a person.

It is capped, and believed only where it can be.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from ._request import FeedbackResponse

__all__ = ["ANSWER_BYTES_MAX", "read_answer"]

ANSWER_BYTES_MAX = 1024 * 1024
"""How much of an answer is read."""
_URL_CHARACTERS_MAX = 2048


def read_answer(body: bytes) -> FeedbackResponse:
    """Return what a 2xx answer says; one that cannot be read is success all the same."""
    try:
        document = json.loads(body.decode("utf-8"))
        if not isinstance(document, dict):
            return FeedbackResponse(success=True)
    except (ValueError, RecursionError):
        return FeedbackResponse(success=True)
    error = document.get("error")
    success = document.get("success", True)
    return FeedbackResponse(
        success=success is not False,
        issue_url=_web_address(document.get("issue_url")),
        error=_one_line(error) if isinstance(error, str) and error else None,
    )


def _web_address(value: object) -> str | None:
    """Return *value* when it is a web address that can be shown on a terminal."""
    if not isinstance(value, str) or len(value) > _URL_CHARACTERS_MAX:
        return None
    if not all("!" <= character <= "~" for character in value):
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return value if parts.scheme in ("https", "http") and parts.netloc else None


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text[:200]).split())
