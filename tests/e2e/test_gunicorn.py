"""A pre-forking server: the client is made in the master, and each worker delivers its own events."""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from mcptelemetry.testing import InProcessCollector

pytest.importorskip("gunicorn", reason="gunicorn belongs to the test extra and is not installed")

SCRIPTS = Path(__file__).parents[1] / "data" / "scripts"
free_port = runpy.run_path(str(SCRIPTS / "free_port.py"))["free_port"]
WORKER_COUNT = 4
REQUEST_COUNT = 60
EXPECTED = Counter(master=1, worker=WORKER_COUNT, request=REQUEST_COUNT + 1)
TRIES = 5  # an end may take a second and no longer: on a machine that is busier than that, once more


def get(url):
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=20) as answer:
        return answer.read()


def wait_until_up(process, url):
    ends_at = time.monotonic() + 40
    pause = threading.Event()
    while time.monotonic() < ends_at and process.poll() is None:
        try:
            return get(url)
        except (urllib.error.URLError, OSError):
            pause.wait(0.05)
    return pytest.fail("gunicorn did not begin to serve")


def test_gunicorn_master_and_workers_deliver_their_own_once(tmp_path):
    """Four workers forked after the client was made, and their master, deliver every event once."""
    for _ in range(TRIES):
        found = serve_and_stop(tmp_path)
        assert not found - EXPECTED
        if found == EXPECTED:
            break
    assert found == EXPECTED


def serve_and_stop(tmp_path):
    """Have it answer requests and end; return how many events of each tool arrived, each once and from whom it should."""
    with InProcessCollector() as collector:
        url = f"http://127.0.0.1:{free_port()}/"
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", str(SCRIPTS / "gunicorn_host.py")]
            + ["-b", url[len("http://") : -1], "gunicorn_host:app"],
            cwd=SCRIPTS,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "TMPDIR": str(tmp_path),
                "HOST_URL": collector.events_url,
                "PYTHONDONTWRITEBYTECODE": "1",
            },
        )
        try:
            pids = {wait_until_up(process, url)}
            answers = []
            askers = [
                threading.Thread(target=lambda: answers.extend(get(url) for _ in range(REQUEST_COUNT // 6)))
                for _ in range(6)
            ]
            for asker in askers:
                asker.start()
            for asker in askers:
                asker.join(60)
            pids.update(answers)
            process.send_signal(signal.SIGTERM)
            log, _ = process.communicate(timeout=60)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        assert len(answers) == REQUEST_COUNT, log
        events = collector.events()
        assert len({event.id for event in events}) == len(events)
        tools = Counter(event.tool for event in events)
        senders = {tool: {event.id.split("-")[0] for event in events if event.tool == tool} for tool in EXPECTED}
        assert len(senders["worker"]) == tools["worker"]
        assert senders["request"] <= senders["worker"]
        assert not senders["master"] & senders["worker"]
        assert len(senders["request"]) == len(pids) or tools != EXPECTED
        assert "Traceback" not in log, log
        return tools
