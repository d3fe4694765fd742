"""
Who the invented installations of the demonstration are, and how their year goes.

People come all year, more of them after a release; many try it for a day, some stay; they work
on weekdays and not in August; they upgrade late or never. Machines (CI, containers) make noise:
a new installation a run. Everything is drawn from one seed by `Random.random` alone, whose
numbers are the same on every Python.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from ..vocabulary import DAY_SECS

__all__ = ["RELEASES", "Installation", "draw_installations", "draw_uuid", "is_active", "pick", "version_on"]

_Thing = TypeVar("_Thing")

RELEASES = (
    ("v1.0.0", 0.0), ("v1.1.0", 0.12), ("v1.2.0", 0.27), ("v1.2.1", 0.31), ("v1.3.0", 0.52), ("v1.3.1", 0.55),
    ("v1.4.0", 0.80), ("v1.4.1", 0.86), ("v1.5.0", 0.95),
)  # fmt: skip
"""Versions, and which part of the year had passed when each came out."""

# Word, weight. Machines are short-lived; the rest are people.
_ENV_KINDS = (("interactive", 70), ("cloud_ide", 6), ("headless", 7), ("container", 7), ("ci", 9), ("unknown", 1))
_SHORT_LIVED = ("ci", "container")
_SYSTEMS = (("darwin", 44), ("linux", 34), ("windows", 21), ("freebsd", 1))
_PYTHONS = (("3.9.18", 6), ("3.10.14", 14), ("3.11.9", 26), ("3.12.4", 34), ("3.13.1", 20))
_LAUNCHED_BY = (("unknown", 55), ("cli", 25), ("tray", 12), ("login_item", 6), ("installer", 2))
_CLIENTS = (("claude-desktop", 40), ("vscode", 22), ("cursor", 18), ("claude-code", 12), ("windsurf", 5), ("my-agent", 3))
_WEEKDAY = (1.0, 1.0, 0.98, 0.97, 0.85, 0.3, 0.25)  # from Monday
_MONTH = (1.0, 1.0, 1.05, 1.0, 0.98, 0.95, 0.8, 0.65, 1.0, 1.05, 1.05, 0.7)  # from January, roughly


@dataclass(frozen=True)
class Installation:
    """One invented installation; days are counted from the beginning of the year."""

    anonymous_id: str
    env_kind: str
    os: str
    arch: str
    python_version: str
    launch_source: str
    clients: tuple[str, ...]
    first_day: int
    last_day: int
    diligence: float  # the part of ordinary weekdays on which it runs
    calls_a_day: float
    upgrade_lag_days: float
    sends_events: bool
    milestone_days: tuple[float, float]  # after the first day; infinite for never


def draw_installations(random: Random, count: int, days: int) -> list[Installation]:
    """Return *count* installations of a year of *days*, in order of their first day."""
    firsts = sorted(_draw_first_day(random, days) for _ in range(count))
    return [_draw_installation(random, first) for first in firsts]


def is_active(installation: Installation, day: int, midnight: int, random: Random) -> bool:
    """Return whether it runs on *day*, which begins at *midnight* (Unix seconds)."""
    if day in (installation.first_day, installation.last_day):
        return True
    days_since_1970 = midnight // int(DAY_SECS)
    chance = installation.diligence
    if installation.env_kind not in _SHORT_LIVED:
        chance *= _WEEKDAY[(days_since_1970 + 3) % 7] * _MONTH[int(days_since_1970 % 365.2425 / 30.44) % 12]
    return random.random() < chance


def version_on(installation: Installation, day: int, days: int) -> str:
    """Return the version that it has on *day*: what was out when it came, or old enough for it to have been upgraded."""
    versions = [
        name
        for name, part in RELEASES
        if part * days <= max(installation.first_day, day - installation.upgrade_lag_days)
    ]
    return versions[-1]


def pick(random: Random, weighted: Sequence[tuple[_Thing, float]]) -> _Thing:
    """Return one of the things, by weight."""
    left = random.random() * sum(weight for _, weight in weighted)
    for thing, weight in weighted:
        left -= weight
        if left < 0:
            return thing
    return weighted[-1][0]


def draw_uuid(random: Random) -> str:
    """Return a random UUID of version 4."""
    digits = "".join("0123456789abcdef"[int(random.random() * 16)] for _ in range(32))
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{'89ab'[int(random.random() * 4)]}{digits[17:20]}-{digits[20:]}"


def _draw_first_day(random: Random, days: int) -> int:
    """Return a day, later ones a little more often, and oftener after a release."""
    if random.random() < 0.25:
        part = pick(random, [(part, 1.0 + part) for _, part in RELEASES]) + abs(random.random() - random.random()) * 0.04
    else:
        part = math.sqrt(0.1 + 0.9 * random.random()) - math.sqrt(0.1) * random.random()
    return min(days - 1, max(0, int(part * days)))


def _draw_installation(random: Random, first_day: int) -> Installation:
    env_kind = pick(random, _ENV_KINDS)
    is_machine = env_kind in _SHORT_LIVED
    system = pick(random, _SYSTEMS if not is_machine else (("linux", 1),))
    return Installation(
        anonymous_id=draw_uuid(random),
        env_kind=env_kind,
        os=system,
        arch="arm64" if system == "darwin" and random.random() < 0.8 else "amd64",
        python_version=pick(random, _PYTHONS),
        launch_source=pick(random, _LAUNCHED_BY) if not is_machine else "unknown",
        clients=tuple(dict.fromkeys(_draw_clients(random, is_machine=is_machine))),
        first_day=first_day,
        last_day=first_day + _draw_life_days(random, is_machine=is_machine),
        diligence=0.3 + 0.65 * random.random(),
        calls_a_day=3 + 25 * random.random() ** 4,
        upgrade_lag_days=math.inf if random.random() < 0.08 else -12 * math.log(1 - random.random()),
        sends_events=random.random() < 0.8,
        milestone_days=tuple(-scale * math.log(1 - random.random()) if random.random() < 0.75 else math.inf for scale in (2, 9)),  # type: ignore[arg-type]  # two of them
    )


def _draw_clients(random: Random, *, is_machine: bool) -> Iterator[str]:
    if is_machine or random.random() < 0.1:
        return  # nobody ever connected
    for _ in range(1 + int(random.random() * 2.2)):
        yield pick(random, _CLIENTS)


def _draw_life_days(random: Random, *, is_machine: bool) -> int:
    if is_machine:
        return int(random.random() * 3)
    if random.random() < 0.35:
        return int(random.random() * 6)  # tried and left
    return int(-220 * math.log(1 - random.random()))
