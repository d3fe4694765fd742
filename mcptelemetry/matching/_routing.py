"""
Where one call goes, and under which label.

A decision is a value: it names the first target, a second one to try after an error, and
the label that stands in the event. Nothing is called from here; the proxy does that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, Optional

from ..vocabulary import UNKNOWN_TOOL, RoutingReason, RoutingStrategy, TargetKindWord
from ._glob import Glob
from ._policy import RoutingConfig
from ._report import SEPARATOR, MatchReport, ToolMatch

__all__ = ["RoutingDecision", "RoutingEngine", "RoutingTarget"]

_LOCAL: Final = "local"
_REMOTE: Final = "remote"
_REJECT: Final = "reject"
_KINDS = (_LOCAL, _REMOTE, _REJECT)

_Side = Literal["local", "remote"]
# strategy: where a call goes first, where after an error, and the label of the decision.
_PLANS: dict[RoutingStrategy, tuple[_Side, Optional[_Side], RoutingReason]] = {
    RoutingStrategy.REMOTE: (_REMOTE, None, RoutingReason.STRATEGY_REMOTE),
    RoutingStrategy.LOCAL: (_LOCAL, None, RoutingReason.STRATEGY_LOCAL),
    RoutingStrategy.LOCAL_FIRST: (_LOCAL, _REMOTE, RoutingReason.STRATEGY_LOCAL_FIRST),
    RoutingStrategy.REMOTE_FIRST: (_REMOTE, _LOCAL, RoutingReason.STRATEGY_REMOTE_FIRST),
}


@dataclass(frozen=True)
class RoutingTarget:
    """
    One place a call can go to.

    *kind* is ``"local"``, ``"remote"`` or ``"reject"`` (nobody has such a tool). For a remote
    target *prefix* names the upstream and *original_name* the tool as that upstream knows it;
    for the others both are None. Anything else raises `TypeError` or `ValueError`.
    """

    kind: TargetKindWord
    prefix: str | None = None
    original_name: str | None = None

    def __post_init__(self) -> None:
        for argument in ("kind", "prefix", "original_name"):
            value = getattr(self, argument)
            if not isinstance(value, str) and not (value is None and argument != "kind"):
                msg = f"{argument} must be a str, not {type(value).__name__}"
                raise TypeError(msg)
        if self.kind not in _KINDS:
            msg = f"kind={self.kind!r} is not known: use one of {', '.join(map(repr, _KINDS))}"
            raise ValueError(msg)
        if self.kind == _REMOTE and not self.prefix:
            msg = "prefix is missing: a remote target names its upstream"
            raise ValueError(msg)
        if self.kind != _REMOTE and (self.prefix is not None or self.original_name is not None):
            msg = f"prefix and original_name belong to a remote target, not to a {self.kind} one"
            raise ValueError(msg)


@dataclass(frozen=True)
class RoutingDecision:
    """
    Where a call goes, and why.

    *primary* is tried first; *fallback* after it has failed, None when there is no second
    try. *reason* is the label of the event, *detail* the pattern of the rule that decided
    (None for every other reason). *resolved_name* is the unprefixed name of the tool; of an
    unknown tool it is the name that was asked for, a stranger's text. *is_declared* says
    whether some catalogue declared that name.
    """

    primary: RoutingTarget
    fallback: RoutingTarget | None
    reason: RoutingReason
    detail: str | None
    resolved_name: str
    is_declared: bool = field(default=True, compare=False, repr=False)

    @property
    def recorded_name(self) -> str:
        """The name under which the call is recorded: a stranger's text never is."""
        return self.resolved_name if self.is_declared else UNKNOWN_TOOL


class RoutingEngine:
    """
    Decides about calls, by one *config* and one *report*.

    Holds nothing that changes, so it is safe from any thread; when an upstream comes or goes,
    build a new report and a new engine. Arguments of other types raise `TypeError`.
    """

    def __init__(self, config: RoutingConfig, report: MatchReport) -> None:
        if not isinstance(config, RoutingConfig):
            msg = f"config must be a RoutingConfig, not {type(config).__name__}"
            raise TypeError(msg)
        if not isinstance(report, MatchReport):
            msg = f"report must be the MatchReport of build_report(), not {type(report).__name__}"
            raise TypeError(msg)
        self._config = config
        self._report = report
        self._prefixes = frozenset(report.prefixes)
        self._rules = tuple((Glob(rule.pattern), rule.strategy) for rule in config.tool_overrides)

    def decide(self, name: str) -> RoutingDecision:
        """
        Return where a call of the tool *name* goes. The first row that applies decides:

        1. ``prefix__tool``, split at the first ``__``, with the prefix of a known upstream: to
           that upstream, whether or not it has advertised the tool, and nowhere else. A person
           who names an upstream means it.
        2. A tool that nobody has: rejected.
        3. A tool on one side only: there.
        4. Schemas that do not fit: to the upstream, and nowhere else; the local tool could not
           take the arguments. No rule and no strategy changes that.
        5. The first rule whose pattern fits: by its strategy.
        6. The configured strategy.

        In rows 5 and 6 ``remote`` and ``local`` have no fallback; ``local-first`` and
        ``remote-first`` fall back to the other side if `RoutingConfig.fallback_on_error`. The
        upstream is the first that advertises the tool. A *name* that is no str is a `TypeError`.
        """
        if not isinstance(name, str):
            msg = f"name must be a str, not {type(name).__name__}"
            raise TypeError(msg)
        prefix, _separator, original_name = name.partition(SEPARATOR)
        if original_name and prefix in self._prefixes:
            target = RoutingTarget(_REMOTE, prefix, original_name)
            is_declared = self._report.get(original_name) is not None
            reason = RoutingReason.EXPLICIT_PREFIX
            return RoutingDecision(target, None, reason, None, original_name, is_declared)
        match = self._report.get(name)
        if match is None:
            nowhere = RoutingTarget(_REJECT)
            return RoutingDecision(nowhere, None, RoutingReason.UNKNOWN, None, name, is_declared=False)
        if not match.is_matched():
            side: _Side = _LOCAL if match.local_present else _REMOTE
            reason = RoutingReason.LOCAL_ONLY if match.local_present else RoutingReason.REMOTE_ONLY
            return RoutingDecision(_target(side, match), None, reason, None, name)
        if not match.is_routable_local():
            reason = RoutingReason.SCHEMA_INCOMPATIBLE
            return RoutingDecision(_target(_REMOTE, match), None, reason, None, name)
        for glob, strategy in self._rules:
            if glob.is_match(name):
                return self._follow(strategy, match, RoutingReason.OVERRIDE_RULE, glob.pattern)
        return self._follow(self._config.strategy, match)

    def _follow(
        self,
        strategy: RoutingStrategy,
        match: ToolMatch,
        reason: RoutingReason | None = None,
        detail: str | None = None,
    ) -> RoutingDecision:
        first, second, own_reason = _PLANS[strategy]
        fallback = _target(second, match) if second and self._config.fallback_on_error else None
        return RoutingDecision(_target(first, match), fallback, reason or own_reason, detail, match.tool_name)


def _target(side: _Side, match: ToolMatch) -> RoutingTarget:
    if side == _REMOTE:
        return RoutingTarget(_REMOTE, match.upstream_prefix, match.tool_name)
    return RoutingTarget(_LOCAL)
