"""
The span that a call belongs to, as the caller names it in W3C's `traceparent`.

A stranger wrote it: what is not to the letter of the recommendation is no parent at all, and
nothing of it but two numbers in hex is kept. It rides on the duration that a hook measured,
because every hook hands that to `record()` already: whoever has no parent pays nothing.
"""

from __future__ import annotations

__all__ = ["ParentedLatency", "latency_under", "parse_traceparent"]

_CHARACTERS_MAX = 512  # a later version may say more than 55 characters; nobody needs to read a book
_WIDTHS = [2, 32, 16, 2]  # version, trace, span, flags
_HEX_DIGITS = frozenset("0123456789abcdef")  # in capitals they are not valid


class ParentedLatency(float):
    """A duration in milliseconds that knows the span it belongs to: *parent*, as `parse_traceparent()` gives it."""

    __slots__ = ("parent",)

    parent: str


def latency_under(parent: str | None, latency_ms: float) -> float:
    """Return *latency_ms*, with *parent* in it where there is one."""
    if parent is None:
        return latency_ms
    latency = ParentedLatency(latency_ms)
    latency.parent = parent
    return latency


def parse_traceparent(traceparent: object) -> str | None:
    """
    Return the 32 hex digits of the trace and the 16 of the span in *traceparent*, None when it is not valid.

    Whether it is sampled is not asked: an account of calls has all of them or is none.
    """
    if not isinstance(traceparent, str) or len(traceparent) > _CHARACTERS_MAX:
        return None
    # By hand: a pattern would be compiled by whoever imports us, and most have no parent to parse.
    fields = traceparent.split("-", 4)
    version, digits, more = fields[0], fields[:4], fields[4:]
    if [len(field) for field in digits] != _WIDTHS or not _HEX_DIGITS.issuperset("".join(digits)):
        return None
    if version == "ff" or (version == "00" and more) or not digits[1].strip("0") or not digits[2].strip("0"):
        return None
    return digits[1] + digits[2]
