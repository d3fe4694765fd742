"""The last look at a document before it leaves: each rule, its order and its silence."""

from __future__ import annotations

import json
import pickle
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from mcptelemetry.errors import TelemetryError
from mcptelemetry.privacy._blocked_values import BlockedValue, collect_blocked_values
from mcptelemetry.privacy._credentials import find_credential
from mcptelemetry.privacy._scanner import (
    AnonymityViolation,
    find_blocked_prefix,
    scan_for_pii,
    scan_text_for_pii,
)
from mcptelemetry.privacy._spellings import ANONYMITY_BLOCKED_PREFIXES
from mcptelemetry.wire import FIELD_SHAPES, FIELDS, OPEN, ROUTING_MODES, Field, Text, Words, check

FULL = json.loads((Path(__file__).parents[2] / "data" / "scanner" / "heartbeat.json").read_text())
SECRET = "s3cr3t/Value+42=="
# Nothing in the heartbeat's own table holds free text; the searches in it are shown in such a place.
ANY_TEXT = Text(OPEN, r"[\s\S]*", 10_000, "anything")
OPEN_TABLE = {"text": ANY_TEXT}
BLOCKED = collect_blocked_values("tims-laptop", "/home/tim", {"GITHUB_TOKEN": SECRET})


def with_field(name: str, value: object) -> dict[str, Any]:
    return {**FULL, name: value}


def refusal(payload: Any, blocked: Any = BLOCKED, **more: Any) -> AnonymityViolation:
    """Return the violation that *payload* is refused with."""
    with pytest.raises(AnonymityViolation) as caught:
        scan_for_pii(payload, blocked, **more)
    return caught.value


def test_scan_for_pii_clean_payload() -> None:
    """A document with every field filled passes, as text, as bytes and as a mapping."""
    scan_for_pii(json.dumps(FULL), BLOCKED)
    scan_for_pii(json.dumps(FULL).encode(), BLOCKED)
    scan_for_pii(json.dumps(FULL, indent=1).encode(), BLOCKED)
    scan_for_pii(FULL, BLOCKED)
    scan_for_pii(MappingProxyType(FULL), BLOCKED)
    scan_for_pii(b"{}", fields=FIELD_SHAPES)


def test_scan_for_pii_full_document_has_every_field_of_the_table() -> None:
    """The example document holds each field that the table knows."""
    assert set(FULL) == set(FIELD_SHAPES)


def test_scan_for_pii_full_v3_payload_passes_and_a_leak_in_it_is_refused() -> None:
    """The same document passes without and is refused with one planted secret."""
    scan_for_pii(json.dumps(FULL), BLOCKED)
    assert refusal(json.dumps(with_field("routing_mode", SECRET))).rule == "blocked_value"


@pytest.mark.parametrize("prefix", ANONYMITY_BLOCKED_PREFIXES)
def test_scan_for_pii_blocked_prefix(prefix: str) -> None:
    """Each path into a person's directories is refused, and named by its prefix."""
    violation = refusal(json.dumps(with_field("routing_mode", f"{prefix}somebody")), ())
    assert (violation.rule, violation.pattern) == ("blocked_prefix", prefix)


