"""The table of token shapes: what it finds, what it lets pass, and that it reads no text twice."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mcptelemetry.wire._token_shapes import TOKEN_SHAPES, TokenShape, find_token_shape

try:
    from re import _constants as constants
    from re import _parser as parser
except ImportError:  # before Python 3.11
    import sre_constants as constants
    import sre_parse as parser

DATA = Path(__file__).parents[2] / "data"
# In parts, so that no scanner of repositories takes a made-up token for somebody's.
EXAMPLES = [(row["shape"], "".join(row["parts"])) for row in json.loads((DATA / "token_shapes.json").read_text())]


def test_token_examples_are_sixty_and_more_and_every_shape_has_one() -> None:
    """The table has sixty rows or more, each with a made-up token in the documented format."""
    assert len(TOKEN_SHAPES) >= 60
    assert len({token for _, token in EXAMPLES}) == len(EXAMPLES)
    assert {shape for shape, _ in EXAMPLES} == {shape.name for shape in TOKEN_SHAPES}
    assert len({shape.name for shape in TOKEN_SHAPES}) == len(TOKEN_SHAPES)


@pytest.mark.parametrize(("shape", "token"), EXAMPLES)
@pytest.mark.parametrize("around", ["{}", "use {} please", "key={}", '"{}"', "tool_{}", "({})", "a\n{}\nb"])
def test_find_token_shape_finds_each_example(shape: str, token: str, around: str) -> None:
    """Every example is found by its name, alone and among other words."""
    assert find_token_shape(around.format(token)) == shape


@pytest.mark.parametrize(
    "text",
    [
        "task-management-system-tool", "risk-assessment-of-projects", "Basic authentication is not enough",
        "basic internationalization", "Bearer authentication-does-not-work", "http://localhost:8080/a@b",
        "https://example.org/x?mail=a@b", "disk-0123456789abcdefghijklmn", "ghp_short", "std::AAA",
        "v1.0-rc1", "AKIA", "key-value-store-with-a-long-name-indeed", "public", "eyJ", "do_v1", "SG.a.b",
        "3f0c1f5e-8a3d-4c1b-9a57-0f6c3f1a2b4d", "0" * 40, "f" * 64, "00" + "a" * 62,
    ],
)
def test_find_token_shape_passes_what_only_resembles_a_token(text: str) -> None:
    """A name, a digest or a sentence that resembles a token is not one."""
    assert find_token_shape(text) is None


def repeats(tokens: object) -> list[int]:
    """Return the greatest count of each repetition in parsed *tokens*, at any depth."""
    found = []
    for item in tokens:
        operation, arguments = item
        if operation in (constants.MAX_REPEAT, constants.MIN_REPEAT):
            found.append(arguments[1])
            found += repeats(arguments[2])
        elif operation is constants.BRANCH:
            for branch in arguments[1]:
                found += repeats(branch)
        elif operation in (constants.ASSERT, constants.ASSERT_NOT):
            found += repeats(arguments[1])
        elif operation is constants.SUBPATTERN:
            found += repeats(arguments[3])
    return found


@pytest.mark.parametrize("shape", TOKEN_SHAPES, ids=lambda shape: shape.name)
def test_token_shape_is_linear_and_fits_before_the_cut(shape: TokenShape) -> None:
    """A shape begins with its literal, and every repetition in it is bounded: no text is read without end."""
    pattern = shape.compiled().pattern
    assert pattern.startswith(re.escape(shape.literal))
    bounds = repeats(parser.parse(pattern))
    assert all(bound <= 256 for bound in bounds)
    assert parser.parse(pattern).getwidth()[1] <= 384
    assert shape.source
