"""
What an operator may decide about routing: one strategy, and exceptions by tool name.

Values only, checked when they are made, so that the engine never meets a bad one. The same
checks serve the table in `telemetry.toml`, where what is wrong is told as a `ConfigError`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..errors import ConfigError
from ..vocabulary import RoutingStrategy, RoutingStrategyWord

__all__ = ["ROUTING_KEYS", "ROUTING_RULE_KEYS", "HasRouting", "HasSettings", "RoutingConfig", "RoutingRule"]

ROUTING_KEYS = ("strategy", "fallback_on_error", "tool_overrides")
"""The keys of `[proxy.routing]`."""

ROUTING_RULE_KEYS = ("pattern", "strategy")
"""The keys of one `[[proxy.routing.tool_overrides]]`; both must be given."""

_LONGEST_SHOWN = 80
_TABLE = "[proxy.routing]"
_STRATEGY_WORDS = ", ".join(f'"{strategy.value}"' for strategy in RoutingStrategy)


class HasRouting(Protocol):
    """Settings that hold `[proxy.routing]` as it was written."""

    @property
    def routing(self) -> Mapping[str, object]:
        """The table's keys and values."""
        ...


class HasSettings(Protocol):
    """A `Telemetry`, or whatever else knows the person's settings."""

    def settings(self) -> HasRouting:
        """Return what the file says now; raises `ConfigError` when it cannot be used."""
        ...


@dataclass(frozen=True)
class RoutingRule:
    """
    An exception from the strategy: tools whose names fit *pattern* follow *strategy*.

    Args:
        pattern: is held against the unprefixed name; ``*`` stands for any characters, all others
            for themselves, and case counts. Not empty.
        strategy: where they run, as a member or its word; a word becomes the member.

    Raises:
        TypeError, ValueError: for a wrong type, an empty pattern or an unknown word.
    """

    pattern: str
    strategy: RoutingStrategy

    if TYPE_CHECKING:  # a word is taken, a member is what it becomes

        def __init__(self, pattern: str, strategy: RoutingStrategy | RoutingStrategyWord) -> None: ...

    def __post_init__(self) -> None:
        if not isinstance(self.pattern, str):
            msg = f"pattern must be a str such as 'get_*', not {type(self.pattern).__name__}"
            raise TypeError(msg)
        if not self.pattern:
            msg = "pattern is empty: give a tool name, or part of one with '*'"
            raise ValueError(msg)
        object.__setattr__(self, "strategy", _strategy(self.strategy))


