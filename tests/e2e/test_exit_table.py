"""
How a host ends, whatever the network does: in time, with its own status, and in silence.

Every network by every way of ending, each in a process of its own, a few at a time. The time
is that from the host's last statement to the end of its process, seen from outside. A machine
that is busy with something else gets some more tries for what depends on time; all else must be
right each time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mcptelemetry.testing import HostileServer, InProcessCollector, refusing_url

SCRIPT = Path(__file__).parents[1] / "data" / "scripts" / "exit_host.py"
LIMIT_SECS = 1.5
HANGS_AFTER_SECS = 60
TRIES = 6

# The whole table is run for the first of its tests.
pytestmark = pytest.mark.timeout(600)

NETWORKS = ("idle", "live", "refused", "silent", "never-resolving")
# The scene and the status the host ends with.
STATUS_OF_SCENE = {"main": 0, "thread": 0, "atexit": 0, "after-shutdown": 0, "uncaught": 1, "exit-3": 3}
CASES = [(network, scene) for network in NETWORKS for scene in STATUS_OF_SCENE]


class Ended:
    """One process that came to its end."""

    def __init__(self, url, network, scene, number, directory):
        self.tool = f"{network}_{scene}_{number}".replace("-", "_")
        report = directory / f"{self.tool}.json"
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT), url, network, scene, self.tool, str(report)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"], "HOME": str(directory), "TMPDIR": str(directory)},
        )
        try:
            self.out, self.err = process.communicate(timeout=HANGS_AFTER_SECS)
            ended_at = time.monotonic()
            self.status = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            self.out, self.err = process.communicate()
            self.status, ended_at = "hung", time.monotonic()
        facts = json.loads(report.read_text()) if report.exists() else {"began_at": 0, "account": None}
        self.took_secs = ended_at - facts["began_at"]
        self.account = facts["account"]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Run the whole table once; return what became of each case, try by try, and what was stored."""
    directory = tmp_path_factory.mktemp("exit-table")
    with InProcessCollector() as collector, HostileServer("silent") as silent, refusing_url() as refused:
        url_of_network = {
            "idle": collector.events_url,
            "live": collector.events_url,
            "refused": refused,
            "silent": silent.events_url,
            "never-resolving": "https://telemetry.invalid/events",
        }

        def run(case):
            network, scene = case
            tries = []
            for number in range(TRIES):
                tries.append(Ended(url_of_network[network], network, scene, number, directory))
                if tries[-1].took_secs < LIMIT_SECS and tries[-1].account and not is_short(network, tries[-1]):
                    break
            return tries

        with ThreadPoolExecutor(max(2, (os.cpu_count() or 2))) as pool:
            results = dict(zip(CASES, pool.map(run, CASES)))
        return results, [event for event in collector.events()]


def is_short(network, ended):
    """Return whether less was delivered than could have been, had there been time."""
    return network == "live" and ended.account["delivered"] < ended.account["recorded"] - after_shutdown(ended)


def after_shutdown(ended):
    return 2 if "after_shutdown" in ended.tool else 0


@pytest.mark.parametrize("scene", STATUS_OF_SCENE)
@pytest.mark.parametrize("network", NETWORKS)
def test_exit_ends_in_time_unchanged_and_silent(table, network, scene):
    """The host ends within 1.5 s with its own status, nothing is printed, and what could be delivered was."""
    results, stored = table
    tries = results[network, scene]
    for ended in tries:
        assert ended.status == STATUS_OF_SCENE[scene], ended.err
        assert ended.out == ""
        lines = ended.err.splitlines()
        if scene == "uncaught":
            assert lines[0] == "Traceback (most recent call last):"
            assert lines[-1] == "ValueError: the host's own"
            assert sum(not line.startswith(" ") for line in lines) == 2
        elif scene == "after-shutdown" and lines:
            # Not the exit's word: `shutdown()` was called before, and what it lost is said once.
            assert [line.startswith("mcptelemetry: events to ") for line in lines] == [True]
        else:
            assert lines == []
        check_account(network, scene, ended)
        arrived = [event for event in stored if event.tool == ended.tool]
        assert len({event.id for event in arrived}) == len(arrived)
        assert len(arrived) >= ended.account["delivered"]
        if network != "live":
            assert arrived == []
    assert min(ended.took_secs for ended in tries) < LIMIT_SECS
    if network == "live":
        assert not is_short(network, tries[-1])


def check_account(network, scene, ended):
    account = ended.account
    assert account["is_balanced"]
    assert account["recorded"] == (0 if network == "idle" else 5)
    assert account["buffered"] == account["rejected"] == account["invalid"] == 0
    if network != "live":
        assert account["delivered"] == 0
