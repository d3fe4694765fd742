"""
The match report: what exists where, and whether its two sides fit.

The first seven tests keep the names of the matcher this package was founded on.
"""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mcptelemetry.matching import MatchReport, ToolMatch, build_report

CATALOGUES = sorted((Path(__file__).parents[2] / "data" / "catalogues").glob("*.json"))


def tool(name: str, *properties: str, required: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return a definition whose schema declares *properties* and requires *required*."""
    schema = {"type": "object", "properties": {name: {} for name in properties}, "required": list(required)}
    return {"name": name, "inputSchema": schema}


def names(matches: list[ToolMatch]) -> list[str]:
    """Return the tool names of *matches* in their order."""
    return [match.tool_name for match in matches]


def found(report: MatchReport, name: str) -> ToolMatch:
    """Return the match of *name*, which has to be there."""
    match = report.get(name)
    assert match is not None
    return match


def test_build_report_all_matched_same_schema() -> None:
    """Tools that both sides define alike are matched, compatible, and have a prefixed name."""
    local = [tool("get_issues"), tool("get_merge_requests")]
    remote = [tool("get_issues"), tool("get_merge_requests")]

    report = build_report(local, [("cloud", remote)])

    assert len(report) == 2
    match = found(report, "get_issues")
    assert match.is_matched()
    assert match.schema_compatible is True
    assert match.upstream_prefix == "cloud"
    assert match.prefixed_remote_name() == "cloud__get_issues"


def test_build_report_local_only() -> None:
    """A tool that no upstream advertises is local, and its schemas have no verdict."""
    match = found(build_report([tool("list_contexts")], [("cloud", [])]), "list_contexts")

    assert (match.local_present, match.remote_present) == (True, False)
    assert not match.is_matched()
    assert match.schema_compatible is None
    assert match.prefixed_remote_name() is None


def test_build_report_remote_only() -> None:
    """A tool that only an upstream has carries that upstream's prefix."""
    match = found(build_report([], [("cloud", [tool("cloud_specific_tool")])]), "cloud_specific_tool")

    assert (match.local_present, match.remote_present) == (False, True)
    assert match.upstream_prefix == "cloud"
    assert match.schema_compatible is None


def test_schema_compat_missing_required_field_is_incompatible() -> None:
    """A field that the upstream requires and the local schema lacks makes a pair incompatible."""
    local = [tool("get_issue", "key", required=("key",))]
    remote = [tool("get_issue", "key", "workspace_id", required=("key", "workspace_id"))]

    match = found(build_report(local, [("cloud", remote)]), "get_issue")

    assert match.is_matched()
    assert match.schema_compatible is False
    assert match.schema_mismatch is not None
    assert "'workspace_id'" in match.schema_mismatch
    assert "'key'" not in match.schema_mismatch
    assert not match.is_routable_local()


def test_schema_compat_names_every_lost_field_once_and_no_more_than_a_few() -> None:
    """All fields that would be lost are named, up to ten; how many more there are is a number."""
    two = build_report([tool("a")], [("up", [tool("a", required=("x", "y", "x"))])])
    many = build_report([tool("a")], [("up", [tool("a", required=tuple(f"f{n}" for n in range(500)))])])

    assert "'x', 'y'," in (found(two, "a").schema_mismatch or "")
    assert "'f9' and 490 more" in (found(many, "a").schema_mismatch or "")


def test_schema_compat_extra_local_required_is_advisory_but_compatible() -> None:
    """A field that only the local side requires earns a remark and stays compatible."""
    local = [tool("get_issue", "key", "workspace_id", required=("key", "workspace_id"))]
    remote = [tool("get_issue", "key", required=("key",))]

    match = found(build_report(local, [("cloud", remote)]), "get_issue")

    assert match.schema_compatible is True
    assert match.schema_mismatch is not None
    assert "'workspace_id'" in match.schema_mismatch
    assert match.is_routable_local()


def test_report_classification_helpers() -> None:
    """Every tool stands in exactly the class that its two sides put it in."""
    local = [tool("local_only"), tool("both_matched"), tool("torn")]
    remote = [tool("remote_only"), tool("both_matched"), tool("torn", required=("x",))]

    report = build_report(local, [("up", remote)])

    assert names(report.local_only()) == ["local_only"]
    assert names(report.remote_only()) == ["remote_only"]
    assert names(report.routable_locally()) == ["both_matched"]
    assert names(report.incompatible_pairs()) == ["torn"]


def test_first_upstream_wins_prefix_when_multiple_advertise_same_tool() -> None:
    """A tool that several upstreams advertise belongs to the first of them."""
    report = build_report([], [("cloudA", [tool("shared")]), ("cloudB", [tool("shared")])])

    assert found(report, "shared").upstream_prefix == "cloudA"


@pytest.mark.parametrize(("first", "verdict"), [("strict", False), ("lenient", True)])
def test_verdict_is_the_first_advertisers_whatever_later_ones_say(first: str, verdict: bool) -> None:
    """The verdict is made against the upstream that the prefix names, not against the last one."""
    catalogues = {"strict": [tool("shared", required=("key",))], "lenient": [tool("shared")]}
    order = sorted(catalogues, key=lambda prefix: prefix != first)

    match = found(build_report([tool("shared")], [(p, catalogues[p]) for p in order]), "shared")

    assert match.upstream_prefix == first
    assert match.schema_compatible is verdict
    assert (match.schema_mismatch is None) is verdict


def test_report_keeps_local_order_and_then_upstream_order() -> None:
    """Results stand in the order given: the local tools, then what upstreams add to them."""
    report = build_report(
        [tool("z"), tool("a")], [("two", [tool("y"), tool("a")]), ("one", [tool("b"), tool("y")])]
    )

    assert list(report.matches) == ["z", "a", "y", "b"]
    assert report.prefixes == ("two", "one")
    assert report.problems == ()


def test_report_of_nothing_is_empty() -> None:
    """A report of empty catalogues is empty and knows no tool."""
    report = build_report([], [])

    assert report.is_empty()
    assert len(report) == 0
    assert report.get("anything") is None


def test_definitions_may_be_objects_in_either_spelling() -> None:
    """Objects with `inputSchema` or `input_schema` are read as mappings are."""
    schema = {"properties": {"key": {}}, "required": ["key"]}
    old, new = SimpleNamespace(name="a", inputSchema=schema), SimpleNamespace(name="b", input_schema=schema)

    report = build_report([old, new], [("up", [{"name": "a", "input_schema": schema}, tool("b")])])

    assert names(report.routable_locally()) == ["a", "b"]
    assert report.problems == ()


def test_catalogues_may_be_generators() -> None:
    """Every iterable will do, one that can be walked only once included."""
    report = build_report((tool(name) for name in "ab"), ((p, iter([tool("b")])) for p in ("up",)))

    assert names(report.routable_locally()) == ["b"]


def test_schema_without_properties_or_required_is_no_problem() -> None:
    """A schema may leave out both lists: such a tool takes nothing and requires nothing."""
    report = build_report([{"name": "ping", "inputSchema": {"type": "object"}}], [])

    assert report.problems == ()
    assert len(report) == 1


class Hostile:
    """An object whose every member fails when it is read."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({"inputSchema": {}}, ("number 1", "no name")),
        ({"name": None, "inputSchema": {}}, ("number 1", "no name")),
        ({"name": "", "inputSchema": {}}, ("number 1", "no name")),
        ({"name": "  ", "inputSchema": {}}, ("number 1", "unusable name")),
        ({"name": 7, "inputSchema": {}}, ("number 1", "a number")),
        ({"name": ["x"], "inputSchema": {}}, ("number 1", "a list")),
        (None, ("number 1", "no name")),
        ("get_issues", ("number 1", "no name")),
        pytest.param(Hostile(), ("number 1", "no name"), id="hostile"),
    ],
)
@pytest.mark.parametrize("side", ["local", "cloud"])
def test_definition_without_usable_name_is_left_out_by_position(
    definition: object, words: tuple[str, ...], side: str
) -> None:
    """A definition that cannot be named is left out, and the problem names its side and place."""
    report = build_report([definition], []) if side == "local" else build_report([], [(side, [definition])])

    assert report.is_empty()
    (problem,) = report.problems
    assert all(word in problem for word in (*words, side))


class FailingMapping(dict):  # type: ignore[type-arg]  # what it maps does not matter here
    """A mapping that says it has a member and then fails to give it."""

    def __getitem__(self, key: object) -> object:
        raise RuntimeError(key)


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({"name": "odd"}, ("no inputSchema",)),
        ({"name": "odd", "inputSchema": None}, ("no inputSchema",)),
        ({"name": "odd", "inputSchema": ["key"]}, ("inputSchema", "a list")),
        ({"name": "odd", "inputSchema": True}, ("inputSchema", "a boolean")),
        ({"name": "odd", "inputSchema": {"properties": None}}, ("properties", "null")),
        ({"name": "odd", "inputSchema": {"properties": ["key"]}}, ("properties", "a list")),
        ({"name": "odd", "inputSchema": {"required": "key"}}, ("required", "a string")),
        ({"name": "odd", "inputSchema": {"required": None}}, ("required", "null")),
        ({"name": "odd", "inputSchema": {"required": ["a", 3, None]}}, ("required", "no field name")),
        ({"name": "odd", "inputSchema": FailingMapping(required=[])}, ("RuntimeError",)),
    ],
)
@pytest.mark.parametrize("side", ["local", "cloud"])
def test_malformed_schema_reads_as_empty_and_is_named(
    definition: object, words: tuple[str, ...], side: str
) -> None:
    """A tool with a senseless schema is kept, the senseless part reads as empty and is told by name."""
    report = build_report([definition], []) if side == "local" else build_report([], [(side, [definition])])

    assert len(report) == 1
    (problem,) = report.problems
    assert all(word in problem for word in (*words, side, "'odd'"))


def test_malformed_part_leaves_the_other_part_standing() -> None:
    """A senseless `required` takes nothing away from the properties beside it."""
    local = [{"name": "odd", "inputSchema": {"properties": {"key": {}}, "required": "key"}}]

    report = build_report(local, [("up", [tool("odd", "key", required=("key",))])])

    assert found(report, "odd").schema_compatible is True


@pytest.mark.parametrize("side", ["local", "cloud"])
def test_first_of_two_tools_of_one_name_counts(side: str) -> None:
    """Of two tools of one name on one side the first counts, and the second is told by name."""
    twice = [tool("twin", "key"), tool("twin", required=("other",))]
    once = [tool("twin", "other", required=("key",) if side == "local" else ())]

    ours, theirs = (twice, once) if side == "local" else (once, twice)
    report = build_report(ours, [("cloud", theirs)])

    assert found(report, "twin").schema_compatible is True
    (problem,) = report.problems
    assert "'twin'" in problem
    assert side in problem


def test_name_with_separator_is_an_ordinary_name_without_such_an_upstream() -> None:
    """A name that holds `__` is no problem when no upstream has its left part as prefix."""
    report = build_report([tool("my__tool")], [("cloud", [tool("my__tool")])])

    assert found(report, "my__tool").prefixed_remote_name() == "cloud__my__tool"
    assert report.problems == ()


def test_name_that_reads_as_a_prefixed_one_is_a_problem() -> None:
    """A tool whose own name asks an upstream for a tool is told by name, local or not."""
    report = build_report([tool("cloud__a")], [("cloud", []), ("other", [tool("cloud__b")])])

    ours, theirs = report.problems
    assert "'cloud__a'" in ours
    assert "'other__cloud__b'" in theirs


@pytest.mark.parametrize("prefix", ["my__cloud", "cloud_", "_"])
def test_prefix_that_cannot_be_split_off_is_a_problem(prefix: str) -> None:
    """A prefix that the first `__` of a prefixed name would cut is told by name."""
    (problem,) = build_report([], [(prefix, [tool("a")])]).problems

    assert repr(prefix) in problem


def test_prefix_given_twice_is_a_problem_and_its_tools_are_joined() -> None:
    """Two catalogues under one prefix are read as one, and the prefix is told."""
    report = build_report([], [("up", [tool("a")]), ("up", [tool("a"), tool("b")])])

    assert list(report.matches) == ["a", "b"]
    assert report.prefixes == ("up",)
    (problem,) = report.problems
    assert "'up'" in problem


def test_problems_are_single_lines_of_bounded_length() -> None:
    """A stranger's name, however long and whatever it holds, makes one short printable line."""
    name = "\x1b[2J\n\ud800" + "x" * 100_000
    (problem,) = build_report([{"name": name}], []).problems

    assert problem.isprintable()
    assert len(problem) < 400


@pytest.mark.parametrize(
    ("local", "upstream", "argument"),
    [
        ({"tools": []}, [], "local"),
        (None, [], "local"),
        ("get_issues", [], "local"),
        ([], {"cloud": []}, "upstream"),
        ([], 5, "upstream"),
        ([], ["cloud"], "upstream number 1"),
        ([], [("cloud",)], "upstream number 1"),
        ([], [(7, [])], "prefix of upstream number 1"),
        ([], [("cloud", None)], "'cloud'"),
        ([], [("cloud", {"tools": []})], "'cloud'"),
    ],
)
def test_arguments_that_are_no_catalogues_raise_type_error(local: Any, upstream: Any, argument: str) -> None:
    """A slip in the call itself is a `TypeError` that names the argument."""
    with pytest.raises(TypeError, match=argument):
        build_report(local, upstream)


def test_empty_prefix_raises_value_error() -> None:
    """An upstream without a prefix is a `ValueError` that says what to give."""
    with pytest.raises(ValueError, match="prefix of upstream number 1 is empty"):
        build_report([], [("", [])])


def test_match_and_report_refuse_senseless_arguments() -> None:
    """Both values check what they are made of and cannot be changed afterwards."""
    with pytest.raises(TypeError, match="tool_name"):
        ToolMatch(3)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ValueError, match="tool_name"):
        ToolMatch("")
    with pytest.raises(TypeError, match="matches"):
        MatchReport([])  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(TypeError, match="problems"):
        MatchReport({}, "oops")  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(FrozenInstanceError):
        ToolMatch("a").tool_name = "b"  # type: ignore[misc]  # the point of the test


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_real_catalogue_is_compatible_with_itself(path: Path) -> None:
    """A catalogue that a real server has sent matches itself without a problem."""
    tools = json.loads(path.read_text(encoding="utf-8"))["tools"]

    report = build_report(tools, [("self", tools)])

    assert names(report.routable_locally()) == [definition["name"] for definition in tools]
    assert not report.incompatible_pairs()
    assert report.problems == ()


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)
def test_real_catalogue_with_one_more_required_field_is_incompatible(path: Path) -> None:
    """With one required field added upstream every tool is incompatible, and the field is named."""
    text = path.read_text(encoding="utf-8")
    tools, changed = json.loads(text)["tools"], json.loads(text)["tools"]
    for definition in changed:
        definition["inputSchema"].setdefault("required", []).append("tenant_id")

    report = build_report(tools, [("changed", changed)])

    assert names(report.incompatible_pairs()) == [definition["name"] for definition in tools]
    assert all("'tenant_id'" in (match.schema_mismatch or "") for match in report.matches.values())


def test_real_catalogues_are_at_hand() -> None:
    """The suite has catalogues of several servers to try, one of them large."""
    sizes = [len(json.loads(path.read_text(encoding="utf-8"))["tools"]) for path in CATALOGUES]

    assert len(sizes) >= 5
    assert max(sizes) >= 10
