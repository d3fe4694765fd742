"""Text for a person's eyes: what cannot be seen is shown as an escape."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest

from mcptelemetry.system import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, caf\u00e9 \u65e5\u672c \U0001f600", "plain text, caf\u00e9 \u65e5\u672c \U0001f600"),
        ("\x1b[2J", "\\u001b[2J"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("a\u200bb\ufeff\u00ad", "a\\u200bb\\ufeff\\u00ad"),
        ("\x7f\x9b", "\\u007f\\u009b"),
        ("\u2028\ud800", "\\u2028\\ud800"),
        ("\U000e0041", "\\udb40\\udc41"),
        ("\u3164\ufe0f", "\\u3164\\ufe0f"),
        ("", ""),
    ],
)
def test_printable_shows_what_cannot_be_seen_as_an_escape(text: str, shown: str) -> None:
    """Control, bidi, zero-width and half characters become escapes; all else stays."""
    assert printable(text) == shown


def test_printable_keeps_what_it_is_told_to_keep() -> None:
    """Line ends stay where the text is of several lines."""
    assert printable("a\nb\x1b", keep="\n") == "a\nb\\u001b"


def test_printable_leaves_json_the_same_document() -> None:
    """In JSON text the escapes mean what they replace."""
    document = {"a\u202e": ["\x1b\x7f\u200b\U000e0041\u3164", "\ud800"]}
    text = printable(json.dumps(document, ensure_ascii=False, indent=2), keep="\n")
    assert json.loads(text) == document


def test_printable_lets_no_control_format_or_separator_pass() -> None:
    """Of all characters there are, none of the unseen categories passes."""
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            assert printable(character).isascii()
            assert printable(character).isprintable()