PREFIX_FORMS = {
    "json-escaped-slashes": "\\/home\\/tim",
    "unicode-escaped-slashes": "\\u002fhome\\u002Ftim",
    "unicode-escaped-letters": "/\\u0068o\\u006De/tim",
    "wholly-unicode-escaped": "".join(f"\\u{ord(char):04x}" for char in "/home/tim"),
    "percent-encoded": "%2Fhome%2ftim",
    "percent-encoded-letters": "/%68%6F%6d%65/tim",
    "percent-encoded-twice": "%252Fhome%252Ftim",
    "percent-encoded-thrice": "%25252Fhome%25252Ftim",
    "percent-encoded-then-unicode-escaped": "".join(f"\\u{ord(char):04x}" for char in "%2fhome%2f"),
    "unicode-escaped-then-percent-encoded": "%5Cu002fhome%5Cu002f",
    "slash-swapped": "\\\\home\\\\tim",
    "slash-swapped-and-escaped-twice": "\\\\\\\\home\\\\\\\\tim",
    "case-changed": "/HoMe/tim",
    "mixed": "%2FHOME\\u005ctim",
    "in-a-url": "see file:///home/tim",
    "windows": "C:\\\\Users\\\\Tim",
    "windows-lower-case": "c:\\\\users\\\\tim",
    "windows-slash-swapped": "C:/Users/Tim",
    "windows-mixed-slashes": "C:\\\\Users/Tim",
    "windows-unicode-escaped": "C:\\u005cUsers\\u005cTim",
    "windows-percent-encoded": "C%3A%5CUsers%5CTim",
    "windows-escaped-twice": "C:\\\\\\\\Users\\\\\\\\Tim",
    "windows-with-a-name-like-an-escape": "C:\\\\Users\\\\bob",
    "another-drive": "D:\\\\Users\\\\Tim",
    "macos-temporary": "/private/var/folders/xy/T",
    "macos-temporary-percent-encoded": "%2Fvar%2Ffolders%2Fxy",
    "root": "/Root/x",
}


@pytest.mark.parametrize("form", PREFIX_FORMS.values(), ids=PREFIX_FORMS.keys())
@pytest.mark.parametrize(
    "template",
    [
        '{"routing_mode": "FORM"}',
        '{"routing_mode": "before FORM after"}',
        '{"FORM": 1}',
        '{"flags": {"x FORM": true}}',
        '{"activation": {"mcp_clients_seen_ever": ["vscode", "FORM"]}}',
        '{"a": [{"b": {"c": [["FORM"]]}}]}',
        '{"routing_mode": "FORM"',
        "FORM",
    ],
)
def test_scan_for_pii_blocked_prefix_in_any_form_and_place(form: str, template: str) -> None:
    """A prefix is found however it is written, in keys and values at any depth, also in broken JSON."""
    text = template.replace("FORM", form)
    assert refusal(text).rule == "blocked_prefix"
    assert refusal(text.encode()).rule == "blocked_prefix"


def test_scan_for_pii_blocked_prefix_in_what_is_no_utf_8() -> None:
    """A prefix is found beside bytes that are no text."""
    assert refusal(b'{"a": "\xff/home/tim"}').rule == "blocked_prefix"


@pytest.mark.parametrize("text", ["GET /api/v1/servers", "at home/work", "/homepage", "users", "root", "/rooted/"])
def test_scan_for_pii_passes_what_only_resembles_a_prefix(text: str) -> None:
    """A word that a prefix contains is no path."""
    scan_for_pii({"text": text}, fields=OPEN_TABLE)
    scan_for_pii({"text": f"on {text}"}, fields=OPEN_TABLE)


@pytest.mark.parametrize(
    ("payload", "pattern"),
    [
        (with_field("routing_mode", "on tims-laptop"), "hostname"),
        (with_field("routing_mode", "of tim"), "username"),
        (with_field("flags", {SECRET: True}), "env:GITHUB_TOKEN"),
        (with_field("builtin_tool_calls", {f"x{SECRET}x": 1}), "env:GITHUB_TOKEN"),
        (with_field("activation", {"mcp_clients_seen_ever": [SECRET]}), "env:GITHUB_TOKEN"),
        (with_field("version", f"1.0-{SECRET}"), "env:GITHUB_TOKEN"),
        (with_field("edition", SECRET), "env:GITHUB_TOKEN"),
        (with_field("env_kind", SECRET), "env:GITHUB_TOKEN"),
        (with_field("anonymous_id", SECRET), "env:GITHUB_TOKEN"),
        (with_field("nobody_knows", [[{"deep": SECRET}]]), "env:GITHUB_TOKEN"),
        (with_field("nobody_knows", [[{SECRET: 1}]]), "env:GITHUB_TOKEN"),
    ],
)
def test_scan_for_pii_blocked_value(payload: dict[str, Any], pattern: str) -> None:
    """A blocked value is refused wherever a value can stand, and named by where it came from."""
    for written in (payload, json.dumps(payload), json.dumps(payload).upper().replace("TRUE", "true")):
        violation = refusal(written)
        assert (violation.rule, violation.pattern) == ("blocked_value", pattern)