@dataclass(frozen=True)
class RoutingConfig:
    """
    How calls of tools that exist on both sides are routed.

    Args:
        strategy: where they run: ``remote``, ``local``, ``local-first`` or ``remote-first``.
        fallback_on_error: whether ``local-first`` and ``remote-first`` have a second try; the
            plain strategies never have one.
        tool_overrides: exceptions by name, of which the first that fits decides.

    Raises:
        TypeError, ValueError: for a wrong type or an unknown word.
    """

    strategy: RoutingStrategy = RoutingStrategy.REMOTE
    fallback_on_error: bool = True
    tool_overrides: tuple[RoutingRule, ...] = ()

    if TYPE_CHECKING:  # as in `RoutingRule`; any iterable of rules becomes a tuple

        def __init__(
            self,
            strategy: RoutingStrategy | RoutingStrategyWord = RoutingStrategy.REMOTE,
            fallback_on_error: bool = True,  # noqa: FBT001, FBT002  the second field of the dataclass
            tool_overrides: Iterable[RoutingRule] = (),
        ) -> None: ...

    def __post_init__(self) -> None:
        object.__setattr__(self, "strategy", _strategy(self.strategy))
        if not isinstance(self.fallback_on_error, bool):
            msg = f"fallback_on_error must be True or False, not {self.fallback_on_error!r}"
            raise TypeError(msg)
        if isinstance(self.tool_overrides, (str, Mapping)) or not isinstance(self.tool_overrides, Iterable):
            kind = type(self.tool_overrides).__name__
            msg = f"tool_overrides must be an iterable of RoutingRule, not {kind}"
            raise TypeError(msg)
        rules = tuple(self.tool_overrides)
        for rule in rules:
            if not isinstance(rule, RoutingRule):
                msg = f"tool_overrides must hold RoutingRule, not {type(rule).__name__}"
                raise TypeError(msg)
        object.__setattr__(self, "tool_overrides", rules)

    @classmethod
    def from_settings(cls, telemetry: HasSettings) -> RoutingConfig:
        """
        Return the configuration that the person's `telemetry.toml` spells out under `[proxy.routing]`.

        *telemetry* is a `Telemetry`, which knows where the file is; it is read anew. No file,
        and a file without that table, are all defaults. A file that cannot be used, there or
        anywhere else, is a `ConfigError` naming the file, the key and what is allowed.
        """
        return cls.from_mapping(telemetry.settings().routing)

    @classmethod
    def from_mapping(cls, table: Mapping[str, object]) -> RoutingConfig:
        """
        Return the configuration that *table*, `[proxy.routing]` of `telemetry.toml`, spells out.

        A key left out has its default; keys outside `ROUTING_KEYS` are ignored. A wrong type or
        an unknown word is a `ConfigError` naming the key, the value and what is allowed.
        """
        if not isinstance(table, Mapping):
            msg = f"{_TABLE} must be a table with the keys {', '.join(ROUTING_KEYS)}, not {_shown(table)}"
            raise ConfigError(msg)
        strategy = _strategy_in(table.get("strategy", RoutingStrategy.REMOTE), f"{_TABLE} strategy")
        fallback = table.get("fallback_on_error", True)
        if not isinstance(fallback, bool):
            msg = f"{_TABLE} fallback_on_error = {_shown(fallback)}: use true or false"
            raise ConfigError(msg)
        rules = table.get("tool_overrides", ())
        if not isinstance(rules, (list, tuple)):
            msg = (
                f"{_TABLE} tool_overrides = {_shown(rules)}: use an array of tables, each "
                "written as [[proxy.routing.tool_overrides]] with pattern and strategy"
            )
            raise ConfigError(msg)
        overrides = tuple(_rule(rule, number) for number, rule in enumerate(rules, start=1))
        return cls(strategy, fallback, overrides)


def _rule(table: object, number: int) -> RoutingRule:
    key = f"{_TABLE} tool_overrides number {number}"
    if not isinstance(table, Mapping):
        msg = f"{key} is {_shown(table)}: use a table with pattern and strategy"
        raise ConfigError(msg)
    for member in ROUTING_RULE_KEYS:
        if member not in table:
            msg = f"{key} has no {member}: give it both pattern and strategy"
            raise ConfigError(msg)
    pattern = table["pattern"]
    if not isinstance(pattern, str) or not pattern:
        msg = f'{key}: pattern = {_shown(pattern)}: use a tool name, or part of one with *, such as "get_*"'
        raise ConfigError(msg)
    return RoutingRule(pattern, _strategy_in(table["strategy"], f"{key}: strategy"))


def _strategy_in(value: object, key: str) -> RoutingStrategy:
    try:
        return _strategy(value)
    except (TypeError, ValueError):
        msg = f"{key} = {_shown(value)}: use one of {_STRATEGY_WORDS}"
        raise ConfigError(msg) from None


def _strategy(value: object) -> RoutingStrategy:
    if not isinstance(value, str):
        msg = f"strategy must be a RoutingStrategy, not {type(value).__name__}"
        raise TypeError(msg)
    try:
        return RoutingStrategy(value)
    except ValueError:
        msg = f"strategy={value!r} is not known: use one of {_STRATEGY_WORDS}"
        raise ValueError(msg) from None


def _shown(value: object) -> str:
    """Return *value* as a person wrote it in the file, near enough, and short."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
