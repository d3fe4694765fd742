"""The end of a process with several clients: one second for all of them, and quiet for who is impatient."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mcptelemetry.testing import HostileServer

SCRIPT = Path(__file__).parents[1] / "data" / "scripts" / "many_clients_host.py"
LIMIT_SECS = 1.3
TRIES = 10  # for what depends on time, on a machine that is busy with something else


def start(url, count, scene, directory):
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), url, str(count), scene],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(directory), "TMPDIR": str(directory)},
    )


@pytest.mark.parametrize("count", [1, 2, 5, 10])
def test_exit_of_many_clients_shares_one_second(tmp_path, count):
    """However many clients have an endpoint that never answers, the process ends in the same time."""
    took_secs = []
    with HostileServer("silent") as server:
        for number in range(TRIES):
            process = start(server.events_url, count, "end", tmp_path)
            out, err = process.communicate(timeout=60)
            took_secs.append(time.monotonic() - float(out))
            assert (process.returncode, err) == (0, ""), number
            if took_secs[-1] < LIMIT_SECS:
                break
    assert min(took_secs) < LIMIT_SECS


@pytest.mark.parametrize("interrupts", [1, 2, 3])
def test_exit_interrupted_ends_at_once_and_prints_nothing(tmp_path, interrupts):
    """Ctrl-C in the last second, once or more often, ends the wait; nothing is printed and the status stays."""
    with HostileServer("silent") as server:
        process = start(server.events_url, 3, "interrupted", tmp_path)
        try:
            assert process.stdout.readline() == "ready\n"
            pause = threading.Event()
            for _ in range(interrupts):
                pause.wait(0.1)
                process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (out, err) == ("", "")
    assert process.returncode in (0, -signal.SIGINT)  # the second may find the interpreter gone already
