"""
What MCP clients call themselves, judged before it is kept.

A client says its own name, so it could silence every heartbeat for ever by calling itself
after the machine, or after an address: such a name is not kept in the first place.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..wire import UNKNOWN_CLIENT, is_known_client
from ._addresses import find_address
from ._blocked_values import BlockedValue, as_blocked_values
from ._spellings import Layers

__all__ = ["keep_client_name"]


def keep_client_name(name: str, blocked_values: Iterable[BlockedValue] | None) -> str:
    """
    Return the sanitised *name*, or ``unknown`` when it tells of this machine or a person.

    A stranger chooses it: what could never leave must not stand between us and every later
    heartbeat. The names of the closed table tell of nobody; of *blocked_values* that are not
    known (None), any other may be one.
    """
    if is_known_client(name):
        return name
    if blocked_values is not None and _may_keep(name, blocked_values):
        return name
    return UNKNOWN_CLIENT


def _may_keep(name: str, blocked_values: Iterable[BlockedValue]) -> bool:
    """Return whether the client's *name* holds no address, no token and nothing of *blocked_values*."""
    try:
        layers = Layers(name)
        layers.check_end()
        return (
            not any(map(find_address, layers))
            and layers.find_prefix() is None
            and layers.find_value(as_blocked_values(blocked_values)) is None
        )
    except Exception:  # noqa: BLE001  fails closed, whatever it was
        return False
