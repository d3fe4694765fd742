"""A word, pattern or bound that two rooms share stands in one file of the package."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from mcptelemetry import vocabulary

PACKAGE = Path(vocabulary.__file__).parent.parent
# Common words, which stand for other things elsewhere.
ORDINARY = {"OTHER", "OTHER_METHOD", "MAX_MCP_CLIENTS_SEEN", "MILESTONES_MAX", "NAME_CHARACTERS_MAX"}
SHARED = {
    name: getattr(vocabulary, name)
    for name in vocabulary.__all__
    if name.isupper() and name not in ORDINARY and isinstance(getattr(vocabulary, name), (str, int, float))
}


def constants_of(path):
    """Return the literals in the code of *path*, docstrings and the texts inside f-strings apart."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in said]
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and ast.unparse(node) == "2 ** 53":
            found.append(vocabulary.COUNT_MAX)
    return found


CONSTANTS = {
    path.relative_to(PACKAGE).as_posix(): constants_of(path)
    for path in PACKAGE.rglob("*.py")
    if path.parent.name != "vocabulary"
}


@pytest.mark.parametrize("name", SHARED)
def test_a_shared_word_stands_in_the_vocabulary_only(name):
    """No other file spells it out."""
    assert [path for path, found in CONSTANTS.items() if any(is_in(SHARED[name], other) for other in found)] == []


def is_in(value, other):
    """Return whether the literal *other* is *value*, or a text that holds it as a whole word."""
    if isinstance(value, str) and isinstance(other, str):
        before = r"(?<!\w)" if re.match(r"\w", value) else ""  # a path may stand behind an address
        return re.search(rf"{before}{re.escape(value)}(?![\w-])", other) is not None
    return not isinstance(other, bool) and value == other


def test_there_are_words_to_watch_over():
    """The list is not empty by mistake."""
    assert len(SHARED) >= 15
    assert sum(map(len, CONSTANTS.values())) > 1_000
