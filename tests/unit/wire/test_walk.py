"""The walk over a document and its table: every place once, and what is wrong there."""

from __future__ import annotations

import pytest

from mcptelemetry.wire import DECLARED, OPEN, OWN, VERSION, Object, Problem, Text, Words, walk
from mcptelemetry.wire._shapes import Count, Flag, ListOf, MapOf
from mcptelemetry.wire._walk import find_problem

TABLE = Object(
    {
        "word": Words(("ci", "office")),
        "count": Count(),
        "flag": Flag(),
        "id": Text(OWN, "[0-9a-f]{4}", 4, "beef"),
        "release": Text(VERSION, "[0-9.]+", 9, "1.2.3"),
        "clients": ListOf(Text(OPEN, "[a-z]+", 8, "zed", words=("zed",)), 2),
        "tools": MapOf(Count(), words=("other",), keys=Text(DECLARED, "[a-z]+", 8, "search"), most=3),
        "steps": MapOf(Object({"pass": Count(), "fail": Count()}), words=("one",)),
    },
    optional=("word", "count", "flag", "id", "release", "clients", "tools", "steps"),
)


def places(document):
    """Return what the walk says of *document*: path, kind, text and problem."""
    return [(place.path, place.kind, place.text, place.problem) for place in walk(TABLE, document)]


def test_walk_passes_over_closed_words_numbers_and_flags():
    """What cannot hold anything of a person's is no place."""
    assert places({"word": "ci", "count": 3, "flag": True, "tools": {"other": 1}, "clients": ["zed"]}) == []


def test_walk_says_how_freely_each_text_stands():
    """A text stands in its place by the kind that the table gives it, a key of a map too."""
    document = {"id": "beef", "release": "1.2", "clients": ["zed", "mine"], "tools": {"other": 1, "search": 2}}
    assert places(document) == [
        ("id", OWN, "beef", None),
        ("release", VERSION, "1.2", None),
        ("clients", OPEN, "mine", None),
        ("tools", DECLARED, "search", None),
    ]


@pytest.mark.parametrize(
    ("document", "path", "problem", "sentence"),
    [
        ({"secret": 1}, "", Problem.UNKNOWN_KEY, "unknown field secret"),
        ({"steps": {"two": {"pass": 1, "fail": 0}}}, "steps", Problem.UNKNOWN_KEY, "unknown field steps.two"),
        ({"tools": {"My Tool": 1}}, "tools", Problem.UNFIT_KEY, "unknown field tools.My Tool"),
        ({"word": "home"}, "word", Problem.UNFIT_VALUE, "word must be one of ci, office"),
        ({"clients": ["zed", 1]}, "clients", Problem.UNFIT_VALUE, "clients[1] must be text such as zed, at most 8 characters"),
        ({"steps": {"one": {"pass": 1}}}, "steps.*.fail", Problem.MISSING, "steps.one.fail is missing"),
        ({"tools": {"a": -1}}, "tools.*", Problem.UNFIT_VALUE, "tools.a must be a whole number from 0"),
        ([], "", Problem.UNFIT_VALUE, "the document must be an object"),
    ],
)
def test_walk_names_what_is_wrong_by_the_table_and_the_check_by_the_document(document, path, problem, sentence):
    """A path holds names of the table only, the sentence for the author names what the document says."""
    wrong = [(place.path, place.problem) for place in walk(TABLE, document) if place.problem is not None]
    assert wrong == [(path, problem)]
    assert find_problem(TABLE, document) == sentence


def test_walk_takes_all_that_is_not_in_the_table_for_open():
    """Below a key that no table has, every key, text and number is open."""
    document = {"secret": {"a": ["b", {"c": 7}, None, True]}}
    assert [text for _, kind, text, _ in places(document) if kind == OPEN] == ["secret", "a", "b", "c", "7"]
    assert {path for path, _, _, _ in places(document)} == {""}


def test_walk_searches_in_what_does_not_fit():
    """A value of the wrong type is not passed over: what is in it is open."""
    assert [text for _, _, text, _ in places({"word": ["x"], "id": "alice", "count": {"y": 1.5}})] == [
        *(None, "x", None, "alice", None, "y", "1.5")
    ]


def test_walk_goes_to_any_depth():
    """No document is too deep, inside the table or outside it."""
    deep = "bottom"
    for _ in range(50_000):
        deep = [{"x": deep}]
    assert places({"secret": deep})[-1] == ("", OPEN, "bottom", None)