def test_scan_for_pii_blocked_value_among_numbers() -> None:
    """A secret that is all digits is found as a number, where no number belongs."""
    blocked = collect_blocked_values("", "", {"PIN_SECRET": "1234567890"})
    assert refusal(with_field("routing_mode", 1234567890), blocked).rule == "blocked_value"


def test_scan_for_pii_blocked_value_in_broken_json() -> None:
    """In a document that cannot be read, all of it is searched."""
    assert refusal('{"routing_mode": "' + SECRET).rule == "blocked_value"


def test_scan_for_pii_blocked_value_of_a_key_that_comes_twice() -> None:
    """The first value of a repeated key does not go unsearched."""
    assert refusal('{"routing_mode": "' + SECRET + '", "routing_mode": "x"}').rule == "blocked_value"


def test_scan_for_pii_accepts_plain_strings() -> None:
    """Blocked values may be plain strings; an empty one blocks nothing."""
    assert refusal(with_field("routing_mode", "a-canary-b"), ["canary"]).pattern == "value"
    scan_for_pii(FULL, ["", "canary"])


NAMES = ["linux", "cli", "mcp", "ci", "true", "darwin", "root", "ray", "tim", "lin", "pro"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("app", ["mcpproxy", "acme-mcp", "mcp", "cli"])
def test_scan_for_pii_passes_people_and_hosts_called_like_our_words(name: str, app: str) -> None:
    """A person or a machine called `linux`, `tim` or `cli` still gets a heartbeat."""
    blocked = collect_blocked_values(name, f"/home/{name}", {})
    for edition in ("personal", "pro"):
        scan_for_pii({**FULL, "app": app, "edition": edition}, blocked)


@pytest.mark.parametrize("name", NAMES)
def test_scan_for_pii_refuses_their_names_as_a_word_of_an_open_value(name: str) -> None:
    """The same name as a whole word of an open value is refused, as a part of a word it is not."""
    blocked = collect_blocked_values(name, "", {})
    for text in (f"for {name.upper()}!", f"a%20{name}%20"):
        assert refusal(with_field("routing_mode", text), blocked).pattern == "hostname"
        assert refusal({"text": text}, blocked, fields=OPEN_TABLE).pattern == "hostname"
    scan_for_pii({"text": f"x{name}x"}, blocked, fields=OPEN_TABLE)


ANOTHER_WORD = [
    ("linux", {}),
    ("tim", {}),
    ("cli", {}),
    ("vscode", {}),
    ("claude", {}),
    ("desktop", {}),
    ("claude-desktop", {}),
    ("api", {"rest_endpoint_calls": {"GET /api/v1/servers": {"2xx": 1}}}),
    ("v1", {"rest_endpoint_calls": {"GET /api/v1/servers": {"2xx": 1}}}),
    ("buildhost-17", {"builtin_tool_calls": {"buildhost-17": 1}}),
    ("buildhost-17", {"builtin_tool_durations": {"buildhost-17": {"le_1s": 1}}}),
    ("buildhost", {"flags": {"buildhost": True}}),
    ("buildhost", {"error_category_counts": {"buildhost": 1}}),
    ("buildhost", {"activation": {**FULL["activation"], "milestones": {"buildhost": True}}}),
    ("buildhost", {"edition": "buildhost"}),
    ("buildhost", {"app": "buildhost"}),
]


@pytest.mark.parametrize(("name", "change"), ANOTHER_WORD, ids=[f"{name}-{next(iter(c), '')}" for name, c in ANOTHER_WORD])
def test_scan_for_pii_passes_names_that_the_table_or_the_application_speaks(name: str, change: dict[str, Any]) -> None:
    """No machine or person is named by a closed word, a known client, or what an application declared in its code."""
    scan_for_pii({**FULL, **change}, collect_blocked_values(name, f"/home/{name}", {}))


NAMED = [
    ("doctor_checks", {"buildhost": {"pass": 1, "fail": 0}}),
    ("activation", {**FULL["activation"], "mcp_clients_seen_ever": ["vscode", "client-on-buildhost"]}),
    ("version", "1.4.0+buildhost"),
    ("previous_version", "v1.4.0-BuildHost.2"),
    ("current_version", "buildhost"),
    ("version", "2026.buildhost.1"),
]


@pytest.mark.parametrize(("field", "value"), NAMED, ids=[f"{field}-{value}"[:40] for field, value in NAMED])
def test_scan_for_pii_refuses_names_in_the_open_places_of_the_table(field: str, value: object) -> None:
    """A check's name, a stranger's client and what stands behind a version's numbers may hold a name."""
    check({**FULL, field: value})
    violation = refusal({**FULL, field: value}, collect_blocked_values("buildhost", "", {}))
    assert (violation.rule, violation.pattern) == ("blocked_value", "hostname")


@pytest.mark.parametrize("name", ["v1", "1", "4", "v1.4.0"])
@pytest.mark.parametrize("version", ["v1.4.0", "1.4.0", "1.4.0-beta.2+local"])
def test_scan_for_pii_takes_no_number_of_a_version_for_a_name(name: str, version: str) -> None:
    """A machine called `v1` is not named by `v1.4.0`."""
    scan_for_pii(with_field("version", version), collect_blocked_values(name, "", {}))


DECLARED = {
    "tool": ("builtin_tool_calls", {"{}": 1}),
    "failed tool": ("builtin_tool_errors", {"{}": 1}),
    "timed tool": ("builtin_tool_durations", {"{}": {"le_1s": 1}}),
    "route": ("rest_endpoint_calls", {"GET /{}/x": {"2xx": 1}}),
    "category": ("error_category_counts", {"{}": 1}),
    "flag": ("flags", {"{}": True}),
    "milestone": ("activation", {**FULL["activation"], "milestones": {"{}": True}}),
    "edition": ("edition", "{}"),
}


@pytest.mark.parametrize(("field", "template"), DECLARED.values(), ids=DECLARED.keys())
def test_scan_for_pii_searches_what_was_declared_for_credentials_and_tokens(field: str, template: object) -> None:
    """A credential, or what looks like a token, is refused even where only the application's own words stand."""
    def planted(text: str) -> dict[str, Any]:
        return {**FULL, field: json.loads(json.dumps(template).replace("{}", text))}

    check(planted("opensesame_42"))
    blocked = collect_blocked_values("", "", {"DB_PASSWORD": "opensesame_42"})
    assert refusal(planted("opensesame_42"), blocked).pattern == "env:DB_PASSWORD"
    token = "ghp_" + "a1" * 12
    check(planted(token))
    violation = refusal(planted(token), ())
    assert (violation.rule, violation.pattern) == ("invalid_value", "GitHub token")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("os", "aix"),
        ("arch", "unknown"),
        ("routing_mode", "our-own-way"),
        ("anonymous_id", "0"),
        ("timestamp", "2026-99-21T05:30:00Z"),
        ("version", "1." + "0" * 68),
    ],
)
def test_scan_for_pii_refuses_what_the_table_of_fields_refuses(field: str, value: str) -> None:
    """The scanner knows no word, form or length that the table does not."""
    violation = refusal(with_field(field, value), ())
    assert (violation.rule, violation.pattern) == ("invalid_value", field)


