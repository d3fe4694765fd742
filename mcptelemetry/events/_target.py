"""
Whose events these are, and where they go.

An endpoint that was found on the machine is the operator's; one that stands only in the
code is the author's. The operator's wins, and a token belongs to the endpoint that was
written beside it: the author's, the file's and the environment's never reach another one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple, Optional

from ..application import Application
from ..config import Config
from ..errors import ConfigError
from ._config import PipelineConfig
from ._uploader import TelemetryAuth

__all__ = ["EventsTarget", "find_target"]


class EventsTarget(NamedTuple):
    """The settings of the events stream, the token, and whether an operator set it up."""

    settings: PipelineConfig
    auth: TelemetryAuth
    is_operators: bool
    source: str
    bearer_variable: Optional[str] = None  # noqa: UP045  evaluated on Python 3.9


def find_target(
    application: Application,
    *,
    environ: Mapping[str, str],
    config: Config,
    config_path: str,
    code_endpoint: str | None,
    code_token: str | None,
) -> EventsTarget | None:
    """
    Return where events go, or None when nobody said so.

    Raises `ConfigError` when what the operator said cannot be used, and `ValueError` or
    `TypeError` when what the author said cannot.
    """
    variable = application.events_endpoint_variable
    for endpoint, source, token_variable in (
        (environ.get(variable, "").strip(), variable, application.events_token_variable),
        (config.proxy.endpoint, config_path, config.proxy.token_key),
    ):
        if endpoint:
            return _operators(endpoint, source, token_variable, environ, config)
    if code_endpoint is None:
        return None
    settings = _settings(config, code_endpoint)
    return EventsTarget(settings, TelemetryAuth(code_token), is_operators=False, source="the code")


def _operators(
    endpoint: str, source: str, variable: str | None, environ: Mapping[str, str], config: Config
) -> EventsTarget:
    try:
        auth = TelemetryAuth(environ.get(variable, "").strip() or None if variable else None)
        settings = _settings(config, endpoint)
    except (TypeError, ValueError) as error:
        msg = f"{source}: {error}"
        raise ConfigError(msg) from None
    return EventsTarget(settings, auth, is_operators=True, source=source, bearer_variable=variable)


def _settings(config: Config, endpoint: str) -> PipelineConfig:
    values = dataclasses.asdict(config.proxy)
    values["endpoint"] = endpoint
    if isinstance(endpoint, str) and endpoint.startswith("file:"):
        values["format"] = "jsonl"  # the one format that a file takes
    return PipelineConfig(**values)
