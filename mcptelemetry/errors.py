"""
The package's errors: one tree, few leaves.

Recording never raises any of them. They come from construction (a bad argument), from
the command line, and from the calls that ask for an outcome: `flush()`, `upload()`,
`submit_feedback()`, `sent_documents()`.
"""

from __future__ import annotations

__all__ = ["ConfigError", "FeedbackError", "StorageError", "TelemetryError", "UploadError"]


class TelemetryError(Exception):
    """Root of every error this package raises on purpose."""


class ConfigError(TelemetryError):
    """
    A file on this machine cannot be used as it stands.

    Raised when `telemetry.toml` or a mode file is unreadable, malformed, or holds a value
    of the wrong type or range. The message names the file, the line or key, and the mend.
    """


class StorageError(TelemetryError):
    """
    What this machine remembers cannot be read or written.

    Raised by `Telemetry.sent_documents()`, and told by `ActivationStore.failure`. The message
    names the file and what is wrong with it: held by another process, full, damaged, or not
    to be written by this user.
    """


class UploadError(TelemetryError):
    """
    A batch did not reach its endpoint, or was not accepted there.

    *status* is the HTTP status, None when there was no answer. *retryable* says whether
    the same batch may be sent again. *retry_after* is the number of seconds the endpoint
    asked to be left alone, None when it did not ask. The message holds the status and at
    most 200 characters of the answer's body, never the token.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status: int | None = status
        self.retryable: bool = retryable
        self.retry_after: float | None = retry_after


class FeedbackError(TelemetryError):
    """
    Feedback was not accepted.

    *status* is the HTTP status, None when there was no answer; the message holds it and an
    excerpt of the answer's body.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
