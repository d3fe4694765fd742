"""Laws of the scanner: a planted secret is found whatever surrounds it, and nothing else is."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcptelemetry.privacy._blocked_values import BlockedValue, collect_blocked_values
from mcptelemetry.privacy._credentials import find_credential
from mcptelemetry.privacy._scanner import AnonymityViolation, scan_for_pii, scan_text_for_pii
from mcptelemetry.privacy._spellings import ANONYMITY_BLOCKED_PREFIXES
from mcptelemetry.wire import FIELD_SHAPES, OPEN, Text

FULL = json.loads((Path(__file__).parents[1] / "data" / "scanner" / "heartbeat.json").read_text())
DOCUMENTS = 10_000
# The heartbeat's table with one open place in it, and none of its fields need be there.
OPEN_TABLE = {**FIELD_SHAPES, "routing_mode": Text(OPEN, r"[\s\S]*", 10_000, "anything")}

# What a careless decoder would take for a part of the secret behind it.
TREACHEROUS = ["", "%", "%2", "%25", "%252", "\\", "\\\\", "\\u", "\\u00", "\\u002", "/", '"', "a", " ", "%4", "é", "\0"]


def percent_encoded(text: str, choose: Callable[[], bool], depth: int = 1) -> str:
    """Percent-encode the chosen characters of *text*, *depth* times over."""
    sign = "%" + "25" * (depth - 1)
    return "".join(
        "".join(f"{sign}{octet:02X}" for octet in char.encode()) if choose() else char for char in text
    )


def json_text(document: object, choose: Callable[[], bool]) -> str:
    """Write *document* as JSON in which the chosen characters of every string are escaped."""
    if isinstance(document, dict):
        pairs = (f"{json_text(key, choose)}:{json_text(value, choose)}" for key, value in document.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(document, list):
        return "[" + ",".join(json_text(item, choose) for item in document) + "]"
    if not isinstance(document, str):
        return json.dumps(document)
    escaped = (f"\\u{ord(char):04x}" if choose() else json.dumps(char)[1:-1] for char in document)
    return '"' + "".join(escaped) + '"'


def planted(document: dict[str, Any], place: str, text: str) -> dict[str, Any]:
    """Return *document* with *text* in the place that *place* names."""
    changes: dict[str, dict[str, Any]] = {
        "value": {"routing_mode": text},
        "version": {"previous_version": text},
        "own": {"edition": text},
        "closed": {"env_kind": text},
        "stamp": {"anonymous_id": text},
        "item": {"activation": {**FULL["activation"], "mcp_clients_seen_ever": ["vscode", text]}},
        "map-key": {"flags": {"beta": True, text: False}},
        "nested-map-key": {"rest_endpoint_calls": {text: {"2xx": 1}}},
        "closed-key": {"surface_requests": {text: 1}},
        "marker-key": {"env_markers": {**FULL["env_markers"], text: True}},
        "unknown-key": {text: 1},
        "unknown-value": {"unheard_of": text},
        "unknown-nested": {"unheard_of": [[{"a": {"b": [text]}}]]},
        "unknown-nested-key": {"unheard_of": [[{"a": {text: None}}]]},
    }
    return {**document, **changes[place]}


PLACES = [
    *("value", "version", "own", "closed", "stamp", "item", "map-key", "nested-map-key", "closed-key"),
    *("marker-key", "unknown-key", "unknown-value", "unknown-nested", "unknown-nested-key"),
]
FORMS: dict[str, Callable[[str, random.Random], str]] = {
    "plain": lambda text, _dice: text,
    "case-changed": lambda text, dice: "".join(dice.choice((char.lower(), char.upper())) for char in text),
    "percent-encoded": lambda text, _dice: percent_encoded(text, lambda: True),
    "percent-encoded-twice": lambda text, _dice: percent_encoded(text, lambda: True, 2),
    "percent-encoded-here-and-there": lambda text, dice: percent_encoded(text, lambda: dice.random() < 0.5),
    "case-changed-and-percent-encoded": lambda text, dice: percent_encoded(
        text.swapcase(), lambda: dice.random() < 0.5
    ),
}


def document_with(dice: random.Random, place: str | None, text: str) -> str:
    """Return a random heartbeat as JSON text, *text* planted when *place* is given."""
    document = {key: FULL[key] for key in FULL if dice.random() < 0.7}
    words = ["".join(dice.choices(string.ascii_lowercase, k=dice.randint(1, 9))) for _ in range(4)]
    document.update(
        routing_mode=words[0],
        flags={words[1]: True, words[2] + "_x": False},
        rest_endpoint_calls={f"GET /{words[2]}/{words[3]}": {"2xx": dice.randint(0, 99)}},
    )
    if place is not None:
        document = planted(document, place, text)
    share = dice.choice((0.0, 0.0, 0.3, 1.0))
    return json_text(document, lambda: dice.random() < share)


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_scanner_refuses_every_planted_secret_and_no_clean_document() -> None:
    """Of 10,000 documents with a secret in any place and form none passes; without it all do."""
    dice = random.Random(20261121)  # noqa: S311  reproducible, not secret
    alphabet = string.ascii_letters + string.digits + "-_/+=%.\\\"'& é"
    missed: list[tuple[object, ...]] = []
    wronged: list[tuple[str, str]] = []
    for number in range(DOCUMENTS):
        place, form = PLACES[number % len(PLACES)], list(FORMS)[number // len(PLACES) % len(FORMS)]
        if dice.random() < 0.3:
            secret = dice.choice(ANONYMITY_BLOCKED_PREFIXES)
            blocked: tuple[BlockedValue, ...] = ()
        else:
            secret = "Q7" + "".join(dice.choices(alphabet, k=dice.randint(6, 30))) + "z"
            blocked = collect_blocked_values("somehost-17", "/home/someone-else", {"ACME_TOKEN": secret})
        around = dice.choice(TREACHEROUS), dice.choice(TREACHEROUS)
        text = document_with(dice, place, around[0] + FORMS[form](secret, dice) + around[1])
        try:
            scan_for_pii(text.encode(), blocked, fields=OPEN_TABLE)
            missed.append((place, form, secret, around))
        except AnonymityViolation as violation:
            if violation.rule not in ("blocked_prefix", "blocked_value"):
                missed.append((place, form, secret, around, violation.rule))
        clean = document_with(dice, None, "")
        try:
            scan_for_pii(clean.encode(), blocked, fields=OPEN_TABLE)
        except AnonymityViolation as violation:
            wronged.append((str(violation), clean))
    assert missed == []
    assert wronged == []


credentials = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40)
surroundings = st.one_of(st.sampled_from(TREACHEROUS), st.text(max_size=20))


@settings(max_examples=300, deadline=None)
@given(credentials, surroundings, surroundings, st.sampled_from(PLACES), st.booleans())
def test_scanner_finds_a_credential_whatever_surrounds_it(
    secret: str, before: str, after: str, place: str, escaped: bool
) -> None:
    """Neither what stands before nor what stands behind a credential hides it."""
    text = json_text(planted(FULL, place, f"{before}{secret}{after}"), lambda: escaped)
    with pytest.raises(AnonymityViolation):
        scan_for_pii(text, [BlockedValue("env:ACME_TOKEN", secret)])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ANONYMITY_BLOCKED_PREFIXES), surroundings, surroundings, st.sampled_from(list(FORMS)), st.integers())
def test_scanner_finds_a_prefix_whatever_surrounds_it(
    prefix: str, before: str, after: str, form: str, seed: int
) -> None:
    """A path is found in free text in any form, whatever stands around it."""
    hidden = FORMS[form](prefix, random.Random(seed))  # noqa: S311  reproducible, not secret
    with pytest.raises(AnonymityViolation) as caught:
        scan_text_for_pii(f"{before}{hidden}{after}")
    assert caught.value.rule == "blocked_prefix"


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)), st.lists(st.text(max_size=12), max_size=3))
def test_scanner_judges_any_bytes(payload: bytes | str, blocked: list[str]) -> None:
    """Any bytes or text are passed or refused; nothing else comes out."""
    try:
        scan_for_pii(payload, blocked)
    except AnonymityViolation as violation:
        assert violation.__context__ is None


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=10), inner, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(FULL)), json_values)
def test_scanner_judges_any_value_in_any_field(name: str, value: object) -> None:
    """Whatever stands in a field, a mapping is judged as its own JSON text is."""
    document = {**FULL, name: value}

    def rule_of(payload: Any) -> str:
        try:
            scan_for_pii(payload)
        except AnonymityViolation as violation:
            return violation.rule
        return ""

    assert rule_of(document) == rule_of(json.dumps(document))


@settings(max_examples=300, deadline=None)
@given(credentials, st.text(max_size=20), st.text(max_size=20), st.booleans())
def test_find_credential_finds_a_value_whatever_surrounds_it(
    secret: str, before: str, after: str, ascii_only: bool
) -> None:
    """A credential is found in a batch as JSON writes it, whatever stands around it."""
    text = json.dumps({"events": [{"tool": f"{before}{secret}{after}"}]}, ensure_ascii=ascii_only)
    found = find_credential(text, [BlockedValue("env:ACME_TOKEN", secret)])
    assert found is not None
    assert found.label == "env:ACME_TOKEN"
