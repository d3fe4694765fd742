"""The contract file and the collector agree on every document: the valid and the corrupted."""

from __future__ import annotations

import copy
import json
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcptelemetry.collector import HEARTBEAT_PATH
from mcptelemetry.testing import InProcessCollector
from mcptelemetry.wire import FIELDS, check

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = json.loads((ROOT / "contracts" / "heartbeat-v3.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(CONTRACT)
FULL = json.loads((ROOT / "tests" / "data" / "heartbeat" / "full.json").read_text())
GONE = object()


def changed(*path_and_value):
    """Return the example with the value at a path replaced, or taken away when it is `GONE`."""
    *path, value = path_and_value
    document = copy.deepcopy(FULL)
    place = document
    for key in path[:-1]:
        place = place[key]
    if value is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document


CORRUPTED = {
    "an unknown field": changed("hostname", "tims-laptop"),
    "an unknown field that is null": changed("hostname", None),
    **{f"no {field.name}": changed(field.name, GONE) for field in FIELDS if not field.is_omitted_when_empty},
    "app in upper case": changed("app", "Acme"),
    "app with a line end": changed("app", "acme\n"),
    "an empty app": changed("app", ""),
    "an overlong app": changed("app", "a" * 64),
    "an anonymous_id that is a name": changed("anonymous_id", "tim"),
    "an anonymous_id in upper case": changed("anonymous_id", FULL["anonymous_id"].upper()),
    "a heartbeat_id that is a number": changed("heartbeat_id", 7),
    "a version that is a path": changed("version", "/home/tim/src"),
    "an empty version": changed("version", ""),
    "a version with a blank": changed("version", "v1 .4"),
    "an unknown os": changed("os", "plan9"),
    "an unknown arch": changed("arch", "z80"),
    "a python_version in words": changed("python_version", "three"),
    "a count as text": changed("server_count", "7"),
    "a count that is true": changed("server_count", True),
    "a count that is null": changed("tool_count", None),
    "a count below zero": changed("tool_count", -1),
    "half a tool": changed("tool_count", 0.5),
    "a count without end": changed("uptime_hours", 10**18),
    "a routing_mode of its own": changed("routing_mode", "my-canary-server"),
    "a flag as text": changed("quarantine_enabled", "true"),
    "a flag as number": changed("quarantine_enabled", 1),
    "a timestamp without zone": changed("timestamp", "2026-11-21T05:30:00"),
    "a timestamp in another zone": changed("timestamp", "2026-11-21T05:30:00+01:00"),
    "a timestamp in month 13": changed("timestamp", "2026-13-21T05:30:00Z"),
    "a timestamp with fractions": changed("timestamp", "2026-11-21T05:30:00.5Z"),
    "schema_version 2": changed("schema_version", 2),
    "schema_version as text": changed("schema_version", "3"),
    "autostart_enabled as text": changed("autostart_enabled", "null"),
    "an unknown outcome": changed("last_startup_outcome", "exploded"),
    "an unknown surface": changed("surface_requests", "phone", 1),
    "a surface counted as text": changed("surface_requests", "mcp", "many"),
    "a surface map that is a list": changed("surface_requests", [1, 2]),
    "a tool name with a blank": changed("builtin_tool_calls", "my tool", 1),
    "a tool name of 65 characters": changed("builtin_tool_calls", "t" * 65, 1),
    "a tool counted below zero": changed("builtin_tool_calls", "retrieve_tools", -1),
    "52 tools": changed("builtin_tool_calls", {f"t{n}": 1 for n in range(52)}),
    "a failed tool with a blank": changed("builtin_tool_errors", "my tool", 1),
    "a failed tool by its error": changed("builtin_tool_errors", "call_tool_read", "timeout"),
    "52 failed tools": changed("builtin_tool_errors", {f"t{n}": 1 for n in range(52)}),
    "an exact duration": changed("builtin_tool_durations", "retrieve_tools", 17),
    "an unknown duration": changed("builtin_tool_durations", "retrieve_tools", "le_5ms", 1),
    "a duration of no tool": changed("builtin_tool_durations", "my tool", {"le_1s": 1}),
    "a milestone that is a count": changed("activation", "milestones", "first_search", 1),
    "a milestone in words": changed("activation", "milestones", "First search", True),
    "17 milestones": changed("activation", "milestones", {f"m{n}": True for n in range(17)}),
    "milestones in a list": changed("activation", "milestones", ["first_search"]),
    "an exact upstream count": changed("upstream_tool_call_count_bucket", "15"),
    "a route with a query": changed("rest_endpoint_calls", "GET /api?token=x", {"2xx": 1}),
    "a route without a method": changed("rest_endpoint_calls", "/api/v1/servers", {"2xx": 1}),
    "a status that is exact": changed("rest_endpoint_calls", "UNMATCHED", {"404": 1}),
    "a route without classes": changed("rest_endpoint_calls", "UNMATCHED", 7),
    "an unknown feature": changed("feature_flags", "enable_moon", True),
    "a missing feature": changed("feature_flags", "enable_socket", GONE),
    "a provider by address": changed("feature_flags", "oauth_provider_types", ["https://sso.acme.dev"]),
    "a flag that is a count": changed("flags", "beta", 3),
    "a flag in upper case": changed("flags", "Beta", True),
    "an error by its text": changed("error_category_counts", "cannot open file", 1),
    "a check without fail": changed("doctor_checks", "config_readable", "fail", GONE),
    "a check with a message": changed("doctor_checks", "config_readable", "message", "no such file"),
    "an unknown protocol": changed("server_protocol_counts", "gopher", 1),
    "an unknown env_kind": changed("env_kind", "office"),
    "a marker that is text": changed("env_markers", "has_tty", "yes"),
    "a marker that is null": changed("env_markers", "has_tty", None),
    "a marker of its own": changed("env_markers", "user", True),
    "a client with a path": changed("activation", "mcp_clients_seen_ever", ["/opt/client"]),
    "17 clients": changed("activation", "mcp_clients_seen_ever", [f"c{n}" for n in range(17)]),
    "an exact token count": changed("activation", "estimated_tokens_saved_24h_bucket", "1234"),
    "an activation without a flag": changed("activation", "first_mcp_client_ever", GONE),
    "an unknown launch_source": changed("launch_source", "hacker"),
    "a list": [FULL],
    "nothing": None,
    "an empty object": {},
}


# A word that is new in a closed field: a later sender's, for all that a collector knows.
NEW_WORDS = {
    "an unknown os",
    "an unknown arch",
    "a routing_mode of its own",
    "an unknown outcome",
    "an exact upstream count",
    "an unknown env_kind",
    "an exact token count",
    "an unknown launch_source",
}


def is_accepted(document) -> bool:
    try:
        check(document)
    except ValueError:
        return False
    return True


@pytest.fixture(scope="module")
def collector():
    """Yield a real collector."""
    with InProcessCollector() as collector:
        yield collector


@pytest.fixture(scope="module")
def post(collector):
    """Return a function that posts a heartbeat to the collector and returns status and answer."""

    def send(document):
        request = urllib.request.Request(
            collector.url + HEARTBEAT_PATH, json.dumps(document).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    return send


@pytest.fixture(autouse=True)
def nothing_left_behind():
    """The collector of this module outlives its tests."""


def test_contract_is_json_schema_2020_12():
    """The contract file is a valid schema of the draft it names."""
    assert CONTRACT["$schema"].endswith("2020-12/schema")
    jsonschema.Draft202012Validator.check_schema(CONTRACT)


def test_contract_and_collector_accept_the_full_document(post):
    """The fully populated document passes the contract, and the collector stores it."""
    VALIDATOR.validate(FULL)
    assert post(FULL) == (202, {"stored": 1, "duplicates": 0})


@pytest.mark.parametrize("field", ["builtin_tool_errors", "builtin_tool_durations"])
def test_contract_and_collector_accept_a_document_without_what_is_not_counted(post, field):
    """A sender that counts no failures, durations or milestones of its own leaves them out."""
    for document in (changed(field, GONE), changed("activation", "milestones", GONE)):
        VALIDATOR.validate(document)
        status, _ = post({**document, "heartbeat_id": str(uuid.uuid4())})
        assert status == 202


def test_there_are_at_least_40_corrupted_documents():
    """The set of corruptions is not smaller than what was promised."""
    assert len(CORRUPTED) >= 40


REFUSED = {name: document for name, document in CORRUPTED.items() if name not in NEW_WORDS}


@pytest.mark.parametrize("document", REFUSED.values(), ids=REFUSED.keys())
def test_contract_and_collector_refuse_each_corrupted_document(post, document):
    """What the contract refuses, the collector refuses with 400 and a sentence."""
    assert not VALIDATOR.is_valid(document)
    assert not is_accepted(document)
    status, answer = post(document)
    assert status == 400
    assert answer["error"]


@pytest.mark.parametrize("name", sorted(NEW_WORDS))
def test_new_words_never_leave_and_are_taken_from_others(collector, post, name):
    """No sender of this version says a word that is not in the table; of one that does, the collector keeps `other`."""
    document = {**CORRUPTED[name], "heartbeat_id": str(uuid.uuid4())}
    assert not VALIDATOR.is_valid(document)
    assert not is_accepted(document)
    assert post(document) == (202, {"stored": 1, "duplicates": 0})
    (kept,) = [kept for kept in collector.heartbeats() if kept["heartbeat_id"] == document["heartbeat_id"]]
    (changed_field,) = [field for field in document if kept[field] != document[field]]
    assert "other" in json.dumps(kept[changed_field])


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**54) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_table_and_contract_agree_on_any_value_anywhere(data):
    """Whatever stands in whichever place, the check and the contract say the same of it."""
    path = data.draw(st.sampled_from([[name] for name in FULL] + [[n, k] for n, v in FULL.items() if isinstance(v, dict) for k in v]))
    document = changed(*path, data.draw(JSON_VALUES))
    assert is_accepted(document) == VALIDATOR.is_valid(document)


@settings(max_examples=200, deadline=None)
@given(place=st.sampled_from([n for n, v in FULL.items() if isinstance(v, dict)]), key=st.text(max_size=80))
def test_table_and_contract_agree_on_any_key_of_any_map(place, key):
    """Whatever key a map is given, the check and the contract say the same of it."""
    document = changed(place, key, next(iter(FULL[place].values())))
    assert is_accepted(document) == VALIDATOR.is_valid(document)
