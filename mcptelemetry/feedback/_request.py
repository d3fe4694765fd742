"""What a person says, what goes with it, what comes back: values, and what makes them valid."""

from __future__ import annotations

from dataclasses import dataclass

from ..vocabulary import FeedbackCategoryWord
from ..wire import FEEDBACK_CATEGORIES, FEEDBACK_CHARACTERS_MAX, FEEDBACK_CHARACTERS_MIN

__all__ = [
    "FeedbackContext",
    "FeedbackRequest",
    "FeedbackResponse",
    "check_request",
    "validate_category",
    "validate_message",
]


def validate_category(category: str) -> bool:
    """Return whether *category* is one of `bug`, `feature`, `other`."""
    return isinstance(category, str) and category in FEEDBACK_CATEGORIES


def validate_message(message: str) -> None:
    """
    Return when *message* can be sent: text of 10 to 5,000 characters.

    Surrounding white space does not count. Raises `ValueError` saying how many there are.
    """
    if not isinstance(message, str):
        msg = f"message must be a str of {FEEDBACK_CHARACTERS_MIN} to {FEEDBACK_CHARACTERS_MAX:,} characters"
        raise ValueError(msg)  # noqa: TRY004  what was typed is a value, whatever its type
    length = len(message.strip())
    if length < FEEDBACK_CHARACTERS_MIN:
        msg = f"message has {length} characters; say it in {FEEDBACK_CHARACTERS_MIN} or more"
        raise ValueError(msg)
    if length > FEEDBACK_CHARACTERS_MAX:
        msg = f"message has {length:,} characters; shorten it to {FEEDBACK_CHARACTERS_MAX:,}"
        raise ValueError(msg)


@dataclass(frozen=True)
class FeedbackRequest:
    """
    What a person wants to say: *category* (`bug`, `feature`, `other`), *message*, and, only
    if they want an answer, *email*.
    """

    category: FeedbackCategoryWord
    message: str
    email: str | None = None


def check_request(request: FeedbackRequest) -> None:
    """Return when *request* can be sent; `TypeError` for what is none, `ValueError` naming what is wrong in it."""
    if not isinstance(request, FeedbackRequest):
        msg = f"request must be a FeedbackRequest, not {type(request).__name__}"
        raise TypeError(msg)
    if not validate_category(request.category):
        msg = f"category={request.category!r} is not usable: say {', '.join(FEEDBACK_CATEGORIES)}"
        raise ValueError(msg)
    validate_message(request.message)


@dataclass(frozen=True)
class FeedbackContext:
    """What goes with every feedback, filled by us: nothing that a heartbeat would not say."""

    version: str
    edition: str
    os: str
    arch: str
    server_count: int = 0
    connected_server_count: int = 0
    routing_mode: str = "unknown"


@dataclass(frozen=True)
class FeedbackResponse:
    """What the maintainer's side answered: *issue_url* where it can be followed, or an *error*."""

    success: bool
    issue_url: str | None = None
    error: str | None = None
