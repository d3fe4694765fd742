"""Feedback: what a person typed for the maintainer, its limits, and its way out."""

from __future__ import annotations

from ._limiter import RateLimiter
from ._request import (
    FeedbackContext,
    FeedbackRequest,
    FeedbackResponse,
    check_request,
    validate_category,
    validate_message,
)
from ._service import FeedbackService, build_feedback_service

__all__ = [
    "FeedbackContext",
    "FeedbackRequest",
    "FeedbackResponse",
    "FeedbackService",
    "RateLimiter",
    "build_feedback_service",
    "check_request",
    "validate_category",
    "validate_message",
]
