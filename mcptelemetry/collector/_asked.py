"""
What a person asks for, in words: from options and queries to a filter.

Moments are dates, times in UTC, or lengths back from now; a period is widened to full hours, so
that every store can answer from its sums.
"""

from __future__ import annotations

import calendar
import re
import time

from ..vocabulary import EnvKind
from .stores import AUTOMATION, PEOPLE, Filter

__all__ = ["ENV_KINDS", "parse_filter"]

_HOUR = 3600
_UNITS = {"h": _HOUR, "d": 24 * _HOUR, "w": 7 * 24 * _HOUR}
_LENGTH = re.compile(r"([0-9]{1,5})([hdw])")
_FORMATS = ("%Y-%m-%d", "%Y-%m-%dT%H", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")

ENV_KINDS: dict[str, tuple[str, ...] | None] = {
    "people": PEOPLE,
    "automation": AUTOMATION,
    "all": None,
    **{str(kind): (str(kind),) for kind in EnvKind},
}
"""What `env_kind` may be, and the kinds of environment that it stands for."""


def parse_filter(
    *,
    now: float,
    app: str | None = None,
    version: str | None = None,
    client: str | None = None,
    tool: str | None = None,
    env_kind: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> Filter:
    """
    Return the filter that these words stand for; None or nothing means any, and people as *env_kind*.

    *since* and *until* are a date, a time in UTC or a length back from *now* (Unix seconds):
    ``2025-11-01``, ``2025-11-01T06:00``, ``30d``. A period with a beginning ends now. Raises
    `ValueError` saying what can be given.
    """
    kind = env_kind or "people"
    if kind not in ENV_KINDS:
        msg = f"env_kind={kind!r} is not known; give one of {', '.join(ENV_KINDS)}"
        raise ValueError(msg)
    begin = _parse_moment("since", since, now) if since else None
    end = _parse_moment("until", until, now) if until else (now if begin is not None else None)
    return Filter(
        app=app or None,
        version=version or None,
        client=client or None,
        tool=tool or None,
        env_kinds=ENV_KINDS[kind],
        since=None if begin is None else int(begin // _HOUR * _HOUR),
        until=None if end is None else int(-(-end // _HOUR) * _HOUR),
    )


def _parse_moment(name: str, text: str, now: float) -> float:
    match = _LENGTH.fullmatch(text)
    if match is not None:
        return max(0.0, now - int(match[1]) * _UNITS[match[2]])
    for layout in _FORMATS:
        try:
            return float(calendar.timegm(time.strptime(text.rstrip("Z"), layout)))
        except ValueError:
            continue
    msg = f"{name}={text!r} is no moment; give a date such as 2025-11-01, a time in UTC such as 2025-11-01T06:00, or 24h, 30d, 8w"
    raise ValueError(msg)
