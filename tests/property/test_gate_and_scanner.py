"""One table: the scanner alone refuses exactly what the gate refuses of a heartbeat, and what passes is one."""

from __future__ import annotations

import copy
import json
import random
import socket
from pathlib import Path

import jsonschema
import pytest

from mcptelemetry import Telemetry
from mcptelemetry.privacy import AnonymityViolation, Gate, Verdict, collect_blocked_values, scan_for_pii
from mcptelemetry.testing import FakeClock, ScriptedTransport
from mcptelemetry.wire import FIELDS

ROOT = Path(__file__).parents[2]
FULL = json.loads((ROOT / "tests" / "data" / "heartbeat" / "full.json").read_text())
CONTRACT = jsonschema.Draft202012Validator(json.loads((ROOT / "contracts" / "heartbeat-v3.json").read_text()))
SECRET = "opensesame-Value42"
URL = "https://t.acme.example/heartbeat"

# What may stand somewhere, and what may stand nowhere.
WORDS = [
    *("linux", "aix", "unknown", "other", "our-own-way", "0", "1_100", "1-10", "vscode", "claude-desktop", "mcp"),
    *("v1.4.0", "2026.11.21.1", "1." + "0" * 62, "1." + "0" * 63, "3.12.1", "", " ", "a" * 64, "a" * 65),
    *("2026-12-31T23:59:59Z", "2026-99-01T00:00:00Z", "3f0c1f5e-8a3d-4c1b-9a57-0f6c3f1a2b4d", "GET /api/v1", "UNMATCHED"),
    *("/home/tim", "tim@example.org", "10.0.0.1", "https://example.org", "ghp_" + "a1" * 18, SECRET, "alice", "on alice"),
]
VALUES = [*WORDS, True, False, None, 0, 1, 3, -1, 1.0, 1.5, 2**53 - 1, 2**53, [], {}, ["vscode"], {"mcp": 1}, {"a": True}, [[1]]]


def places_in(value, path=()):
    """Return the path to everything in *value*."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path + (key,) for key, _ in inside] + [found for key, item in inside for found in places_in(item, (*path, key))]


def changed(dice, document):
    """Return *document* with one place of it replaced, taken away, renamed or added."""
    document = copy.deepcopy(document)
    *path, key = dice.choice(places_in(document))
    holder = document
    for step in path:
        holder = holder[step]
    how = dice.randrange(10)
    if how < 5:
        # Often something that is at home there: another value of the same type.
        alike = [value for value in VALUES if type(value) is type(holder[key])]
        holder[key] = copy.deepcopy(dice.choice(alike if alike and dice.random() < 0.7 else VALUES))
    elif how < 7:
        del holder[key]
    elif isinstance(holder, dict):
        new = dice.choice([word for word in WORDS if word] + ["get_issues", "beta", "first_search", "hostname"])
        holder[new] = holder.pop(key) if how == 7 else copy.deepcopy(holder[key])
    else:
        holder.append(dice.choice(WORDS))
    return document


def document_of(dice):
    document = FULL
    for _ in range(dice.choice((0, 1, 1, 1, 1, 2, 3))):
        document = changed(dice, document)
    return document


@pytest.fixture
def gate(tmp_path):
    """A real gate that asks what the heartbeat service asks, its transport, and what must not leave."""
    environ = {"HOME": str(tmp_path / "alice"), "ACME_MCP_TELEMETRY": "1", "ACME_PASSWORD": SECRET}
    transport = ScriptedTransport(otherwise=202)
    with Telemetry("acme-mcp", "1.4.0", heartbeat_endpoint="https://t.acme.example", environ=environ) as telemetry:
        gate = Gate(transport, refusal=lambda: None, clock=FakeClock(), scan=telemetry.heartbeat._search)
        yield gate, transport, collect_blocked_values(socket.gethostname(), environ["HOME"], environ)


def is_clean(payload, blocked):
    try:
        scan_for_pii(payload, blocked)
    except AnonymityViolation:
        return False
    return True


@pytest.mark.parametrize(
    ("count", "seed"), [(600, 1), pytest.param(5_000, 2, marks=[pytest.mark.heavy, pytest.mark.timeout(300)])]
)
def test_scanner_and_gate_agree_on_every_document(gate, count, seed):
    """What the scanner passes leaves and is a heartbeat by the contract; what it refuses does not leave."""
    gate, transport, blocked = gate
    dice = random.Random(seed)
    verdicts = {True: 0, False: 0}
    for _ in range(count):
        document = document_of(dice)
        body = json.dumps(document).encode()
        sent = len(transport.requests)
        verdict = gate.post(URL, body, {}, 10.0).verdict
        clean = is_clean(body, blocked)
        assert is_clean(document, blocked) == clean
        assert verdict is (Verdict.DELIVERED if clean else Verdict.UNCLEAN), document
        assert len(transport.requests) - sent == clean
        if clean:
            CONTRACT.validate(document)
        verdicts[clean] += 1
    assert min(verdicts.values()) > count // 10


@pytest.mark.parametrize("field", [field.name for field in FIELDS])
def test_scanner_refuses_every_value_that_the_contract_refuses(field):
    """Each field is given each value in turn; what is no heartbeat by the contract passes no scanner."""
    for value in VALUES:
        document = {**FULL, field: value}
        if not CONTRACT.is_valid(document):
            assert not is_clean(document, ())
