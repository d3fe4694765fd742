"""Where one call goes, and under which label."""

from __future__ import annotations

from typing import Any

import pytest

from mcptelemetry.matching import (
    MatchReport,
    RoutingConfig,
    RoutingDecision,
    RoutingEngine,
    RoutingRule,
    RoutingTarget,
    build_report,
)
from mcptelemetry.vocabulary import RoutingReason, RoutingStrategy

LOCAL = RoutingTarget("local")
REJECT = RoutingTarget("reject")


def tool(name: str, *required: str) -> dict[str, Any]:
    """Return a definition that requires *required* and declares nothing else."""
    schema = {"properties": {field: {} for field in required}, "required": list(required)}
    return {"name": name, "inputSchema": schema}


def remote(name: str, prefix: str = "cloud") -> RoutingTarget:
    """Return the target of the tool *name* at the upstream *prefix*."""
    return RoutingTarget("remote", prefix, name)


@pytest.fixture
def report() -> MatchReport:
    """A report with a tool of every kind, and names that hold the separator."""
    local = [tool("get_issues"), tool("list_contexts"), tool("torn"), tool("my__tool")]
    cloud = [tool("get_issues"), tool("deploy"), tool("torn", "tenant_id")]
    backup = [tool("get_issues", "tenant_id"), tool("my__tool")]
    return build_report(local, [("cloud", cloud), ("backup", backup)])


def decide(report: MatchReport, name: str, *rules: RoutingRule, **config: Any) -> RoutingDecision:
    """Return the decision about *name* under *rules* and *config*."""
    return RoutingEngine(RoutingConfig(tool_overrides=rules, **config), report).decide(name)


def test_decide_explicit_prefix_goes_to_that_upstream_and_nowhere_else(report: MatchReport) -> None:
    """A prefixed name goes to the upstream it names, not to the first advertiser, without fallback."""
    assert decide(report, "backup__get_issues", strategy=RoutingStrategy.LOCAL_FIRST) == RoutingDecision(
        primary=remote("get_issues", "backup"),
        fallback=None,
        reason=RoutingReason.EXPLICIT_PREFIX,
        detail=None,
        resolved_name="get_issues",
    )


def test_decide_explicit_prefix_needs_no_advertised_tool(report: MatchReport) -> None:
    """An upstream that is named is asked, whether or not its list held the tool."""
    assert decide(report, "cloud__brand_new").primary == remote("brand_new")


def test_decide_splits_a_prefixed_name_at_the_first_separator(report: MatchReport) -> None:
    """What follows the first `__` is the upstream's own name, further `__` included."""
    decision = decide(report, "backup__my__tool")

    assert decision.primary == remote("my__tool", "backup")
    assert decision.resolved_name == "my__tool"


def test_decide_does_not_split_a_name_whose_left_part_is_no_prefix(report: MatchReport) -> None:
    """A name that holds `__` is an ordinary name when no upstream is called like its left part."""
    decision = decide(report, "my__tool")

    assert decision.reason is RoutingReason.STRATEGY_REMOTE
    assert decision.primary == remote("my__tool", "backup")


@pytest.mark.parametrize(
    "name", ["nobody", "elsewhere__get_issues", "cloud__", "__get_issues", "", "Get_issues"]
)
def test_decide_rejects_a_tool_that_nobody_has(report: MatchReport, name: str) -> None:
    """A tool that is nowhere is rejected under the name that was asked for."""
    assert decide(report, name, RoutingRule("*", RoutingStrategy.LOCAL)) == RoutingDecision(
        primary=REJECT, fallback=None, reason=RoutingReason.UNKNOWN, detail=None, resolved_name=name
    )


@pytest.mark.parametrize("strategy", RoutingStrategy)
def test_decide_one_sided_tools_go_where_they_are(report: MatchReport, strategy: RoutingStrategy) -> None:
    """No strategy and no rule sends a tool to a side that does not have it."""
    rule = RoutingRule("*", strategy)
    ours, theirs = (decide(report, name, rule, strategy=strategy) for name in ("list_contexts", "deploy"))

    assert ours == RoutingDecision(LOCAL, None, RoutingReason.LOCAL_ONLY, None, "list_contexts")
    assert theirs == RoutingDecision(remote("deploy"), None, RoutingReason.REMOTE_ONLY, None, "deploy")


@pytest.mark.parametrize("strategy", RoutingStrategy)
def test_decide_incompatible_schemas_go_remote_without_fallback(
    report: MatchReport, strategy: RoutingStrategy
) -> None:
    """A local tool that could not take the arguments is never tried, whatever a rule says."""
    decision = decide(report, "torn", RoutingRule("torn", strategy), strategy=strategy)

    assert decision == RoutingDecision(
        remote("torn"), None, RoutingReason.SCHEMA_INCOMPATIBLE, None, "torn"
    )


