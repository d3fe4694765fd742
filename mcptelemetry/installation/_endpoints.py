"""
Who named an endpoint, and whose word wins.

One that was found on the machine wins over one that stands in the author's code. For events
it is then the operator's; the environment speaks before the file. A token, a header and the leave to
send in the clear belong to the endpoint that they were written beside, and reach no other one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Optional

from ..application import Application
from ..config import Config
from ..system import url_without_secrets

__all__ = ["OperatorsEndpoint", "find_operators_endpoint"]


class OperatorsEndpoint(NamedTuple):
    """
    Where an operator wants events to go; *variable* names where that was said, None: in the file.

    *token_variable* names the one that holds the token for this very endpoint, None: it has none;
    *header_variables* those of further headers. *allow_insecure* was said beside the endpoint.
    """

    endpoint: str
    variable: Optional[str]
    token_variable: Optional[str]
    header_variables: Mapping[str, str] = MappingProxyType({})
    allow_insecure: bool = False

    def __repr__(self) -> str:
        # A query may hold a key.
        return f"OperatorsEndpoint({url_without_secrets(self.endpoint)!r}, {self.variable!r}, {self.token_variable!r})"


def find_operators_endpoint(
    application: Application, environ: Mapping[str, str], config: Config
) -> OperatorsEndpoint | None:
    """Return the endpoint for events that somebody set on this machine, None when nobody did."""
    variable = application.events_endpoint_variable
    said = environ.get(variable, "").strip()
    if said:
        return OperatorsEndpoint(said, variable, application.events_token_variable)
    written = config.proxy
    if not written.endpoint:
        return None
    return OperatorsEndpoint(
        written.endpoint, None, written.token_key, written.headers, written.allow_insecure
    )
