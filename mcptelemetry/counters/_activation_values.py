"""What an installation has come to, and what is new about it: the values that the store takes and gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

__all__ = ["ActivationNews", "ActivationState"]


class ActivationState(NamedTuple):
    """
    What a heartbeat says about activation; the calls and the tokens are of the last 24 hours.

    *milestones* are the author's own: name to whether it was ever reached. A store alone knows
    only those that were.
    """

    first_connected_server_ever: bool = False
    first_mcp_client_ever: bool = False
    first_retrieve_tools_call_ever: bool = False
    mcp_clients_seen_ever: tuple[str, ...] = ()
    retrieve_tools_calls_24h: int = 0
    estimated_tokens_saved_24h_bucket: str = "0"
    configured_ide_count: int = 0
    milestones: Mapping[str, bool] = MappingProxyType({})

    def of_declared(self, milestones: Iterable[str]) -> ActivationState:
        """Return the same with exactly these *milestones*, reached or not: what was declared once may be no longer."""
        return self._replace(milestones={name: self.milestones.get(name, False) for name in milestones})

    def to_dict(self) -> dict[str, Any]:
        """Return the form on the wire."""
        clients, milestones = list(self.mcp_clients_seen_ever), dict(self.milestones)
        return {**self._asdict(), "mcp_clients_seen_ever": clients, "milestones": milestones}


class ActivationNews(NamedTuple):
    """What happened since the last time; None means nothing about *installer_pending* and *listed_tool_count*."""

    first_connected_server: bool = False
    first_mcp_client: bool = False
    first_retrieve_tools_call: bool = False
    clients: tuple[str, ...] = ()
    retrieve_tools_calls: int = 0
    tokens_saved: int = 0
    installer_pending: bool | None = None
    milestones: tuple[str, ...] = ()
    listed_tool_count: int | None = None
