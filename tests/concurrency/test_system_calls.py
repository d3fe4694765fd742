"""What recording asks of the operating system: nothing."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from mcptelemetry.testing import InProcessCollector

TRACE = "trace=%file,%network,%process,read,write"


@pytest.fixture
def strace(tmp_path):
    """Return the command that traces what follows it, and the file it writes."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (Debian: apt-get install strace)")
    log = tmp_path / "strace.log"
    command = ["strace", "-f", "-o", str(log), "-e", TRACE]
    found = subprocess.run([*command, "true"], capture_output=True, text=True, timeout=30, check=False)
    if found.returncode != 0:
        pytest.skip(f"strace may not trace here: {found.stderr.strip()[-200:]}")
    return command, log


@pytest.mark.heavy
def test_record_makes_no_system_call_of_its_own(run_host, strace):
    """Ten thousand records after a warm-up open, read, write, send and start nothing in the recording thread."""
    command, log = strace
    with InProcessCollector() as collector:
        result = run_host("quiet_host.py", collector.events_url, prefix=command)
    assert result.facts["account"]["recorded"] == 10_201
    lines = [line.split(None, 1) for line in log.read_text(errors="replace").splitlines()]
    (begin,) = [index for index, (_, call) in enumerate(lines) if "/mark-begin" in call]
    (end,) = [index for index, (_, call) in enumerate(lines) if "/mark-end" in call]
    recording = lines[begin][0]
    assert recording == lines[end][0]
    calls = [call for thread, call in lines[begin + 1 : end] if thread == recording]
    # The second line of a call that was interrupted in the log belongs to the mark itself.
    assert [call for call in calls if not re.match(r"<\.\.\. \w+ resumed>|---|\+\+\+", call)] == []
