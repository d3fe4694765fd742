"""
Credentials in a text: the values of this machine's own, and the shapes of well-known tokens.

The gate asks this of every batch of events, so each shape is one expression that begins
with one literal character: the expression engine then runs at the speed of memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Union

from ._blocked_values import BlockedValue, as_blocked_values

__all__ = ["find_credential", "find_token_shape"]

# (what it is, what the expression begins with, the expression). The look-behinds
# demand that a word begins there: "task-..." is no "sk-..." key. Lengths are the least that
# tells a token from a name, and fixed, so that no text is read twice.
_TOKEN_SHAPES: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    (
        "GitHub or GitLab token",
        "g",
        re.compile(r"g(?<![A-Za-z0-9]g)(?:h[pousr]_|ithub_pat_|lpat-)[A-Za-z0-9_-]{16}"),
    ),
    (
        "OpenAI, Anthropic or Stripe key",
        "k",
        re.compile(
            r"k(?<=[sr]k)(?<![A-Za-z0-9][sr]k)[-_]"
            r"(?:(?:proj|svcacct|admin|ant|or|live|test)[-_][A-Za-z0-9_-]{16}|[A-Za-z0-9]{20})"
        ),
    ),
    ("Slack token", "x", re.compile(r"x(?<![A-Za-z0-9]x)ox[a-z]-[A-Za-z0-9-]{10}")),
    (
        "AWS or Google key",
        "A",
        re.compile(r"A(?<![A-Za-z0-9]A)(?:[KS]IA[0-9A-Z]{16}|Iza[A-Za-z0-9_-]{30})"),
    ),
    ("JSON web token", "J", re.compile(r"J(?<=eyJ)(?<![A-Za-z0-9]eyJ)[A-Za-z0-9_-]{12}")),
    ("private key", "B", re.compile(r"B(?<=-B)EGIN [A-Z ]{0,20}PRIVATE KEY")),
)
# Searched in documents only: a batch has some two hundred microseconds, and each of these,
# beginning with a common letter, would take another thirty.
_FURTHER_TOKEN_SHAPES: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    ("Hugging Face token", "hf_", re.compile(r"hf_(?<![A-Za-z0-9]hf_)[A-Za-z0-9]{20}")),
    ("npm token", "npm_", re.compile(r"npm_(?<![A-Za-z0-9]npm_)[A-Za-z0-9]{20}")),
    ("PyPI token", "pypi-", re.compile(r"pypi-(?<![A-Za-z0-9]pypi-)[A-Za-z0-9_-]{20}")),
)


def find_credential(text: str, blocked: Iterable[Union[BlockedValue, str]]) -> BlockedValue | None:
    """
    Return the first credential in *text*, None when there is none.

    *text* is a batch of events as JSON text. Of *blocked* only credentials are searched
    (values of environment variables, and plain strings), as they stand and JSON-escaped,
    never the names of the machine or the person. A well-known token shape is returned as a
    value whose label is `token:` and what it is.
    """
    for value in as_blocked_values(blocked):
        if not value.is_name and any(spelling in text for spelling in value.spellings):
            return value
    for label, first, shape in _TOKEN_SHAPES:
        if first in text:
            match = shape.search(text)
            if match is not None:
                return BlockedValue(f"token:{label}", match.group())
    return None


def find_token_shape(text: str) -> str | None:
    """Return what kind of well-known token stands in *text*, None when there is none."""
    shapes = (*_TOKEN_SHAPES, *_FURTHER_TOKEN_SHAPES)
    return next((label for label, first, shape in shapes if first in text and shape.search(text)), None)
