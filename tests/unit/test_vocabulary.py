"""The closed words, and the `Literal` of the same words that stands beside each of them."""

from __future__ import annotations

import inspect
from typing import get_args

import pytest

from mcptelemetry import config, vocabulary
from mcptelemetry.config import PROXY_KEYS, Mode
from mcptelemetry.matching import RoutingTarget
from mcptelemetry.wire import FEEDBACK_CATEGORIES

ENUMERATIONS = [
    member
    for room in (vocabulary, config)
    for member in vars(room).values()
    if inspect.isclass(member) and issubclass(member, vocabulary.Word) and member is not vocabulary.Word
]


def test_every_closed_word_is_looked_at():
    """The list below is not empty by accident: it holds those that an author writes most often."""
    assert {vocabulary.Surface, vocabulary.TelemetryStatus, vocabulary.ErrorType, Mode} <= set(ENUMERATIONS)


@pytest.mark.parametrize("enumeration", ENUMERATIONS, ids=lambda enumeration: enumeration.__name__)
def test_the_literal_beside_an_enumeration_holds_its_values(enumeration):
    """What a type checker accepts as a word is what the enumeration accepts, in the same order."""
    room = config if enumeration is Mode else vocabulary
    literal = getattr(room, f"{enumeration.__name__}Word")
    assert f"{enumeration.__name__}Word" in room.__all__
    assert get_args(literal) == tuple(member.value for member in enumeration)


@pytest.mark.parametrize(
    ("name", "literal"), [("format", vocabulary.FormatWord), ("compression", vocabulary.CompressionWord)]
)
def test_the_words_of_a_setting_are_those_that_its_key_takes(name, literal):
    """Each word is right for its key of the file, and the message about a wrong one names it."""
    key = next(key for key in PROXY_KEYS if key.name == name)
    words = get_args(literal)
    assert all(key.is_right(word) for word in words)
    assert key.allowed.count('"') == 2 * len(words)
    assert all(f'"{word}"' in key.allowed for word in words)


def test_the_kinds_of_a_target_are_those_that_can_be_made():
    """Every word makes a target; another one is refused by a message that names them all."""
    words = get_args(vocabulary.TargetKindWord)
    for word in words:
        assert RoutingTarget(word, prefix="up" if word == "remote" else None).kind == word
    with pytest.raises(ValueError, match=f"use one of {', '.join(map(repr, words))}$"):
        RoutingTarget("nowhere")


def test_the_categories_of_feedback_are_those_of_the_document():
    """The words of feedback stand twice, and are the same."""
    assert get_args(vocabulary.FeedbackCategoryWord) == tuple(FEEDBACK_CATEGORIES)
