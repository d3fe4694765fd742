"""
The events of one application: whose they are, whether they may leave, and the pipeline.

An operator's events ask two switches; the author's ask all of them, wait for the notice,
and never outlive a change of the mode. What delivers them is loaded when somebody named an
endpoint; where a host without a free descriptor cannot load it, its next start does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ..errors import ConfigError
from ..installation import AsOf, Installation
from ..privacy import Stream
from ..system import url_without_secrets

if TYPE_CHECKING:
    from ..events import EventsTarget, TelemetryPipeline
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
        if self._switches.decide(self.stream).may_send:
            from ..events import TelemetryPipeline

            self.pipeline = TelemetryPipeline(
                target.settings,
                app=installation.application.name,
                version=installation.setup.version or None,
                environ=installation.environ,
                clock=installation.clock,
                transport=installation.transport,
                network=installation.config.network,
                refusal=self._refusal,
                is_authors=self.stream is Stream.AUTHOR_EVENTS,
            )

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
            self.pipeline.start(self.target.auth)

    def endpoint_to_notice(self) -> str | None:
        """Return the endpoint that a person must be told of first, None when there is none."""
        if self.target is None or self.pipeline is None or self.stream is not Stream.AUTHOR_EVENTS:
            return None
        return self._shown_endpoint() if self._switches.decide(self.stream).may_send else None

    def _shown_endpoint(self) -> str | None:
        """Return the endpoint as a person is told of it: a query may hold a key."""
        endpoint = None if self.target is None else self.target.settings.endpoint
        return None if endpoint is None else url_without_secrets(endpoint)

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
                "token_variable": None,
                "unset_variables": [],
                "stats": None,
            }
        from dataclasses import asdict

        decision = self._switches.decide(self.stream)
        return {
            "mode": decision.mode.value,
            "reason": decision.reason,
            "endpoint": self._shown_endpoint(),
            "owner": "operator" if self.target.is_operators else "author",
            "token_variable": self.target.settings.token_key,
            "unset_variables": self.target.unset_variables(self._installation.environ),
            "stats": None
            if self.pipeline is None
            else cast("EventsAccount", asdict(self.pipeline.stats())),
        }

    def _refusal(self) -> str | None:
        """Return why events may not leave now, or None: what the gate asks before each send."""
        refusal = self._switches.refusal(self.stream)
        if refusal is not None or self.stream is Stream.OPERATOR_EVENTS:
            return refusal
        if self._as_of.enter() is None:
            # The pipeline lets go of all that it holds when it hears this.
            return "it was recorded before the mode was last changed"
        return None if self._has_notice_been_shown() else "the first-run notice has not been shown yet"

    def refusal_to_ask(self) -> str | None:
        """Return why the endpoint may not even be asked now, or None; settles nothing, as `_refusal` does."""
        refusal = self._switches.refusal(self.stream)
        if refusal is not None or self.stream is Stream.OPERATOR_EVENTS or self._has_notice_been_shown():
            return refusal
        return "the first-run notice has not been shown yet"

    def _has_notice_been_shown(self) -> bool:
        endpoint = self._shown_endpoint()
        if not self._is_noticed and endpoint is not None:
            self._is_noticed = self._installation.has_shown_notice_of(endpoint)
        return self._is_noticed
