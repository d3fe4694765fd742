"""Runs real servers with an application that records, and the same servers without telemetry beside them."""

from __future__ import annotations

import os
import runpy
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import types
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mcptelemetry.testing import InProcessCollector

DATA = Path(__file__).parents[1] / "data" / "hosts"
CHECKOUT = Path(__file__).parents[2]
free_port = runpy.run_path(str(DATA.parent / "scripts" / "free_port.py"))["free_port"]
REQUEST_COUNT = 40
LATER_SECS = 1.0
TRIES = 5  # for what depends on time, on a machine that is busy with something else
UP_SECS = 60
HANGS_AFTER_SECS = 60


def get(url):
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=30) as answer:
        return answer.read()


def wait_until(is_so, process, what):
    ends_at = time.monotonic() + UP_SECS
    pause = threading.Event()
    while not is_so():
        if time.monotonic() > ends_at or process.poll() is not None:
            return False
        pause.wait(0.05)
    return True


def is_up(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def count_stored(data_dir):
    """Return how many calls of the tool stand in the installation's database."""
    path = os.path.join(data_dir, "telemetry.db")
    if not os.path.exists(path):
        return 0
    connection = sqlite3.connect(path, timeout=20)
    try:
        return connection.execute("SELECT sum(count) FROM usage_counters WHERE kind = 'builtin' AND name = 'request'").fetchone()[0] or 0
    finally:
        connection.close()


class Host:
    """Starts one server process, and ends it."""

    def __init__(self, command, directory, collector, *, is_bare, extra=None, keeps=False):
        self.data_dir = str(directory / "data")
        if keeps:  # events on the disk
            os.makedirs(self.data_dir, exist_ok=True)
            Path(self.data_dir, "telemetry.toml").write_text("[proxy.telemetry]\nspool = true\n")
        environ = {
            "PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"],
            "HOME": str(directory),
            "TMPDIR": str(directory),
            "PYTHONPATH": str(DATA),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOST_CHECKOUT": str(CHECKOUT),
            "HOST_EVENTS": collector.events_url,
            "HOST_HEARTBEAT": collector.url,
            "HOST_DATA": self.data_dir,
            "HOST_BARE": "1" if is_bare else "",
            **(extra or {}),
        }
        self.log_path = directory / f"log-{'bare' if is_bare else 'ours'}"
        self.log = open(self.log_path, "wb")
        self.process = subprocess.Popen(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT, env=environ,
            start_new_session=True,
        )

    def said(self):
        lines = self.log_path.read_text(errors="replace").splitlines()
        return "\n".join(line for line in lines if "GET / =>" not in line)  # uWSGI's, one a request

    def stop(self, number):
        """Ask it to end; return how long it took."""
        began_at = time.monotonic()
        self.process.send_signal(number)
        try:
            self.process.wait(HANGS_AFTER_SECS)
        except subprocess.TimeoutExpired:
            return None
        return time.monotonic() - began_at

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.log.close()


@pytest.fixture
def serve(tmp_path):
    """Return a function that runs a WSGI server, with and without telemetry, and tells what became of it."""

    def run(command_for, *, stop_signal=signal.SIGTERM):
        facts = types.SimpleNamespace(took_secs={})
        directory = Path(tempfile.mkdtemp(dir=tmp_path))
        with InProcessCollector() as collector:
            for is_bare in (True, False):
                port = free_port()
                host = Host(command_for(port), directory, collector, is_bare=is_bare)
                try:
                    assert wait_until(lambda: is_up(port), host.process, "up"), host.said()
                    with ThreadPoolExecutor(6) as pool:
                        answers = list(pool.map(lambda _: get(f"http://127.0.0.1:{port}/"), range(REQUEST_COUNT)))
                    took = host.stop(stop_signal)
                    said = host.said()
                    assert took is not None, f"it did not stop: {said}"
                    facts.took_secs["bare" if is_bare else "ours"] = took
                finally:
                    host.close()
            facts.answers, facts.said, facts.status = answers, said, host.process.returncode
            facts.events = collector.events()
            facts.count = count_stored(host.data_dir)
        return facts

    return run


def check(run):
    """All requests answered, all events once, all counts there each time; a stop at most a second later."""
    for _ in range(TRIES):
        facts = run()
        assert len(facts.answers) == REQUEST_COUNT, facts.said
        assert "Traceback" not in facts.said, facts.said
        senders = check_each_once(facts.events)
        if is_complete(facts) and facts.took_secs["ours"] <= facts.took_secs["bare"] + LATER_SECS:
            assert senders == len(set(facts.answers))
            return
    pytest.fail(f"{len(facts.events)} delivered, {facts.count} counted, and it took {facts.took_secs} to stop: {facts.said}")


def check_each_once(events):
    """Require that none is there twice, nor one that nobody recorded; return how many processes they are from."""
    ids = [event.id for event in events]
    assert len(set(ids)) == len(ids) <= REQUEST_COUNT
    return len({event_id.split("-")[0] for event_id in ids})


def is_complete(facts):
    """Return whether everything was delivered and counted: an end waits for a second and no longer."""
    assert facts.count <= REQUEST_COUNT
    return len(facts.events) == facts.count == REQUEST_COUNT
