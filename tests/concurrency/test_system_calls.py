"""What recording asks of the operating system: nothing."""

from __future__ import annotations

import re

import pytest

from mcptelemetry.testing import InProcessCollector


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