@pytest.mark.parametrize("field", [field for field in FIELDS if not field.is_omitted_when_empty], ids=lambda field: field.name)
def test_scan_for_pii_refuses_a_document_without_what_is_always_present(field: Field) -> None:
    """A heartbeat that lacks a field is no heartbeat; the field is named."""
    violation = refusal({name: value for name, value in FULL.items() if name != field.name}, ())
    assert (violation.rule, violation.pattern) == ("invalid_value", field.name)


@pytest.mark.parametrize("mode", ROUTING_MODES)
def test_scan_for_pii_never_takes_a_routing_mode_for_a_name(mode: str) -> None:
    """A machine or a person called like a way of routing still gets a heartbeat."""
    scan_for_pii(with_field("routing_mode", mode), collect_blocked_values(mode, f"/home/{mode}", {}))


def test_scan_for_pii_searches_a_long_name_as_a_part_too() -> None:
    """A name of eight characters or more is no accident inside a word."""
    blocked = collect_blocked_values("buildhost", "", {})
    assert refusal(with_field("routing_mode", "xbuildhostx"), blocked).pattern == "hostname"


MALFORMED = {
    "empty": b"",
    "truncated": b'{"version": "1.0"',
    "trailing": b"{} {}",
    "a-list": b"[]",
    "a-string": b'"x"',
    "null": b"null",
    "not-utf-8": b'{"version": "\xff"}',
    "utf-16": '{"version": "1.0"}'.encode("utf-16"),
    "byte-order-mark": b"\xef\xbb\xbf{}",
    "not-a-number": b'{"tool_count": NaN}',
    "infinity": b'{"tool_count": -Infinity}',
    "infinite-by-its-exponent": b'{"tool_count": 1e999}',
    "endless-digits": b'{"tool_count": ' + b"9" * 5000 + b"}",
    "key-twice": b'{"tool_count": 1, "tool_count": 2}',
    "nested-key-twice": b'{"flags": {"a": true, "a": true}}',
    "too-deep": b'{"a":' * 100_000,
    "too-deep-and-closed": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "escaped-too-often": json.dumps({"routing_mode": "%" + "25" * 100 + "41"}).encode(),
}


