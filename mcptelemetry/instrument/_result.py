"""What a tool's result says of itself, whichever of MCP's many shapes it has."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["has_next_page", "is_error_result", "result_type"]


def is_error_result(result: object) -> bool:
    """Return whether *result* (mapping or object) says `isError` or `is_error`: true."""
    return _member(result, "isError") is True or _member(result, "is_error") is True


def result_type(result: object) -> object:
    """Return the result's `resultType`, or None."""
    return _member(result, "resultType") or _member(result, "result_type")


def has_next_page(result: object) -> bool:
    """Return whether *result* is a page of a listing that goes on."""
    return bool(_member(result, "nextCursor") or _member(result, "next_cursor"))


def _member(result: object, name: str) -> object:
    try:
        return result.get(name) if isinstance(result, Mapping) else getattr(result, name, None)
    except Exception:  # a host's object may do anything when looked at
        return None
