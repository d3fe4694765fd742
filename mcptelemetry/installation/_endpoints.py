"""
Who named an endpoint, and whose word wins.

One that was found on the machine wins over one that stands in the author's code. For events
it is then the operator's, with a token of its own; the environment speaks before the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Optional

from ..application import Application
from ..config import Config

__all__ = ["OperatorsEndpoint", "find_operators_endpoint"]


class OperatorsEndpoint(NamedTuple):
    """Where an operator wants events to go; *variable* names where that was said, None: in the file."""

    endpoint: str
    variable: Optional[str]  # noqa: UP045  evaluated on Python 3.9


def find_operators_endpoint(
    application: Application, environ: Mapping[str, str], config: Config
) -> OperatorsEndpoint | None:
    """Return the endpoint for events that somebody set on this machine, None when nobody did."""
    variable = application.events_endpoint_variable
    said = environ.get(variable, "").strip()
    if said:
        return OperatorsEndpoint(said, variable)
    return OperatorsEndpoint(config.proxy.endpoint, None) if config.proxy.endpoint else None