@pytest.mark.parametrize("payload", MALFORMED.values(), ids=MALFORMED.keys())
def test_scan_for_pii_malformed_payload(payload: bytes) -> None:
    """What is not one JSON object that can be searched to its end is refused."""
    assert refusal(payload).rule == "malformed_payload"


def circle() -> dict[str, Any]:
    document: dict[str, Any] = {}
    document["self"] = document
    return document


class Unreadable(Mapping[str, Any]):
    """A mapping that fails when it is looked into, with a secret in its error."""

    def __getitem__(self, key: str) -> object:
        raise RuntimeError(SECRET)

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError(SECRET)

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize(
    "payload",
    [{"a": object()}, {"tool_count": float("nan")}, circle(), Unreadable(), None, 7, {("a", "b"): 1}, {"a": b"x"}],
    ids=["object", "nan", "circle", "unreadable", "none", "number", "tuple-key", "bytes"],
)
def test_scan_for_pii_fails_closed(payload: Any) -> None:
    """An error inside the scanner is a violation, never an error of another kind."""
    violation = refusal(payload)
    assert violation.rule == "malformed_payload"
    assert violation.__cause__ is None
    assert violation.__context__ is None


def test_scan_for_pii_fails_closed_on_broken_blocked_values() -> None:
    """Blocked values that cannot be read, or a table that cannot, let nothing pass."""
    assert refusal(FULL, 7).rule == "malformed_payload"
    assert refusal(FULL, [None, 7]).rule == "malformed_payload"
    assert refusal(FULL, (), fields={"app": None}).rule != ""


