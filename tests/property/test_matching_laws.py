"""The laws of matching and routing, held against generated catalogues and names."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mcptelemetry.matching import (
    RoutingConfig,
    RoutingEngine,
    RoutingRule,
    RoutingTarget,
    ToolMatch,
    build_report,
)
from mcptelemetry.matching._glob import Glob
from mcptelemetry.vocabulary import RoutingReason, RoutingStrategy

# No law is about time, and a busy machine must not fail one.
LAW = settings(deadline=None)

FIELDS = st.lists(st.sampled_from(["key", "limit", "page"]), unique=True)
NAMES = st.sampled_from(["a", "b", "c", "up1__a", "x__y"])
PREFIXES = [f"up{number}" for number in range(6)]


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a well-formed tool definition."""
    schema = {"properties": {field: {} for field in draw(FIELDS)}, "required": draw(FIELDS)}
    return {"name": draw(NAMES), "inputSchema": schema}


PREFIXED_NAMES = st.builds("{}__{}".format, st.sampled_from([*PREFIXES, "x", ""]), NAMES | st.just(""))
CATALOGUES = st.lists(definitions(), max_size=5, unique_by=lambda definition: definition["name"])
UPSTREAMS = st.lists(
    st.tuples(st.sampled_from(PREFIXES), CATALOGUES), max_size=6, unique_by=lambda pair: pair[0]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
MALFORMED = JSON | st.fixed_dictionaries(
    {},
    optional={
        "name": NAMES | JSON,
        "inputSchema": JSON
        | st.fixed_dictionaries({}, optional={"properties": JSON, "required": FIELDS | JSON}),
    },
)
CONFIGS = st.builds(
    RoutingConfig,
    st.sampled_from(RoutingStrategy),
    st.booleans(),
    st.lists(
        st.builds(RoutingRule, st.text("abxy_*", min_size=1, max_size=4), st.sampled_from(RoutingStrategy)),
        max_size=3,
    ),
)


def fields_of(catalogue: list[dict[str, Any]], name: str) -> tuple[set[str], list[str]]:
    """Return what the tool *name* of *catalogue* declares and requires."""
    schema = next(tool["inputSchema"] for tool in catalogue if tool["name"] == name)
    return set(schema["properties"]), schema["required"]


@LAW
@given(local=CATALOGUES, upstream=UPSTREAMS, random=st.randoms(use_true_random=False))
def test_verdict_belongs_to_the_upstream_its_prefix_names(
    local: list[dict[str, Any]], upstream: list[tuple[str, list[dict[str, Any]]]], random: Any
) -> None:
    """With any number of upstreams in any order, prefix and verdict are the first advertiser's."""
    random.shuffle(upstream)

    report = build_report(local, upstream)

    ours = {tool["name"] for tool in local}
    for name, match in report.matches.items():
        advertisers = [prefix for prefix, tools in upstream if any(tool["name"] == name for tool in tools)]
        assert match.upstream_prefix == (advertisers[0] if advertisers else None)
        assert (match.local_present, match.remote_present) == (name in ours, bool(advertisers))
        if not match.is_matched():
            assert match.schema_compatible is None
            assert match.schema_mismatch is None
            continue
        declared, _ = fields_of(local, name)
        _, required = fields_of(dict(upstream)[advertisers[0]], name)
        assert match.schema_compatible is (set(required) <= declared)
        for field in set(required) - declared:
            assert repr(field) in (match.schema_mismatch or "")
        # And the same verdict as if that upstream were the only one.
        alone = build_report(local, [(advertisers[0], dict(upstream)[advertisers[0]])])
        assert alone.get(name) == match


@LAW
@given(local=CATALOGUES, upstream=UPSTREAMS)
def test_every_tool_stands_in_exactly_one_class(
    local: list[dict[str, Any]], upstream: list[tuple[str, list[dict[str, Any]]]]
) -> None:
    """The four classes share no tool and leave none out."""
    report = build_report(local, upstream)

    classes = [
        report.routable_locally(), report.incompatible_pairs(), report.local_only(), report.remote_only()
    ]
    named = [match.tool_name for matches in classes for match in matches]
    assert sorted(named) == sorted(report.matches)
    assert len(report) == len(named)


@LAW
@given(local=st.lists(MALFORMED, max_size=4), upstream=st.lists(st.lists(MALFORMED, max_size=4), max_size=3))
def test_malformed_definitions_never_raise_and_leave_a_trace(
    local: list[Any], upstream: list[list[Any]]
) -> None:
    """Whatever stands in a catalogue, every definition is matched by name or told in the problems."""
    report = build_report(local, list(zip(PREFIXES, upstream)))

    assert all(isinstance(problem, str) and problem.isprintable() for problem in report.problems)
    for owner, catalogue in [("local", local), *zip(map("upstream '{}'".format, PREFIXES), upstream)]:
        for position, definition in enumerate(catalogue, start=1):
            name = definition.get("name") if isinstance(definition, dict) else None
            if isinstance(name, str) and name.strip():
                assert isinstance(report.get(name), ToolMatch)
            else:
                assert any(f"{owner} tool number {position} " in problem for problem in report.problems)


@LAW
@given(pattern=st.text("ab*.?", max_size=8), name=st.text("ab.?\n", max_size=10))
def test_glob_agrees_with_the_regular_expression(pattern: str, name: str) -> None:
    """A pattern matches exactly what a regular expression with `.*` for each star matches."""
    expression = ".*".join(map(re.escape, pattern.split("*")))

    assert Glob(pattern).is_match(name) is bool(re.fullmatch(expression, name, re.DOTALL))


@LAW
@given(local=CATALOGUES, upstream=UPSTREAMS, config=CONFIGS, name=NAMES | PREFIXED_NAMES | st.text())
def test_decision_is_total_and_sends_no_call_where_it_cannot_be_served(
    local: list[dict[str, Any]],
    upstream: list[tuple[str, list[dict[str, Any]]]],
    config: RoutingConfig,
    name: str,
) -> None:
    """Every name has a decision, and its targets exist, differ, and can take the call."""
    report = build_report(local, upstream)

    decision = RoutingEngine(config, report).decide(name)

    assert isinstance(decision.reason, RoutingReason)
    assert decision.fallback != decision.primary
    assert (decision.detail is not None) is (decision.reason is RoutingReason.OVERRIDE_RULE)
    prefix, _separator, rest = name.partition("__")
    if rest and prefix in report.prefixes:
        assert decision.reason is RoutingReason.EXPLICIT_PREFIX
        assert decision.primary == RoutingTarget("remote", prefix, rest)
        assert (decision.fallback, decision.resolved_name) == (None, rest)
        return
    assert decision.resolved_name == name
    match = report.get(name)
    if match is None:
        assert (decision.primary, decision.fallback) == (RoutingTarget("reject"), None)
        assert decision.reason is RoutingReason.UNKNOWN
        return
    if decision.fallback is not None:
        assert config.fallback_on_error
        assert match.is_routable_local()
    for target in filter(None, (decision.primary, decision.fallback)):
        if target.kind == "local":
            assert match.local_present
            assert match.schema_compatible is not False
        else:
            assert target == RoutingTarget("remote", match.upstream_prefix, name)
