"""Sums that several processes make, and that are killed in the making, never change an answer."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from mcptelemetry.collector import Filter, SqliteStore
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent

PLAIN = Path(__file__).parents[1] / "data" / "collector" / "plain_answers.py"
DAY = 86_400
DAYS = 40
RECEIVED_AT = (20_000 + DAYS) * DAY

_ASK = """
import sys
from mcptelemetry.collector import Filter, SqliteStore
store = SqliteStore(sys.argv[1])
print("ready", flush=True)
for _ in range(int(sys.argv[2])):
    for asked in (Filter(), Filter(version="v1"), Filter(client="vscode")):
        store.calls(asked)
        store.tools(asked)
        store.sessions(asked)
"""


def make_events(count, seed):
    """Return *count* events spread over the days, of a few tools, clients and processes."""
    return [
        TelemetryEvent(
            f"tool_{number % 5}", ("local_only", "remote_only")[number % 2], latency_ms=number * seed % 4_001, client=("cursor", "vscode")[number % 7 > 3],
            timestamp_secs=20_000 * DAY + (number * 7_919 * seed) % (DAYS * DAY), id=f"{number % 300:020x}-{seed * 100_000 + number}",
        )
        for number in range(count)
    ]  # fmt: skip


def add(store, events, version):
    """Store *events* and return them as the document that they came in."""
    store.add_events(TelemetryBatch(events, app="acme-mcp", version=version), received_at=RECEIVED_AT)
    return RECEIVED_AT, "events", {"app": "acme-mcp", "version": version, "events": [event.to_dict() for event in events]}


def check_answers(path, documents):
    """Assert that the file answers as a loop over *documents* does, with its sums and without."""
    specification = importlib.util.spec_from_file_location("plain_answers", PLAIN)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    plain = module.PlainAnswers(documents)
    for store in (SqliteStore(path, read_only=True), SqliteStore(path)):
        for asked in (Filter(), Filter(version="v1"), Filter(client="vscode"), Filter(version="v1", client="cursor"), Filter(tool="tool_1")):
            for name in ("calls", "tools", "sessions"):
                assert getattr(store, name)(asked) == getattr(plain, name)(asked), (store, asked, name)


def start(path, rounds):
    """Return a process that asks, once it is about to."""
    process = subprocess.Popen([sys.executable, "-c", _ASK, str(path), str(rounds)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.heavy
def test_sums_that_are_killed_in_the_making_change_no_answer(tmp_path):
    """Whoever is killed while summing up leaves whole blocks or none."""
    path = tmp_path / "c.db"
    store = SqliteStore(path)
    documents = [add(store, make_events(6_000, seed), f"v{seed}") for seed in (1, 3)]
    for wait_ms in (0, 5, 20, 40, 80, 160):
        asker = start(path, 1)
        try:
            asker.wait(timeout=wait_ms / 1000)
        except subprocess.TimeoutExpired:
            asker.kill()
        asker.communicate(timeout=60)
    check_answers(path, documents)


@pytest.mark.heavy
def test_two_who_sum_up_while_late_events_come_and_old_ones_go_agree(tmp_path):
    """Two processes ask, and sum up, while events of any day arrive and old ones are taken out; then the answers are those of what is left."""
    path = tmp_path / "c.db"
    store = SqliteStore(path)
    documents = [add(store, make_events(6_000, 1), "v1")]
    askers = [start(path, 4) for _ in range(2)]
    documents += [add(store, make_events(200, seed), f"v{seed % 2}") for seed in range(3, 43, 2)]
    limit = (20_000 + 10) * DAY + 7 * 3600
    store.prune(limit)
    documents += [add(store, make_events(200, seed), f"v{seed % 2}") for seed in range(43, 63, 2)]
    store.prune(limit)
    for asker in askers:
        asker.communicate(timeout=100)
        assert asker.returncode == 0
    left = [
        (moment, stream, {**document, "events": [event for event in document["events"] if event["timestamp_secs"] >= limit]})
        for moment, stream, document in documents
    ]
    check_answers(path, left)
