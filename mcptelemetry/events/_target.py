"""
Whose events these are, and where they go.

The installation knows who named an endpoint; here it gets its settings and its token. A token
belongs to the endpoint that was written beside it: the author's, the file's and the
environment's never reach another one.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from ..errors import ConfigError
from ..installation import Installation, OperatorsEndpoint
from ._config import PipelineConfig
from ._uploader import TelemetryAuth

__all__ = ["EventsTarget", "find_target"]


class EventsTarget(NamedTuple):
    """The settings of the events stream, the token, and whether an operator set it up."""

    settings: PipelineConfig
    auth: TelemetryAuth
    is_operators: bool
    source: str
    bearer_variable: Optional[str] = None


def find_target(installation: Installation) -> EventsTarget | None:
    """
    Return where events go, or None when nobody said so.

    Raises `ConfigError` when what the operator said cannot be used, and `ValueError` or
    `TypeError` when what the author said cannot.
    """
    found = installation.operators_endpoint
    if found is not None:
        return _operators(installation, found)
    endpoint = installation.setup.events_endpoint
    if endpoint is None:
        return None
    settings, auth = _settings(installation, endpoint), TelemetryAuth(installation.setup.token)
    return EventsTarget(settings, auth, is_operators=False, source="the code")


def _operators(installation: Installation, found: OperatorsEndpoint) -> EventsTarget:
    variable = found.token_variable
    source = found.variable or installation.switches.config_path
    try:
        auth = TelemetryAuth(installation.environ.get(variable, "").strip() or None if variable else None)
        settings = _settings(installation, found.endpoint)
    except (TypeError, ValueError) as error:
        msg = f"{source}: {error}"
        raise ConfigError(msg) from None
    return EventsTarget(settings, auth, is_operators=True, source=source, bearer_variable=variable)


def _settings(installation: Installation, endpoint: str) -> PipelineConfig:
    values = installation.config.proxy._asdict()
    values["endpoint"] = endpoint
    if isinstance(endpoint, str) and endpoint.startswith("file:"):
        values["format"] = "jsonl"  # the one format that a file takes
    return PipelineConfig(**values)
