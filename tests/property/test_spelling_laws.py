"""The quick look for a value that may be escaped never says no to what the full search finds."""

from __future__ import annotations

import json
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from mcptelemetry.privacy._blocked_values import BlockedValue
from mcptelemetry.privacy._spellings import Layers, _may_stand_in, _pattern_of

values = st.text(alphabet="aAbB01%\\/\"'u5ck-", min_size=1, max_size=80)
noise = st.text(alphabet="aAbB01%\\/u5cke \n", max_size=20)


def escaped(character: str, how: int) -> str:
    """Return *character* as itself, in the other case, as a JSON escape or with percent signs."""
    forms = (character, character.swapcase(), f"\\u{ord(character):04x}", f"%{ord(character):02X}", f"%25{ord(character):02x}")
    return forms[how % len(forms)]


@settings(max_examples=500, deadline=None)
@given(values, st.lists(st.integers(0, 9), min_size=80, max_size=80), noise, noise)
def test_a_value_is_found_whatever_each_character_looks_like(value, hows, before, after):
    """A value of any length is found, however each of its characters is written."""
    # Most of them as themselves, as in a text that a person wrote.
    text = before + "".join(escaped(c, how if how < 5 else 0) for c, how in zip(value, hows)) + after
    if len(value) >= 8:
        found = Layers(text).find_value([BlockedValue("env:ACME_TOKEN", value)])
        assert found is not None


@settings(max_examples=500, deadline=None)
@given(values, noise, noise, st.lists(st.integers(0, 4), min_size=80, max_size=80))
def test_the_quick_look_agrees_with_the_full_search(value, before, after, hows):
    """Where the quick look says no, the full expression finds nothing."""
    text = before + "".join(escaped(c, how) for c, how in zip(value, hows))[:-1] + after
    if not _may_stand_in(value, text, text.casefold()):
        assert _pattern_of((value,), has_escapes=True, is_whole_word=False).search(text) is None


@settings(max_examples=100, deadline=None)
@given(st.integers(65, 5000), st.booleans(), st.sampled_from([str, quote, lambda text: json.dumps(text)[1:-1]]))
def test_a_long_value_is_found_by_its_beginning(length, has_escape, form):
    """Of a long credential its first 64 characters tell, where the text has escapes."""
    value = "".join(chr(33 + (at * at) % 90) for at in range(length))
    text = f"100% {form(value)}" if has_escape else form(value)
    assert Layers(text).find_value([BlockedValue("env:ACME_TOKEN", value)]) is not None
    assert Layers("100% sure").find_value([BlockedValue("env:ACME_TOKEN", value)]) is None
