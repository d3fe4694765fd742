"""
The id of an event, in halves: senders of ours number the events of a process.

``<20 hex>-<n>`` is kept as a process and a number, a third of its length; ids of another make
are kept as they came.
"""

from __future__ import annotations

import re

__all__ = ["OWN_ID", "join_id", "split_id"]

OWN_ID = "([0-9a-f]{20})-(0|[1-9][0-9]{0,17})"
"""As our senders write ids and not otherwise, so that the halves give back the very id: a regular expression."""
_OWN = re.compile(OWN_ID)


def split_id(text: str) -> tuple[str, int] | None:
    """Return the halves of an id, the process's digits and the number; None when it is of another make."""
    match = _OWN.fullmatch(text)
    return None if match is None else (match[1], int(match[2]))


def join_id(digits: str, number: int) -> str:
    """Return the id that has these halves."""
    return f"{digits}-{number}"
