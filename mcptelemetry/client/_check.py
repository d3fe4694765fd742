"""
Each configured endpoint asked, now, whether it would take what is sent there.

It is asked as everything else is: through the gate, with the same switches, transport and
credentials, by a batch that holds no event. What was answered comes back as a value.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from ..heartbeat import HeartbeatService
from ..installation import Installation
from ..privacy import SendResult, Verdict
from ..system import url_without_secrets
from ._events_stream import EventsStream

__all__ = ["EndpointCheck", "check_endpoints"]


class EndpointCheck(NamedTuple):
    """
    What one endpoint answered.

    *stream* is ``"events"`` or ``"heartbeat"``, *owner* ``"operator"``, ``"person"`` or
    ``"author"``. *verdict* is ``"taken"``, ``"lost"`` (what is sent there now would be, at least
    until somebody mends it) or ``"not asked"``; *answer* says what was answered or why nothing was
    asked, *mend* what a person can do, ``""`` when nothing need be done. *unset_variables* should
    hold a token or a header and hold nothing.
    """

    stream: str
    endpoint: str
    owner: str
    token_variable: Optional[str]
    is_token_set: bool
    unset_variables: tuple[str, ...]
    verdict: str
    answer: str
    mend: str


def check_endpoints(
    installation: Installation, events: EventsStream, heartbeat: HeartbeatService | None
) -> list[EndpointCheck]:
    """Ask the endpoint of *events* and that of *heartbeat*, None: it has none; return what they answered."""
    return [*_check_events(installation, events), *_check_heartbeat(installation, heartbeat)]


def _check_events(installation: Installation, events: EventsStream) -> list[EndpointCheck]:
    target = events.target
    if target is None:
        return []
    uploader = target.build_uploader(installation, events.refusal_to_ask)
    try:
        outcome = uploader.ask()
    finally:
        uploader.close()
    return [
        EndpointCheck(
            "events",
            uploader.shown_url,
            "operator" if target.is_operators else "author",
            target.settings.token_key,
            target.auth.bearer_token is not None,
            tuple(target.unset_variables(installation.environ)),
            *_verdict(outcome),
        )
    ]


def _check_heartbeat(installation: Installation, heartbeat: HeartbeatService | None) -> list[EndpointCheck]:
    if heartbeat is None or heartbeat.url is None:
        return []
    owner = "person" if installation.config.telemetry.endpoint else "author"
    shown = url_without_secrets(heartbeat.url)
    return [EndpointCheck("heartbeat", shown, owner, None, False, (), *_verdict(heartbeat.ask()))]


def _verdict(outcome: SendResult) -> tuple[str, str, str]:
    if outcome.verdict in (Verdict.REFUSED, Verdict.NOT_YET):
        return "not asked", outcome.message, ""
    is_taken = outcome.verdict is Verdict.DELIVERED and not outcome.is_doubtful
    return "taken" if is_taken else "lost", outcome.message, outcome.mend
