"""
What still leaves this machine, where to, and what stops it.

An operator's events outlive a person's `off`, and on a personal machine nobody else is the
operator: whoever said no is told of each stream that did not hear it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..application import SOME_RELEASE, Application
from ..config import load_config
from ..errors import ConfigError
from ..installation import find_operators_endpoint
from ..privacy import Stream, Switches
from ..system import url_without_secrets
from ._applications import find_applications

__all__ = ["LeavingStream", "find_leaving_streams", "leaving_stream"]


class LeavingStream(NamedTuple):
    """The operator's events of *app*: where they go, and the setting that stops them."""

    app: str
    endpoint: str
    stop: str

    def describe(self, prog: str) -> str:
        """Return the line for a person who calls this command line *prog*."""
        return (
            f"events of {self.app} still go to the operator's endpoint {self.endpoint}; "
            f'to stop them, run "{prog} off --everything", or {self.stop}'
        )


def find_leaving_streams(environ: Mapping[str, str]) -> Iterator[LeavingStream]:
    """Yield what still leaves for operators, of all applications that are known on this machine."""
    for application in find_applications(environ):
        switches = Switches(application, environ=environ, version=SOME_RELEASE, is_under_test=False)
        found = leaving_stream(switches, application, environ)
        if found is not None:
            yield found


def leaving_stream(
    switches: Switches, application: Application, environ: Mapping[str, str]
) -> LeavingStream | None:
    """Return where the operator's events of *application* go, None when none leave."""
    if not switches.decide(Stream.OPERATOR_EVENTS).may_send:
        return None
    try:
        found = find_operators_endpoint(application, environ, load_config(switches.config_path))
    except ConfigError:
        return None  # then nothing of theirs leaves either
    if found is None:
        return None
    in_file = f"set enabled = false in [proxy.telemetry] of {switches.config_path}"
    stop = in_file if found.variable is None else f"unset {found.variable}"
    return LeavingStream(application.name, url_without_secrets(found.endpoint), stop)
