"""
What a format of events is: what it makes of a batch, and how it reads the answer.

A value, so that the way from a batch to its outcome is one for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import NamedTuple, Optional, Protocol

from ..vocabulary import CompressionWord
from ..wire import EventRow

__all__ = ["BodyWriter", "Format", "RowEncoder"]


class RowEncoder(Protocol):
    """What turns rows into the JSON texts of one format."""

    def encode(self, rows: Iterable[EventRow], process: str) -> list[str]:
        """Return one text a row; a row without an id gets ``<process>-<number>``."""
        ...


class Format(NamedTuple):
    """
    One format.

    *build_encoder* takes the word for what carried the calls, or None; *wrap* takes the texts of a
    batch and what is known of the application, and returns the body. *empty* is what an endpoint is
    asked with, *compression* what happens when nobody says. *given_up* are the statuses after which a
    batch is not sent again, unlike in other formats. *count_rejected* tells from the body of a good
    answer how many events were not taken all the same, None when it says nothing of the kind; 0 is a
    warning. *is_plain* says that its texts are those of an `EventEncoder`, and *stores_once* that whoever
    takes a batch twice stores its events once.
    """

    build_encoder: Callable[[Optional[str]], RowEncoder]
    wrap: Callable[..., bytes]
    empty: bytes
    count_rejected: Callable[[bytes], Optional[int]]
    compression: CompressionWord = "none"
    given_up: Container[int] = ()
    is_plain: bool = False
    stores_once: bool = False


class BodyWriter:
    """
    Writes the bodies of one application's batches in one format; used by one thread at a time.

    Without *tells_parents* no span that calls belong to is told, as where the next process could not.
    """

    def __init__(
        self,
        format: Format,
        *,
        app: str | None,
        version: str | None,
        network_transport: str | None = None,
        tells_parents: bool = True,
    ) -> None:
        self.format: Format = format
        """Which one."""
        self.app: str | None = app
        self.version: str | None = version
        self.network_transport: str | None = network_transport
        """The convention's word for what carried the calls, None when it is not known."""
        self._tells_parents = tells_parents
        self._encoder = format.build_encoder(network_transport)

    def write(self, rows: Iterable[EventRow], process: str) -> bytes:
        """Return the body that carries *rows*; a row without an id gets ``<process>-<number>``."""
        if not self._tells_parents:
            rows = [(*row[:5], None) for row in rows]
        return self.format.wrap(self._encoder.encode(rows, process), app=self.app, version=self.version)
