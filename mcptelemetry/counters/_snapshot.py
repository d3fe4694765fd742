"""
What was counted, as a value: the picture a registry gives and a window holds.

One flat form, `Counts`, is what is added up, stored and settled; the picture that people and
documents see is made from it, so that nothing can be in the one and not in the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..vocabulary import Surface
from ._buckets import bucket_upstream_calls
from ._keys import FAILED, PASSED, UPSTREAM_KEY, CounterKey, Counts, Kind

__all__ = ["DoctorCounts", "RegistrySnapshot"]

_SURFACES: tuple[str, ...] = tuple(surface.value for surface in Surface)


@dataclass(frozen=True)
class DoctorCounts:
    """How often a check of the application's doctor *passed* and *failed*."""

    passed: int = 0
    failed: int = 0

    def to_dict(self) -> dict[str, int]:
        """Return the form on the wire: ``{"pass": n, "fail": n}``."""
        return {PASSED: self.passed, FAILED: self.failed}


@dataclass(frozen=True)
class RegistrySnapshot:
    """
    The counters at one moment; its mappings are copies and may be changed freely.

    *surface_requests* has all five surfaces, the others only what was counted. Of the calls of
    built-in tools, by name (*other*: those that were not declared), *builtin_tool_errors* failed,
    and *builtin_tool_durations* of a name are by the names of `DURATION_BUCKETS`.
    *rest_endpoint_calls* maps ``"GET /api/v1/servers"`` to counts by status class.
    """

    surface_requests: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_SURFACES, 0))
    builtin_tool_calls: dict[str, int] = field(default_factory=dict)
    builtin_tool_errors: dict[str, int] = field(default_factory=dict)
    builtin_tool_durations: dict[str, dict[str, int]] = field(default_factory=dict)
    upstream_tool_call_count: int = 0
    rest_endpoint_calls: dict[str, dict[str, int]] = field(default_factory=dict)
    error_category_counts: dict[str, int] = field(default_factory=dict)
    doctor_checks: dict[str, DoctorCounts] = field(default_factory=dict)

    @property
    def upstream_tool_call_count_bucket(self) -> str:
        """The bucket of `upstream_tool_call_count`, see `bucket_upstream_calls`."""
        return bucket_upstream_calls(self.upstream_tool_call_count)

    @classmethod
    def of(cls, counts: Mapping[CounterKey, int]) -> RegistrySnapshot:
        """Return the picture of *counts*; a kind that is not known is left out."""
        surfaces = dict.fromkeys(_SURFACES, 0)
        builtin: dict[str, int] = {}
        failures: dict[str, int] = {}
        durations: dict[str, dict[str, int]] = {}
        errors: dict[str, int] = {}
        rest: dict[str, dict[str, int]] = {}
        doctor: dict[str, dict[str, int]] = {}
        upstream = 0
        for (kind, name, detail), count in sorted(counts.items()):
            if kind == Kind.BUILTIN:
                builtin[name] = count
            elif kind == Kind.BUILTIN_ERROR:
                failures[name] = count
            elif kind == Kind.BUILTIN_DURATION:
                durations.setdefault(name, {})[detail] = count
            elif kind == Kind.REST:
                rest.setdefault(name, {})[detail] = count
            elif kind == Kind.ERROR:
                errors[name] = count
            elif kind == Kind.DOCTOR:
                doctor.setdefault(name, {})[detail] = count
            elif kind == Kind.UPSTREAM:
                upstream += count
            elif kind == Kind.SURFACE and name in surfaces:
                surfaces[name] = count
        checks = {
            name: DoctorCounts(found.get(PASSED, 0), found.get(FAILED, 0)) for name, found in doctor.items()
        }
        return cls(surfaces, builtin, failures, durations, upstream, rest, errors, checks)

    def counts(self) -> Counts:
        """Return the flat form, without zeros and without what is no count."""
        return {CounterKey(*key): count for key, count in self._entries() if _is_count(count)}

    def _entries(self) -> Iterator[tuple[tuple[str, str, str], int]]:
        yield from (((Kind.SURFACE, str(name), ""), count) for name, count in self.surface_requests.items())
        yield from (((Kind.BUILTIN, name, ""), count) for name, count in self.builtin_tool_calls.items())
        yield from (((Kind.BUILTIN_ERROR, name, ""), count) for name, count in self.builtin_tool_errors.items())
        for name, by_bucket in self.builtin_tool_durations.items():
            yield from (((Kind.BUILTIN_DURATION, name, detail), count) for detail, count in by_bucket.items())
        yield UPSTREAM_KEY, self.upstream_tool_call_count
        for name, by_status in self.rest_endpoint_calls.items():
            yield from (((Kind.REST, name, detail), count) for detail, count in by_status.items())
        yield from (((Kind.ERROR, str(name), ""), count) for name, count in self.error_category_counts.items())
        for name, checks in self.doctor_checks.items():
            yield from (((Kind.DOCTOR, name, detail), count) for detail, count in checks.to_dict().items())


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0
