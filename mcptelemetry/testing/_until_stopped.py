"""A server that is stopped at the end of its `with` block, whatever happens in it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import TypeVar

__all__ = ["UntilStopped"]

_Own = TypeVar("_Own", bound="UntilStopped")


class UntilStopped(ABC):
    """Runs from its making on; `with` gives the thing itself."""

    def __enter__(self: _Own) -> _Own:  # noqa: PYI019  typing has no Self before Python 3.11
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @abstractmethod
    def stop(self) -> None:
        """Stop it, and wait until it has; may be called again."""
