"""
Whose events these are, and where they go.

The installation knows who named an endpoint; here it gets its settings and its token. A token
belongs to the endpoint that was written beside it: the author's, the file's and the
environment's never reach another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ..config import check_endpoint
from ..errors import ConfigError
from ..installation import Installation, OperatorsEndpoint
from ._config import PipelineConfig
from ._uploader import TelemetryAuth, TelemetryUploader

__all__ = ["EventsTarget", "find_target"]


class EventsTarget(NamedTuple):
    """
    The settings of the events stream, the token, and whether an operator set it up.

    *settings* name the variables of token and headers that belong to this very endpoint.
    """

    settings: PipelineConfig
    auth: TelemetryAuth
    is_operators: bool
    source: str
    is_of_file: bool = False

    def unset_variables(self, environ: Mapping[str, str]) -> list[str]:
        """Return the names of the variables that should hold a token or a header in *environ*, and hold nothing."""
        # The name in a file was chosen by somebody; the environment's own need not be set.
        chosen = [self.settings.token_key] if self.is_of_file and self.settings.token_key else []
        return [name for name in (*chosen, *(self.settings.headers or {}).values()) if not environ.get(name, "").strip()]

    def build_uploader(self, installation: Installation, refusal: Callable[[], str | None]) -> TelemetryUploader:
        """Return what sends there with the same credentials, beside the pipeline; *refusal* is the gate's question."""
        return TelemetryUploader(
            self.settings.endpoint or "",
            self.auth,
            allow_insecure=self.settings.allow_insecure,
            environ=installation.environ,
            clock=installation.clock,
            transport=installation.transport,
            network=installation.config.network,
            refusal=refusal,
            token_variable=self.settings.token_key,
            format=self.settings.format,
        )


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
    settings = _settings(installation, OperatorsEndpoint(endpoint, None, None))
    auth = TelemetryAuth(installation.setup.token)
    return EventsTarget(settings, auth, is_operators=False, source="the code")


def _operators(installation: Installation, found: OperatorsEndpoint) -> EventsTarget:
    source = found.variable or installation.switches.config_path
    try:
        values = {name: _read(installation, variable) for name, variable in found.header_variables.items()}
        auth = TelemetryAuth(
            _read(installation, found.token_variable), headers={name: value for name, value in values.items() if value}
        )
        settings = _settings(installation, found)
    except (TypeError, ValueError) as error:
        msg = f"{source}: {error}"
        raise ConfigError(msg) from None
    return EventsTarget(settings, auth, is_operators=True, source=source, is_of_file=found.variable is None)


def _read(installation: Installation, variable: str | None) -> str | None:
    return installation.environ.get(variable, "").strip() or None if variable else None


def _settings(installation: Installation, found: OperatorsEndpoint) -> PipelineConfig:
    """Return the settings of the file for the endpoint of *found*, with nothing that belongs to another one."""
    values = {
        **installation.config.proxy._asdict(),
        "endpoint": check_endpoint(found.endpoint, allow_insecure=found.allow_insecure),
        "token_key": found.token_variable,
        "headers": dict(found.header_variables) or None,
        "allow_insecure": found.allow_insecure,
    }
    if found.endpoint.startswith("file:"):
        values.update(format="jsonl", metrics=False)  # the one format that a file takes
    return PipelineConfig(**values)
