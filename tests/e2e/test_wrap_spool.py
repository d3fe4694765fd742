"""A wrapped server whose client ends it the hard way: what was recorded is on the disk, and the next process delivers it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mcptelemetry.testing import InProcessCollector

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "data" / "scripts" / "spool_host.py"
KEPT_AFTER_SECS = 1.5
CALLS_FOR_SECS = 3.5
LIMIT_SECS = 60
SERVER = (
    "import json, sys\n"
    "for line in sys.stdin:\n"
    "    asked = json.loads(line)\n"
    "    sys.stdout.write(json.dumps({'jsonrpc': '2.0', 'id': asked['id'], 'result': {'content': []}}) + '\\n')\n"
    "    sys.stdout.flush()\n"
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals as POSIX has them")


@pytest.mark.heavy
def test_wrapper_that_is_killed_leaves_what_it_recorded(tmp_path):
    """A client calls, and kills wrapper and server with -9: all calls answered 1.5 s before arrive, each once."""
    place = tmp_path / ".acme-mcp"
    place.mkdir(mode=0o700)
    (place / "telemetry.toml").write_text("[proxy.telemetry]\nspool = true\nbatch_interval_secs = 1\n", encoding="utf-8")
    with InProcessCollector() as collector:
        environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        command = ["wrap", "--app", "acme-mcp", "--endpoint", collector.events_url, "--", sys.executable, "-c", SERVER]
        process = subprocess.Popen(
            [sys.executable, "-m", "mcptelemetry", *command], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        killer = threading.Timer(LIMIT_SECS, process.kill)  # a wait for an answer has an end
        killer.start()
        answered = []
        try:
            ends_at = time.monotonic() + LIMIT_SECS
            while not answered or time.monotonic() < min(answered[0] + CALLS_FOR_SECS, ends_at):
                call = {"jsonrpc": "2.0", "id": len(answered), "method": "tools/call", "params": {"name": "search"}}
                process.stdin.write(json.dumps(call).encode() + b"\n")
                process.stdin.flush()
                assert process.stdout.readline()
                answered.append(time.monotonic())
                time.sleep(0.001)
        finally:
            killer.cancel()
            os.killpg(process.pid, 9)
            killed_at = time.monotonic()
            process.communicate(timeout=LIMIT_SECS)
        words = [sys.executable, str(SCRIPT), "deliver", str(tmp_path), collector.events_url]
        found = json.loads(subprocess.run(words, stdout=subprocess.PIPE, timeout=LIMIT_SECS, check=True).stdout)
        ids = [event.id for event in collector.events()]
    assert found["left"] == 0
    assert len(set(ids)) == len(ids) <= len(answered) + 1
    early = sum(at < killed_at - KEPT_AFTER_SECS for at in answered)
    assert early > 100
    assert len(ids) >= early
