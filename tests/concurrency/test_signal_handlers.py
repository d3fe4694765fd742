"""Signals: none touched unasked; when asked, the events go first and the signal after them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mcptelemetry.testing import HostileServer, InProcessCollector

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")

SCRIPT = Path(__file__).parents[1] / "data" / "scripts" / "signal_host.py"


def send(url, scene, number, tmp_path, secs=30):
    """Run the host, send it signal *number* when it is ready; return status, output and errors."""
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), url, scene],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **{name: os.environ[name] for name in ("PATH", "PYTHONDEVMODE", "RECORD_UNDER_LOCK") if name in os.environ},
            "HOME": str(tmp_path),
            "TMPDIR": str(tmp_path),
        },
    ) as process:
        try:
            line = process.stdout.readline()
            assert line == "ready\n", process.communicate(timeout=secs)
            process.send_signal(number)
            out, err = process.communicate(timeout=secs)
        finally:
            process.kill()
    return process.returncode, out, err


def tools(collector):
    return sorted({event.tool for event in collector.events()})


def test_signal_terminate_flushes_and_keeps_its_status(tmp_path):
    """SIGTERM with nobody's handler: the events are delivered, and the process dies of the signal."""
    with InProcessCollector() as collector:
        assert send(collector.events_url, "default", signal.SIGTERM, tmp_path) == (-signal.SIGTERM, "", "")
        assert tools(collector) == ["first", "second"]


def test_signal_interrupt_flushes_and_raises_keyboard_interrupt(tmp_path):
    """SIGINT is Python's to turn into KeyboardInterrupt, after the events are out."""
    with InProcessCollector() as collector:
        status, out, err = send(collector.events_url, "default", signal.SIGINT, tmp_path)
        assert (status, out) == (-signal.SIGINT, "interrupted\n")
        assert err.rstrip().endswith("KeyboardInterrupt")
        assert tools(collector) == ["first", "second"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_earlier_handler_runs_after_the_flush(tmp_path, number):
    """The host's earlier handler is called as if it were alone, and its exit status counts."""
    with InProcessCollector() as collector:
        status, out, err = send(collector.events_url, "chained", number, tmp_path)
        assert (status, out, err) == (4, f"host's handler {number.name}\n", "")
        assert tools(collector) == ["first", "second"]


def test_signal_ignored_stays_ignored(tmp_path):
    """A signal that the host ignores goes on being ignored."""
    with InProcessCollector() as collector:
        assert send(collector.events_url, "ignored", signal.SIGTERM, tmp_path) == (0, "still here\n", "")


def test_signal_not_installed_nothing_is_touched(tmp_path):
    """Unless it is asked for, a signal kills as it always did, and nothing is flushed for it."""
    with InProcessCollector() as collector:
        assert send(collector.events_url, "not-installed", signal.SIGTERM, tmp_path)[0] == -signal.SIGTERM


def test_signal_during_a_flush_passes_on(tmp_path):
    """A signal that interrupts flush() itself flushes in turn and passes on."""
    with InProcessCollector() as collector:
        assert send(collector.events_url, "in-flush", signal.SIGTERM, tmp_path) == (-signal.SIGTERM, "", "")
        assert {"first", "second"} <= set(tools(collector))


@pytest.mark.parametrize("scene", ["default", "in-flush"])
def test_signal_with_a_silent_server_is_bounded(tmp_path, scene):
    """With a server that never answers, the signal passes on all the same, soon."""
    with HostileServer("silent") as server:
        assert send(server.events_url, scene, signal.SIGTERM, tmp_path, secs=20)[0] == -signal.SIGTERM