@pytest.mark.parametrize(
    "markers",
    [
        {"has_tty": "true"},
        {"has_tty": 1},
        {"has_tty": None},
        {"has_ci_env": True, "has_tty": [True]},
        {"has_tty": {}},
        {"unheard_of": "x"},
        [],
        None,
        "x",
        True,
    ],
)
def test_scan_for_pii_env_markers_non_bool(markers: object) -> None:
    """Environment markers hold booleans and nothing else."""
    violation = refusal(with_field("env_markers", markers))
    assert (violation.rule, violation.pattern) == ("env_markers_non_bool", "env_markers")


@pytest.mark.parametrize(
    ("payload", "place"),
    [
        ({"unheard_of": 1}, "document"),
        ({"env_markers": {"unheard_of": True}}, "env_markers"),
        ({"activation": {"unheard_of": True}}, "activation"),
        ({"surface_requests": {"unheard_of": 1}}, "surface_requests"),
        ({"doctor_checks": {"a": {"pass": 1, "unheard_of": 1}}}, "doctor_checks.*"),
        ({"rest_endpoint_calls": {"GET /a": {"unheard_of": 1}}}, "rest_endpoint_calls.*"),
    ],
)
def test_scan_for_pii_unknown_field(payload: dict[str, Any], place: str) -> None:
    """A key that is not in the table cannot leave; the place is named, the key is not."""
    violation = refusal(payload)
    assert (violation.rule, violation.pattern) == ("unknown_field", place)
    assert "unheard_of" not in str(violation)


OPEN_VALUES = {
    "e-mail address": ["tim@example.org", "mail tim.o+x@163.com now", "x%40example.org", "tim@localhost"],
    "IP address": ["10.0.0.1", "at 192.168.1.17:80", "ip255.255.255.255", "2001:db8::1", "fe80::1", "[::1]",
                   "1:2:3:4:5:6:7:8", "::ffff:10.0.0.1"],
    "URL": ["http://x", "see https://example.org/a", "file:///etc", "https%3A%2F%2Fexample.org", "mailto:a"],
    "GitHub token": ["ghp_" + "a1" * 18],
    "GitHub fine-grained token": ["github_pat_" + "1A" * 11],
    "GitLab token": ["glpat-" + "x1" * 10],
    "OpenAI key": ["sk-" + "aB3" * 16, "sk-proj-" + "a_-1" * 10],
    "Anthropic key": ["sk-ant-api03-" + "Ab1" * 9],
    "Slack token": ["xoxb-123456789012-abcdef"],
    "AWS access key": ["AKIA" + "ABCD" * 4],
    "Google API key": ["AIza" + "a1-_" * 9],
    "JSON web token": ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"],
    "Hugging Face token": ["hf_" + "aB" * 17],
    "npm token": ["npm_" + "a1" * 18],
    "private key": ["-----BEGIN RSA PRIVATE KEY-----"],
}


@pytest.mark.parametrize(
    ("what", "value"), [(what, value) for what, values in OPEN_VALUES.items() for value in values]
)
def test_scan_for_pii_invalid_value_in_an_open_place(what: str, value: str) -> None:
    """Addresses, URLs and tokens are refused in open values and in the keys of a map."""
    for payload in (
        with_field("routing_mode", value),
        with_field("flags", {value: True}),
        with_field("activation", {"mcp_clients_seen_ever": [f"x {value}"]}),
    ):
        violation = refusal(payload, ())
        assert (violation.rule, violation.pattern) == ("invalid_value", what)


@pytest.mark.parametrize(
    "value",
    ["1.2.3", "task-management-system-tool", "a:b", "12:30:45", "std::vector", "1.2.3.4.5", "999.1.1.1",
     "risk-assessment-of-projects", "GET /a/b", "asks_for_everything_twice", "a @ b", "eyJ"],
)
def test_scan_for_pii_passes_what_only_resembles_an_address(value: str) -> None:
    """A word that only resembles an address or a token passes."""
    scan_for_pii({"text": value}, fields=OPEN_TABLE)


