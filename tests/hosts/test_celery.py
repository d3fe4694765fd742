"""celery's prefork pool, whose children end without exit functions: every task is delivered and counted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import pytest

from mcptelemetry.testing import InProcessCollector

from .conftest import LATER_SECS, REQUEST_COUNT, TRIES, Host, check_each_once, count_stored, is_complete, wait_until

pytest.importorskip("celery", reason="celery belongs to the hosts extra and is not installed")
pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

SEND = "import sys, celery_host\nfor number in range(int(sys.argv[2])): celery_host.work.delay(f'{sys.argv[1]}/{number}')"


def run_worker(directory, collector, *, is_bare, stop_signal, keeps=False):
    """Have a worker with three children do all tasks, then end it; return what became of it."""
    broker, done = directory / f"broker-{is_bare}", directory / f"done-{is_bare}"
    for path in (broker, broker / "processed", done):
        path.mkdir()
    extra = {"HOST_BROKER": str(broker)}
    command = [sys.executable, "-m", "celery", "-A", "celery_host", "worker", "-c", "3", "-P", "prefork", "-l", "INFO"]
    host = Host(command, directory, collector, is_bare=is_bare, extra=extra, keeps=keeps)
    try:
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (Path(__file__).parents[1] / "data" / "hosts",)))}
        environ.update(extra, HOST_CHECKOUT=str(Path(__file__).parents[2]), HOST_BARE="1")
        subprocess.run([sys.executable, "-c", SEND, str(done), str(REQUEST_COUNT)], env=environ, check=True, timeout=60)
        assert wait_until(lambda: len(os.listdir(done)) == REQUEST_COUNT, host.process, "done"), host.said()
        pids = {path.read_text() for path in done.iterdir()}
        took = host.stop(stop_signal)
        assert took is not None, host.said()
        return types.SimpleNamespace(took_secs=took, pids=pids, said=host.said(), count=count_stored(host.data_dir), data_dir=host.data_dir)
    finally:
        host.close()


@pytest.mark.parametrize("stop_signal", [signal.SIGTERM])
def test_celery_prefork_delivers_and_stops(tmp_path, stop_signal):
    """Forty tasks in three children: each is delivered once and counted, and the stop is as quick as without."""
    for _ in range(TRIES):
        directory = Path(tempfile.mkdtemp(dir=tmp_path))
        with InProcessCollector() as collector:
            bare = run_worker(directory, collector, is_bare=True, stop_signal=stop_signal)
            assert collector.events() == []
            ours = run_worker(directory, collector, is_bare=False, stop_signal=stop_signal)
            ours.events = collector.events()
        assert "Traceback" not in ours.said, ours.said
        senders = check_each_once(ours.events)
        if is_complete(ours) and ours.took_secs <= bare.took_secs + LATER_SECS:
            assert senders == len(ours.pids)
            return
    pytest.fail(
        f"{len(ours.events)} delivered, {ours.count} counted, and it took {ours.took_secs} s to stop,"
        f" {bare.took_secs} s without: {ours.said}"
    )
