"""
Under which terms events are kept in a spool, and may leave it.

What waits in memory is of one process, and what waits in a spool of many: the first is let go
when another generation has begun, the second is compared by the generation's name. So the
two are asked apart, and the second question settles nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple, Optional, Protocol

from ..application import Application
from ..config import events_url
from ..privacy import Refusal, StandingSwitches
from ..system import Clock, url_without_secrets
from ._config import CAPACITY_MIN, PipelineConfig
from ._spool import LEASE_SECS, Spool
from ._spool_rows import SpoolStream
from ._standing import StandingRefusal

__all__ = ["SpoolPlace", "SpoolTerms", "Spooling", "StandingTerms", "build_spooling", "stream_to"]


class SpoolTerms(Protocol):
    """What is asked about the events of *owner*, ``"operator"`` or ``"author"``; from any thread but where it says otherwise."""

    owner: str

    def generation(self) -> str | None:
        """Return the present generation's name, None while nobody can know it."""
        ...

    def is_left_alone(self) -> bool:
        """Return whether the environment refuses: for this process alone, so what is stored is not touched."""
        ...

    def refusal(self) -> Refusal:
        """Return why nothing of the present generation may leave now, or None."""
        ...

    def held_refusal(self) -> Refusal:
        """Return why what this process holds in memory may not leave, or None; asked by one thread at a time."""
        ...


class StandingTerms:
    """The terms of a pipeline that was built by hand for *application* (None: not known), under *environ*: as an operator's."""

    owner = "operator"

    def __init__(self, environ: Mapping[str, str], application: Application | None) -> None:
        self._switches = StandingSwitches(environ, application)
        self._held = StandingRefusal(environ, application)

    def generation(self) -> str | None:
        """Return what names the person's last word about events."""
        return self._switches.look().events_generation

    def is_left_alone(self) -> bool:
        """Return whether the environment refuses."""
        return self._switches.decide().is_by_environment

    def refusal(self) -> Refusal:
        """Return why nothing may leave now, or None."""
        return self._switches.refusal()

    def held_refusal(self) -> Refusal:
        """Return why nothing that is held may leave now, or None."""
        return self._held.refusal()


class SpoolPlace(NamedTuple):
    """In which file a pipeline keeps its events, under which terms, and for how many seconds a claim holds."""

    path: str
    terms: SpoolTerms
    lease_secs: float = LEASE_SECS


class Spooling(NamedTuple):
    """
    What is kept where: events of *stream*, recorded by *version* of the application, in *spool*.

    A chunk holds at most *chunk_max* events, and the file *capacity* that wait.
    """

    spool: Spool
    stream: SpoolStream
    terms: SpoolTerms
    clock: Clock
    version: Optional[str]
    chunk_max: int
    capacity: int


def stream_to(endpoint: str, owner: str) -> SpoolStream:
    """Return whose events go to *endpoint*; a query or a password in it is not told, but tells it from others."""
    url = events_url(endpoint)
    shown = url_without_secrets(url)
    mark = "" if shown == url else f" {blake2b(url.encode(), digest_size=8).hexdigest()}"
    return SpoolStream(shown + mark, owner)


def build_spooling(place: SpoolPlace, settings: PipelineConfig, clock: Clock, version: str | None) -> Spooling:
    """Return what is kept at *place*, as *settings*, which name an endpoint, say."""
    return Spooling(
        Spool(place.path, clock, lease_secs=place.lease_secs),
        stream_to(settings.endpoint or "", place.terms.owner),
        place.terms,
        clock,
        version,
        settings.batch_size,
        max(settings.offline_queue_max, CAPACITY_MIN),
    )
