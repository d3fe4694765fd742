"""Two collectors on one PostgreSQL server: what either acknowledged is there, once, whatever ends meanwhile."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time

import pytest
import requests

from mcptelemetry.collector import EVENTS_PATH, Filter, open_store

pytestmark = pytest.mark.heavy

LIMIT_SECS = 60
TODAY = 1_750_032_000
BATCHES, EVENTS = 120, 25

COLLECTOR = """
import sys
from mcptelemetry.collector import open_store, serve

store = open_store(sys.argv[1])
with serve(store, rate_limit=None) as server:
    print(server.url, flush=True)
    sys.stdin.read()
store.close()
"""


class Sender(threading.Thread):
    """Posts its batches, each until one of the collectors acknowledges it."""

    def __init__(self, number, urls, pause):
        super().__init__()
        self.acknowledged = 0
        self.refused = []  # status and Retry-After of each answer that was none
        self.problems = []  # posts that nobody answered
        self._number, self._urls, self._pause = number, urls, pause

    def run(self):
        deadline = time.monotonic() + LIMIT_SECS
        attempt = 0
        for batch in range(BATCHES):
            body = self._body(batch)
            while time.monotonic() < deadline:
                attempt += 1
                try:
                    answer = requests.post(self._urls[(self._number + attempt) % 2] + EVENTS_PATH, json=body, timeout=20)
                except requests.RequestException as error:
                    self.problems.append(error)
                    self._pause.wait(0.02)
                    continue
                if answer.status_code == 202:
                    self.acknowledged += 1
                    break
                self.refused.append((answer.status_code, answer.headers.get("Retry-After")))
                self._pause.wait(0.05)

    def _body(self, batch):
        events = [
            {"tool": f"tool-{number % 3}", "routing_decision": "local_only", "status": "success", "latency_ms": number,
             "timestamp_secs": TODAY + batch, "id": f"{self._number:020x}-{batch * EVENTS + number}"}
            for number in range(EVENTS)
        ]  # fmt: skip
        return {"events": events, "app": "acme-mcp", "version": "v1"}


def start_collector(url):
    """Return a collector's process and its address."""
    process = subprocess.Popen([sys.executable, "-c", COLLECTOR, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def wait_until(condition):
    """Wait for *condition*, not for ever."""
    deadline = time.monotonic() + LIMIT_SECS
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        pause.wait(0.01)


def test_a_killed_collector_and_a_restarted_server_lose_and_double_nothing(postgres):
    """One of two collectors is killed in mid-request and the server restarted: 503 with Retry-After, then all is there once."""
    url = postgres.make_database()
    (first, first_url), (second, second_url) = start_collector(url), start_collector(url)
    senders = [Sender(number, [first_url, second_url], threading.Event()) for number in range(4)]
    acknowledged = lambda: sum(sender.acknowledged for sender in senders)
    refused = lambda: [one for sender in senders for one in sender.refused]
    try:
        for sender in senders:
            sender.start()
        wait_until(lambda: acknowledged() > 60)
        first.kill()
        wait_until(lambda: acknowledged() > 120)
        postgres.stop()
        try:
            wait_until(lambda: len(refused()) > 8)
        finally:
            postgres.start()
        wait_until(lambda: acknowledged() > 240)
        postgres.stop("fast")  # and once as an operator restarts it
        postgres.start()
        for sender in senders:
            sender.join(LIMIT_SECS)
    finally:
        for process in (first, second):
            process.kill()
            process.communicate(timeout=LIMIT_SECS)
    assert acknowledged() == 4 * BATCHES
    assert any(sender.problems for sender in senders)
    assert {status for status, _ in refused()} == {503}
    assert all(int(retry_after) > 0 for _, retry_after in refused())
    store = open_store(url, read_only=True)
    answer = store.calls(Filter())
    assert answer.totals.calls == 4 * BATCHES * EVENTS
    assert [row.figures.calls for row in answer.rows] == [4 * BATCHES * 9, 4 * BATCHES * 8, 4 * BATCHES * 8]
    assert sum(span.calls for span in store.calls_over_time(Filter(), 3600)) == 4 * BATCHES * EVENTS
    assert store.sessions(Filter())[:2] == (4, 4 * BATCHES * EVENTS)
    assert store.health(Filter()).events == 4 * BATCHES * EVENTS
    store.close()


def test_the_command_collects_into_the_store_that_a_url_names(postgres, tmp_path):
    """`collect --store` with workers, and `report --store` beside it, use one database, and print no password."""
    url = postgres.make_database().replace("owner@", "owner:s3cret-W0rd@")
    command = [sys.executable, "-m", "mcptelemetry"]
    log = tmp_path / "log"
    with log.open("w") as err:
        collector = subprocess.Popen(
            [*command, "collect", "--store", url, "--workers", "2", "--keep-days", "36500"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err, cwd=tmp_path
        )  # fmt: skip
    try:
        wait_until(lambda: re.search(r"listening on (\S+)\n", log.read_text()) or collector.poll() is not None)
        address = re.search(r"listening on (\S+)\n", log.read_text())[1]
        for number in range(20):
            event = {"tool": "a", "routing_decision": "local_only", "status": "success", "latency_ms": 1, "timestamp_secs": TODAY, "id": f"{number // 2}"}
            answer = requests.post(address + EVENTS_PATH, json={"events": [event], "app": "acme-mcp"}, timeout=20)
            assert answer.status_code == 202
        assert requests.get(address + "/readyz", timeout=20).status_code == 200
        report = subprocess.run([*command, "report", "--store", url, "--json"], capture_output=True, text=True, timeout=LIMIT_SECS, check=True, cwd=tmp_path)
    finally:
        collector.terminate()
        collector.communicate(timeout=LIMIT_SECS)
    document = json.loads(report.stdout)
    assert document["totals"]["calls"] == 10
    assert document["health"]["duplicates"] == 10
    assert collector.returncode in (0, -15)
    assert "s3cret" not in log.read_text() + report.stdout + report.stderr
