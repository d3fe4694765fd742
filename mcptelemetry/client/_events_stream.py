"""
The events of one application: whose they are, whether they may leave, and the pipeline.

An operator's events ask the switches that bind them; the author's ask all of them, wait for the notice,
and never outlive a change of the mode. What delivers them is loaded when somebody named an
endpoint; where a host without a free descriptor cannot load it, its next start does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ..errors import ConfigError
from ..installation import HELD_FROM_BEFORE, AsOf, Installation, Journal, why_not_yet
from ..privacy import Stream
from ..system import StorageFailure, url_without_secrets
from ._double import tell_if_wrapped
from ._moment import moment_text

if TYPE_CHECKING:
    from ..events import (
        EventsTarget,
        PipelineConfig,
        Spool,
        SpoolDelivery,
        SpoolPlace,
        SpoolStream,
        TelemetryPipeline,
    )
    from ..privacy import Refusal
    from ..state import Picture, SentStreamWord
    from ..status import EventsAccount, EventsStatus

__all__ = ["EventsStream"]


class EventsStream:
    """
    The events stream of *installation*; *pipeline* is None when nothing may be sent.

    Raises `ValueError` or `TypeError` for what the author gave; what an operator set wrongly
    switches the installation off.
    """

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._switches = installation.switches
        self._as_of = AsOf(self._switches.generation)
        self._is_noticed = False
        self._is_printed = False  # whether what would leave is shown instead: for as long as this lives
        self._journal: Journal | None = None
        self._trouble: str | None = None  # why what delivers could not be loaded
        self.target: EventsTarget | None = None
        self.stream = Stream.AUTHOR_EVENTS
        self.pipeline: TelemetryPipeline | None = None
        self._load()

    def _load(self) -> None:
        """Find out whose the events are and build what delivers them; only who sends any pays for it."""
        installation = self._installation
        if installation.operators_endpoint is None and installation.setup.events_endpoint is None:
            return
        self._trouble = None
        try:
            self._build()
        except ConfigError as error:
            installation.switch_off(error)
            self.target = None
        except (ImportError, OSError) as error:  # not one descriptor is free: the next start tries again
            self._trouble = f"events cannot be delivered: {type(error).__name__}: {error}"
            self.target = None

    def _build(self) -> None:
        from ..events import find_target

        installation = self._installation
        target = find_target(installation)
        if target is None or installation.problem is not None:
            return
        self.target = target
        self.stream = Stream.OPERATOR_EVENTS if target.is_operators else Stream.AUTHOR_EVENTS
        if target.is_operators:
            self._as_of = AsOf(self._switches.events_generation)
        decision = self._switches.decide(self.stream)
        self._is_printed = decision.is_printed
        if decision.may_send or self._is_printed:
            self._build_pipeline(target.settings)

    def _build_pipeline(self, settings: PipelineConfig) -> None:
        from ..events import Outcomes, TelemetryPipeline

        installation, is_authors = self._installation, self.stream is Stream.AUTHOR_EVENTS
        transport, outcomes = installation.transport, None
        if self._is_printed:
            from dataclasses import replace

            settings, transport = replace(settings, compression="none", spool=False), installation.open_printing_transport()
        else:
            self._journal = Journal(installation, self.stream_word, settings.endpoint or "")
            outcomes = Outcomes(self._journal, installation.clock, keeps_batches=is_authors)
        self.pipeline = TelemetryPipeline(
            settings,
            app=installation.application.name,
            version=installation.setup.version or None,
            environ=installation.environ,
            clock=installation.clock,
            transport=transport,
            network=installation.config.network,
            refusal=self._refusal,
            is_authors=is_authors,
            outcomes=outcomes,
            spool=self._spool_place() if settings.spool else None,
        )

    def _spool_place(self) -> SpoolPlace:
        """Return where events are kept, and under which terms; only who has a spool pays for it."""
        from ..events import SpoolPlace
        from ._spool_terms import InstallationTerms

        terms = InstallationTerms(self._installation, self.stream, self._shown_endpoint() or "", self._refusal)
        return SpoolPlace(self._installation.spool_path, terms)

    def spool_stream(self) -> SpoolStream | None:
        """Return what the events of this stream are known by in a spool, None when there is none."""
        from ..events import stream_to

        target = self.target
        if target is None:
            return None
        return stream_to(target.settings.endpoint or "", "operator" if target.is_operators else "author")

    def deliver(self, spool: Spool, timeout: float | None) -> SpoolDelivery:
        """Send what *spool* holds of this stream, in the caller's thread; see `Telemetry.deliver`."""
        from ..events import SpoolDelivery

        if self.pipeline is not None and self.target is not None and not self._is_printed:
            return self.pipeline.deliver_spooled(self.target.auth, self._spool_place(), timeout)
        picture = spool.look()
        if isinstance(picture, StorageFailure):
            return SpoolDelivery(0, 0, picture.text)
        left = sum(found.waiting + found.claimed for found in picture.streams)
        return SpoolDelivery(0, left, str(self.describe()["why_not"] or "nothing may be sent") if left else None)

    @property
    def stream_word(self) -> SentStreamWord:
        """Return whose events these are, as it is remembered."""
        return "operator_events" if self.stream is Stream.OPERATOR_EVENTS else "author_events"

    def try_again(self) -> None:
        """Load what could not be loaded before; never raises."""
        if self._trouble is not None:
            try:
                self._load()
            except (TypeError, ValueError) as error:  # what the author gave is wrong, and a start never raises
                self._trouble = f"events cannot be delivered: {error}"

    def start(self) -> None:
        """Begin to deliver; see `TelemetryPipeline.start`."""
        if self.pipeline is not None and self.target is not None:
            if self._journal is not None:
                self._journal.prepare()
            picture = self._installation.open_memory().look() if self.stream is Stream.AUTHOR_EVENTS else None
            if picture is not None and picture.failure is None:
                self._as_of.begin(picture.generations_begun)
                self._is_noticed = self._notice_wait_secs(picture) is not None
            self.pipeline.start(self.target.auth)
            tell_if_wrapped(self._installation.environ, self.target.settings.endpoint or "")

    def endpoint_to_notice(self) -> str | None:
        """Return the endpoint that a person must be told of first, None when there is none."""
        if self.target is None or self.pipeline is None or self.stream is not Stream.AUTHOR_EVENTS:
            return None
        return self._shown_endpoint() if self._switches.decide(self.stream).may_send else None

    def _shown_endpoint(self) -> str | None:
        """Return the endpoint as a person is told of it: a query may hold a key."""
        endpoint = None if self.target is None else self.target.settings.endpoint
        return None if endpoint is None else url_without_secrets(endpoint)

    def trouble(self) -> str | None:
        """Return why events could not be delivered when that was last tried, None when they could."""
        return self._trouble if self.pipeline is None else self.pipeline.trouble()

    def describe(self) -> EventsStatus:
        """Return mode, reason, endpoint, owner and account, for a person."""
        problem = self._installation.problem
        if problem is not None or self.target is None:
            reason = str(problem or self._trouble or "no endpoint is configured")
            return {
                "mode": "off",
                "reason": reason,
                "endpoint": None,
                "owner": None,
                "not_before": None,
                "why_not": reason,
                "token_variable": None,
                "unset_variables": [],
                "stats": None,
            }
        from dataclasses import asdict

        decision = self._switches.decide(self.stream)
        wait_secs = 0.0 if self.target.is_operators else self._notice_wait_secs()
        first_at = self._installation.clock.time() + wait_secs if wait_secs else None
        return {
            "mode": decision.mode.value,
            "reason": decision.reason,
            "endpoint": self._shown_endpoint(),
            "owner": "operator" if self.target.is_operators else "author",
            "not_before": moment_text(first_at),
            "why_not": why_not_yet(wait_secs) if decision.may_send else decision.reason,
            "token_variable": self.target.settings.token_key,
            "unset_variables": self.target.unset_variables(self._installation.environ),
            "stats": None
            if self.pipeline is None
            else cast("EventsAccount", asdict(self.pipeline.stats())),
        }

    def _refusal(self) -> Refusal:
        """Return why events may not leave now, or None: what the gate asks before each send."""
        if self._is_printed:
            decision = self._switches.decide(self.stream)
            return None if decision.is_printed or decision.may_send else decision.reason
        refusal = self._switches.refusal(self.stream)
        if refusal is not None:
            return refusal
        if self.stream is Stream.OPERATOR_EVENTS:
            return HELD_FROM_BEFORE if self._as_of.has_ended() else None
        from ..privacy import NotYet  # the gate asks: it is loaded

        picture = self._installation.open_memory().look()
        is_legible = picture.failure is None
        if self._as_of.enter(picture.generations_begun if is_legible else None) is None:
            # The pipeline lets go of all that it holds when it hears this.
            return HELD_FROM_BEFORE
        if not is_legible and self._is_noticed:
            return NotYet("what this installation remembers cannot be read now", 0.0)
        wait_secs = self._notice_wait_secs(picture)
        why = why_not_yet(wait_secs)
        self._is_noticed = wait_secs is not None
        return NotYet(why, wait_secs) if why is not None and wait_secs is not None else why

    def _notice_wait_secs(self, picture: Picture | None = None) -> float | None:
        endpoint = self._shown_endpoint()
        return None if endpoint is None else self._installation.notice_wait_secs(endpoint, picture)

    def refusal_to_ask(self) -> str | None:
        """Return why the endpoint may not even be asked now, or None; settles nothing, as `_refusal` does."""
        refusal = self._switches.refusal(self.stream)
        if refusal is not None or self.stream is Stream.OPERATOR_EVENTS:
            return refusal
        return why_not_yet(None) if self._notice_wait_secs() is None else None