@pytest.mark.parametrize("name", ["version", "current_version", "previous_version"])
def test_scan_for_pii_passes_a_version_like_an_address(name: str) -> None:
    """A version `2026.11.21.1` is a release, not an address; elsewhere it is one."""
    scan_for_pii(with_field(name, "2026.11.21.1"))
    scan_for_pii(with_field(name, "v10.0.0.1"))
    assert refusal(with_field("routing_mode", "10.0.0.1")).rule == "invalid_value"
    assert refusal(with_field(name, "tim@example.org"), ()).rule == "invalid_value"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("env_kind", "desktop"),
        ("os", "plan9"),
        ("tool_count", "7"),
        ("tool_count", True),
        ("tool_count", -1),
        ("tool_count", 1.5),
        ("uptime_hours", 2**53),
        ("quarantine_enabled", 1),
        ("surface_requests", []),
        ("surface_requests", {"cli": "7"}),
        ("flags", {"a": "yes"}),
        ("activation", "x"),
        ("anonymous_id", "me"),
        ("timestamp", "yesterday"),
        ("app", "Not A Name"),
        ("version", None),
        ("routing_mode", ["x"]),
        ("autostart_enabled", "maybe"),
    ],
)
def test_scan_for_pii_invalid_value_in_a_closed_place(name: str, value: object) -> None:
    """A place of closed words, numbers or stamps holds nothing else."""
    violation = refusal(with_field(name, value))
    assert violation.rule == "invalid_value"
    assert violation.pattern.startswith(name)


def test_scan_for_pii_names_the_first_rule_of_several() -> None:
    """The rules are asked in their order: each is named only when those above it hold."""
    wrongs: list[tuple[str, dict[str, Any]]] = [
        ("invalid_value", {"tool_count": "x"}),
        ("unknown_field", {"unheard_of": 1}),
        ("env_markers_non_bool", {"env_markers": {"has_tty": 1}}),
        ("blocked_value", {"routing_mode": SECRET}),
        ("blocked_prefix", {"edition": "/home/x"}),
    ]
    document: dict[str, Any] = {}
    for rule, wrong in wrongs:
        document.update(wrong)
        assert refusal(document).rule == rule
    assert refusal(json.dumps(document)[:-1]).rule == "blocked_prefix"
    del document["edition"]
    assert refusal(json.dumps(document)[:-1]).rule == "blocked_value"
    del document["routing_mode"]
    assert refusal(json.dumps(document)[:-1]).rule == "malformed_payload"


def test_scan_for_pii_takes_another_table() -> None:
    """What may stand where is given: another table makes another document."""
    table = {"colour": Words(("ci", "office")), "name": ANY_TEXT}
    scan_for_pii({"colour": "ci", "name": "x"}, collect_blocked_values("ci", "", {}), fields=table)
    assert refusal({"app": "x"}, (), fields=table).rule == "unknown_field"


def locals_of(violation: AnonymityViolation) -> str:
    """Return the local variables of the package's own frames, as an error reporter shows them."""
    frames = traceback.walk_tb(violation.__traceback__)
    return "\n".join(repr(frame.f_locals) for frame, _ in frames if "mcptelemetry" in frame.f_globals["__name__"])


@pytest.mark.parametrize(
    "payload",
    [
        with_field("routing_mode", SECRET),
        with_field("flags", {SECRET: True}),
        with_field(SECRET.replace("s3", "t4"), 1),
        with_field("env_kind", SECRET),
        json.dumps(with_field("routing_mode", SECRET)).encode(),
        '{"routing_mode": "' + SECRET,
        {"env_markers": {SECRET: "x"}},
        {"env_markers": {"has_tty": SECRET}},
        Unreadable(),
        {"routing_mode": "/home/" + SECRET},
        {"routing_mode": "ghp_" + "a1" * 18},
    ],
)
def test_anonymity_violation_never_holds_the_value(payload: Any) -> None:
    """Neither the text, the arguments, the attributes, the context nor the frames hold the value."""
    violation = refusal(payload)
    told = [
        *(str(violation), repr(violation), repr(violation.args), repr(vars(violation)), locals_of(violation)),
        "".join(traceback.format_exception(type(violation), violation, violation.__traceback__)),
    ]
    for text in told:
        for secret in (SECRET, SECRET[2:], "a1a1a1"):
            assert secret not in text
    assert violation.__context__ is None


