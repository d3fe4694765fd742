"""
How the hooks of one application open a call, or join the one that is open.

Decorator, middleware and instrumented servers of an application share one `Calls`, by which they
know each other's calls; another application's hooks in the same process have another.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Protocol, Union

from ._client_name import client_name_in
from ._invocation import Invocation, RecordCall
from ._open_call import JoinedCall, OpenCall, innermost_call
from ._server_tools import ServerTools

__all__ = ["Calls", "HookedCall", "Recording"]

HookedCall = Union[OpenCall, JoinedCall]


class Recording(Protocol):
    """A `Telemetry`; its `record` is looked up at each call, since a subclass may have its own."""

    @property
    def record(self) -> RecordCall:
        """Record one finished invocation."""
        ...


class Calls:
    """Opens the calls that the hooks of *recording* see; safe from any thread and task."""

    def __init__(
        self, recording: Recording, *, monotonic: Callable[[], float], on_invalid: Callable[[], None]
    ) -> None:
        self._recording = recording
        self._monotonic = monotonic
        self._on_invalid = on_invalid

    def enter_function(self, tool: str, hook: object, routing_decision: str = "local_only") -> HookedCall:
        """Return the call that the decorated function *hook* runs in."""
        outer = innermost_call(self)
        if outer is not None and outer.admit_function(tool, hook):
            return JoinedCall(outer)
        call = OpenCall(
            self._recording.record,
            tool,
            monotonic=self._monotonic,
            on_invalid=self._on_invalid,
            owner=self,
            hook=hook,
            routing_decision=routing_decision,
        )
        client = _client_around(outer)
        if client is not None:
            call.came_from(client)
        return call

    def watch_function(self, tool: str, hook: object, routing_decision: str = "local_only") -> Invocation | JoinedCall:
        """Return the same for what is left and entered again, such as a generator: nobody joins it."""
        outer = innermost_call(self)
        if outer is not None and outer.admit_function(tool, hook):
            return JoinedCall(outer)
        invocation = Invocation(
            self._recording.record,
            tool,
            monotonic=self._monotonic,
            on_invalid=self._on_invalid,
            routing_decision=routing_decision,
        )
        invocation.came_from(_client_around(outer))
        return invocation

    def joined(self, tool: str, tools: ServerTools) -> OpenCall | None:
        """Return the open call that a hook of the server of *tools* sees, None when it is another."""
        call = innermost_call(self)
        return call if call is not None and call.admit_server(tool, tools) else None

    def open(self, tool: str, tools: ServerTools) -> OpenCall:
        """Return a new call that a hook of the server of *tools* sees, to be entered."""
        return OpenCall(
            self._recording.record,
            tool,
            monotonic=self._monotonic,
            on_invalid=self._on_invalid,
            owner=self,
            tools=tools,
        )


def _client_around(outer: OpenCall | None) -> str | None:
    """Return the client of the call in which a function runs, or of the request that the server keeps."""
    if outer is not None:
        return outer.client
    # The official package's first edition keeps the request that is handled; only who has loaded it looks.
    module = sys.modules.get("mcp.server.lowlevel.server")
    variable = None if module is None else getattr(module, "request_ctx", None)
    return None if variable is None else client_name_in(variable.get(None)) or None
