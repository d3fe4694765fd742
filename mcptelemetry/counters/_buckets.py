"""
Coarse names for numbers: what a maintainer needs to know and nobody can be told apart by.

An invalid number, or a negative one, falls into the lowest bucket: a wrong count must cost
neither the document nor the host.
"""

from __future__ import annotations

from ..vocabulary import TOKEN_BUCKETS, UPSTREAM_BUCKETS

__all__ = ["bucket_tokens", "bucket_upstream_calls"]


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