def test_anonymity_violation_is_an_error_of_ours() -> None:
    """A violation is a `TelemetryError` with a rule, a pattern and a reason, and survives pickling."""
    violation = refusal(with_field("routing_mode", SECRET))
    again = pickle.loads(pickle.dumps(violation))  # noqa: S301  our own bytes
    assert isinstance(violation, TelemetryError)
    assert isinstance(again, AnonymityViolation)
    assert (again.rule, again.pattern, again.reason) == (violation.rule, violation.pattern, violation.reason)
    assert str(again) == str(violation)


def test_scan_text_for_pii_looks_for_prefixes_and_values_only() -> None:
    """A person may write an address or anything else, but no path and no secret of the machine."""
    scan_text_for_pii("Write to me: tim.o@example.org or https://example.org, 10.0.0.1", ())
    for text, rule in (("see c:\\users\\tim\\x", "blocked_prefix"), (f"my key {SECRET}", "blocked_value")):
        with pytest.raises(AnonymityViolation) as caught:
            scan_text_for_pii(text, BLOCKED)
        assert caught.value.rule == rule


@pytest.mark.parametrize(
    ("template", "prefix"),
    [("/api/v1/users/{id}", "/Users/"), ("/home/{id}", "/home/"), ("/api/v1/servers", None), ("", None)],
)
def test_find_blocked_prefix_judges_a_name_before_it_is_counted(template: str, prefix: str | None) -> None:
    """A name that could never leave can be told before it is counted."""
    assert find_blocked_prefix(template) == prefix


def batch(tool: str) -> str:
    return json.dumps({"events": [{"tool": tool, "status": "success"}]})


def test_find_credential_finds_the_value_of_a_variable() -> None:
    """A credential of this machine is found in a batch, also where JSON escapes it."""
    blocked = collect_blocked_values(
        "tims-laptop", "/home/tim", {"GITHUB_TOKEN": "plain-secret", "X_SECRET": 'with "quotes" ü'}
    )
    for secret, label in (("plain-secret", "env:GITHUB_TOKEN"), ('with "quotes" ü', "env:X_SECRET")):
        for text in (batch(f"a{secret}b"), json.dumps({"tool": secret}, ensure_ascii=False)):
            found = find_credential(text, blocked)
            assert found is not None
            assert found.label == label


@pytest.mark.parametrize(
    "token",
    [token for what, tokens in OPEN_VALUES.items() if "token" in what or "key" in what for token in tokens
     if not token.startswith(("hf_", "npm_"))],
)
def test_find_credential_finds_a_token_by_its_shape(token: str) -> None:
    """A well-known token is found without being known, and its label names what it is."""
    for text in (batch(token), batch(f"x {token}")):
        found = find_credential(text, ())
        assert found is not None
        assert found.label.startswith("token:")
        assert token[:16] not in repr(found)


def test_find_credential_passes_names_and_clean_batches() -> None:
    """The names of the machine and the person are not searched: an operator's tool may be called so."""
    assert find_credential(batch("tim tims-laptop task-management-system-tool"), BLOCKED) is None
    assert find_credential("", BLOCKED) is None


def test_find_credential_takes_a_plain_string_for_a_credential() -> None:
    """A value given as a plain string is searched too."""
    assert find_credential(batch("a-canary"), ["canary"]) == BlockedValue("value", "canary")
