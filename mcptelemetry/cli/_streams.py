"""
What still leaves this machine, where to, and what stops it.

An operator's events outlive a person's `off`, and on a personal machine nobody else is the
operator: whoever said no is told of each stream that did not hear it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..application import SOME_RELEASE, Application
from ..config import load_config
from ..errors import ConfigError
from ..installation import find_operators_endpoint, path_in
from ..privacy import Stream, Switches
from ..state import DATABASE_FILE, Memory, read_deliveries
from ..system import StorageFailure, url_without_secrets
from ..vocabulary import DAY_SECS
from ._applications import find_applications

__all__ = ["LeavingStream", "find_leaving_streams", "leaving_streams"]

_OF_LATE_SECS = 30 * DAY_SECS


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
        yield from leaving_streams(application, environ)


def leaving_streams(
    application: Application, environ: Mapping[str, str], data_dir: str | None = None
) -> Iterator[LeavingStream]:
    """Yield where the operator's events of *application* go, or went when a process last said so."""
    # A shell's refusal is not that of the servers: whoever starts them hands little of it on.
    elsewhere = {name: said for name, said in environ.items() if name not in ("DO_NOT_TRACK", application.switch_variable)}
    switches = Switches(
        application, environ=elsewhere, data_dir=data_dir, version=SOME_RELEASE, is_under_test=False
    )
    if not switches.decide(Stream.OPERATOR_EVENTS).may_send:
        return
    try:
        found = find_operators_endpoint(application, environ, load_config(switches.config_path))
    except ConfigError:
        return  # then nothing of theirs leaves either
    shown = None
    if found is not None:
        in_file = f"set enabled = false in [proxy.telemetry] of {switches.config_path}"
        stop = in_file if found.variable is None else f"unset {found.variable}"
        shown = url_without_secrets(found.endpoint)
        yield LeavingStream(application.name, shown, stop)
    for endpoint in _remembered_endpoints(os.path.dirname(switches.config_path)):
        if endpoint != shown:
            stop = f"take {application.events_endpoint_variable} or --endpoint away where its process is started"
            yield LeavingStream(application.name, endpoint, stop)


def _remembered_endpoints(directory: str) -> list[str]:
    """Return where a process of late sent an operator's events: what another program set, no shell can see."""
    path = path_in(directory, DATABASE_FILE)
    if not path or not os.path.lexists(path):
        return []
    found = Memory(path).database.read(read_deliveries)
    if found is None or isinstance(found, StorageFailure):
        return []
    oldest = time.time() - _OF_LATE_SECS
    return [
        totals.endpoint
        for totals in found
        if totals.stream == "operator_events" and max(totals.last_success_at or 0.0, totals.last_error_at or 0.0) >= oldest
    ]
