"""
What MCP clients call themselves, judged before it is kept.

A client says its own name, so it could silence every heartbeat for ever by calling itself
after the machine, or after an address: such a name is not kept in the first place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Union

from ._addresses import find_address
from ._blocked_values import BlockedValue, as_blocked_values
from ._spellings import Layers

__all__ = ["may_keep_client_name"]


def may_keep_client_name(name: str, blocked_values: Iterable[Union[BlockedValue, str]]) -> bool:
    """Return whether the client's *name* holds no address, no token and nothing of *blocked_values*."""
    try:
        layers = Layers(name)
        layers.check_end()
        return (
            not any(find_address(text, is_version=False) for text in layers)
            and layers.find_prefix() is None
            and layers.find_value(as_blocked_values(blocked_values)) is None
        )
    except Exception:  # noqa: BLE001  fails closed, whatever it was
        return False
