"""The guide for hosts: each Python block in it runs as it stands, and does what is said beside it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mcptelemetry.testing import InProcessCollector

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```", GUIDE, flags=re.MULTILINE | re.DOTALL))

# What a host does with each block, and how many events have been delivered then.
HOSTS = {
    "rq_job.py": ("import os\nassert job('a') == 'A'\nos._exit(0)", 1),
    "asgi_app.py": (
        "import asyncio, os\n"
        "async def serve():\n"
        "    async with lifespan(None):\n"
        "        telemetry.record('search')\n"
        "asyncio.run(serve())\n"
        "os._exit(0)",
        1,
    ),
    "plain_program.py": (
        "import os, signal, time\ntelemetry.record('search')\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(30)",
        1,
    ),
    "pool.py": ("assert main() == [0, 1, 2, 3]", 4),
    "cell.py": ("telemetry.record('search')\nexec(block, globals())\ntelemetry.record('search')", 2),
    "function.py": (
        "import os\n"
        "assert handler({}, None)['statusCode'] == 200\n"
        "before = telemetry.pipeline.buffer.process\n"
        "after_restore()\n"
        "assert telemetry.pipeline.buffer.process != before\n"
        "assert handler({}, None)['statusCode'] == 200\n"
        "os._exit(0)",
        2,
    ),
    "flusher.py": ("", 3),
}
LEFT_BEHIND = {
    # What is run before the block, in a process that is killed: only who keeps events on the disk leaves any.
    "flusher.py": (
        "import os, pathlib, signal, sys, time\n"
        "home = pathlib.Path(os.environ['HOME'], '.acme-mcp')\n"
        "home.mkdir()\n"
        "(home / 'telemetry.toml').write_text('[proxy.telemetry]\\nspool = true\\n')\n"
        "from mcptelemetry import Telemetry\n"
        "telemetry = Telemetry('acme-mcp', '1.4.0')\n"
        "telemetry.start()\n"
        "for number in range(3):\n"
        "    telemetry.record('search')\n"
        "ends_at = time.monotonic() + 60\n"
        "while not (telemetry.status()['spool'] or {}).get('waiting') and time.monotonic() < ends_at:\n"
        "    time.sleep(0.05)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    ),
}
STATUS_OF_BLOCK = {"plain_program.py": -15}
TRIES = 5  # an end may take a second and no longer: on a machine that is busier than that, once more


def test_guide_has_a_host_for_each_block():
    """No Python in the guide is left untried."""
    assert set(BLOCKS) == set(HOSTS)
    assert GUIDE.count("```python") == len(BLOCKS)


@pytest.mark.skipif(sys.platform == "win32", reason="the guide is written for POSIX")
@pytest.mark.parametrize("name", HOSTS)
def test_guide_block_delivers(tmp_path, name):
    """The block is run in a process of its own, and its host does with it what the guide says."""
    delivered = HOSTS[name][1]
    for attempt in range(TRIES):
        place = tmp_path / str(attempt)
        place.mkdir()
        ids = run_block(place, name)
        assert len(set(ids)) == len(ids) <= delivered
        if len(ids) == delivered:
            break
    assert len(ids) == delivered


def run_block(tmp_path, name):
    """Run a block in a home of its own; return the ids of the events that arrived."""
    (tmp_path / name).write_text(f"block = {BLOCKS[name]!r}\n{BLOCKS[name]}\n{HOSTS[name][0]}\n")
    with InProcessCollector() as collector:
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": str(ROOT),
            "ACME_MCP_EVENTS_ENDPOINT": collector.events_url,
        }
        if name in LEFT_BEHIND:
            killed = [sys.executable, "-c", LEFT_BEHIND[name]]
            assert subprocess.run(killed, env=environ, timeout=100).returncode == -9
        done = subprocess.run(
            [sys.executable, str(tmp_path / name)], env=environ, capture_output=True, text=True, timeout=100
        )
        assert (done.returncode, done.stderr) == (STATUS_OF_BLOCK.get(name, 0), "")
        return [event.id for event in collector.events()]
