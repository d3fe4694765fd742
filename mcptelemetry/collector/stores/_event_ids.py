"""
The id of an event, in halves: senders of ours number the events of a process.

``<20 hex>-<n>`` is kept as a process and a number, a third of its length; ids of another make
are kept as they came.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["ProcessId", "join_id", "split_id"]

# As our senders write them and not otherwise, so that the halves give back the very id.
_OWN = re.compile(r"([0-9a-f]{20})-(0|[1-9][0-9]{0,17})")


class ProcessId(NamedTuple):
    """The halves: the process's digits as bytes, and the number."""

    process: bytes
    number: int


def split_id(text: str) -> ProcessId | None:
    """Return the halves of an id, None when it is of another make."""
    match = _OWN.fullmatch(text)
    return None if match is None else ProcessId(bytes.fromhex(match[1]), int(match[2]))


def join_id(process: bytes, number: int) -> str:
    """Return the id that has these halves."""
    return f"{process.hex()}-{number}"
