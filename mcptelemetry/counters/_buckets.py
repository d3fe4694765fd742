"""
Coarse names for numbers: what a maintainer needs to know and nobody can be told apart by.

A number that is none, or is negative, falls into the lowest bucket: a wrong count must cost
neither the document nor the host.
"""

from __future__ import annotations

__all__ = ["TOKEN_BUCKETS", "UPSTREAM_BUCKETS", "bucket_tokens", "bucket_upstream_calls"]

UPSTREAM_BUCKETS = ((0, "0"), (10, "1-10"), (100, "11-100"), (1_000, "101-1000"), (None, "1000+"))
"""Upper edges, inclusive, and the names of the buckets of upstream calls, lowest first."""

TOKEN_BUCKETS = (
    (0, "0"),
    (100, "1_100"),
    (1_000, "100_1k"),
    (10_000, "1k_10k"),
    (100_000, "10k_100k"),
    (None, "100k_plus"),
)
"""Upper edges, inclusive, and the names of the buckets of saved tokens, lowest first."""


def bucket_upstream_calls(n: int) -> str:
    """Return the bucket of *n* calls: ``0``, ``1-10``, ``11-100``, ``101-1000`` or ``1000+``."""
    return _bucket(n, UPSTREAM_BUCKETS)


def bucket_tokens(n: int) -> str:
    """
    Return the bucket of *n* tokens, upper edges inclusive.

    ``0``, ``1_100``, ``100_1k``, ``1k_10k``, ``10k_100k`` or ``100k_plus``.
    """
    return _bucket(n, TOKEN_BUCKETS)


def _bucket(n: int, buckets: tuple[tuple[int | None, str], ...]) -> str:
    if not isinstance(n, int):
        return buckets[0][1]
    return next(name for edge, name in buckets if edge is None or n <= edge)