@pytest.mark.parametrize(
    ("strategy", "primary", "fallback", "reason"),
    [
        ("remote", remote("get_issues"), None, "strategy_remote"),
        ("local", LOCAL, None, "strategy_local"),
        ("local-first", LOCAL, remote("get_issues"), "strategy_local_first"),
        ("remote-first", remote("get_issues"), LOCAL, "strategy_remote_first"),
    ],
)
def test_decide_follows_the_strategy(
    report: MatchReport, strategy: str, primary: RoutingTarget, fallback: RoutingTarget | None, reason: str
) -> None:
    """A tool on both sides runs where the strategy says; only the `-first` ones have a second try."""
    word = RoutingStrategy(strategy)
    with_fallback = decide(report, "get_issues", strategy=word)
    without = decide(report, "get_issues", strategy=word, fallback_on_error=False)

    assert with_fallback == RoutingDecision(primary, fallback, RoutingReason(reason), None, "get_issues")
    assert without == RoutingDecision(primary, None, RoutingReason(reason), None, "get_issues")


@pytest.mark.parametrize(
    ("strategy", "primary", "fallback"),
    [
        ("remote", remote("get_issues"), None),
        ("local", LOCAL, None),
        ("local-first", LOCAL, remote("get_issues")),
        ("remote-first", remote("get_issues"), LOCAL),
    ],
)
def test_decide_follows_the_first_rule_that_fits(
    report: MatchReport, strategy: str, primary: RoutingTarget, fallback: RoutingTarget | None
) -> None:
    """The first fitting rule's strategy decides, and its pattern is the detail."""
    rules = (
        RoutingRule("GET_*", RoutingStrategy.REMOTE),
        RoutingRule("get_*", RoutingStrategy(strategy)),
        RoutingRule("*", RoutingStrategy.LOCAL),
    )

    decision = decide(report, "get_issues", *rules)

    assert decision == RoutingDecision(primary, fallback, RoutingReason.OVERRIDE_RULE, "get_*", "get_issues")


def test_decide_rule_obeys_fallback_on_error(report: MatchReport) -> None:
    """A rule's second try needs the same permission as the strategy's."""
    rule = RoutingRule("*", RoutingStrategy.LOCAL_FIRST)

    assert decide(report, "get_issues", rule, fallback_on_error=False).fallback is None


def test_decide_falls_through_rules_that_do_not_fit(report: MatchReport) -> None:
    """When no rule fits, the strategy decides and there is no detail."""
    decision = decide(report, "get_issues", RoutingRule("deploy", RoutingStrategy.LOCAL))

    assert (decision.reason, decision.detail) == (RoutingReason.STRATEGY_REMOTE, None)


@pytest.mark.parametrize("name", [None, 7, b"get_issues"])
def test_decide_refuses_a_name_that_is_no_string(report: MatchReport, name: Any) -> None:
    """A name of another type is a `TypeError` that names the argument."""
    with pytest.raises(TypeError, match="name"):
        decide(report, name)


def test_engine_refuses_wrong_arguments(report: MatchReport) -> None:
    """Both arguments of the engine are checked and told by name."""
    with pytest.raises(TypeError, match="config"):
        RoutingEngine({}, report)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(TypeError, match="report"):
        RoutingEngine(RoutingConfig(), {})  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize(
    ("arguments", "error", "argument"),
    [
        (("nowhere",), ValueError, "kind"),
        ((None,), TypeError, "kind"),
        (("remote",), ValueError, "prefix"),
        (("remote", 5, "a"), TypeError, "prefix"),
        (("remote", "cloud", 5), TypeError, "original_name"),
        (("local", "cloud"), ValueError, "prefix"),
        (("reject", None, "a"), ValueError, "original_name"),
    ],
)
def test_target_refuses_what_makes_no_sense(
    arguments: tuple[Any, ...], error: type[Exception], argument: str
) -> None:
    """A target is local, remote with an upstream, or a rejection; anything else is told by name."""
    with pytest.raises(error, match=argument):
        RoutingTarget(*arguments)


def test_recorded_name_is_never_a_strangers_text(report: MatchReport) -> None:
    """A name that no catalogue declares is recorded as unknown, whichever way it was asked for."""
    names = ("get_issues", "cloud__get_issues", "nobody", "cloud__nobody")
    recorded = [decide(report, name).recorded_name for name in names]
    assert recorded == ["get_issues", "get_issues", "unknown_tool", "unknown_tool"]
