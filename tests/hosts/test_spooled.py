"""Real servers whose applications keep their events on the disk: what they leave, the next process delivers."""

from __future__ import annotations

import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mcptelemetry import Telemetry
from mcptelemetry.testing import InProcessCollector

from .conftest import REQUEST_COUNT, Host, free_port, get, is_up, wait_until

pytest.importorskip("celery", reason="celery, like the other hosts here, belongs to the hosts extra and is not installed")
from .test_celery import run_worker

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

KEPT_WITHIN_SECS = 1.5
GUNICORN = ("-m", "gunicorn", "-w", "3", "-b")
UWSGI = ("-c", "import pyuwsgi, sys; pyuwsgi.run(sys.argv[1:])", "--master", "--processes", "3", "--enable-threads", "--need-app")


def deliver_rest(data_dir, collector):
    """Deliver as a process that comes a lease later; return how many events are in the collector, and how many are there once."""
    telemetry = Telemetry(
        "acme-mcp",
        "1.0.0",
        environ={"ACME_MCP_EVENTS_ENDPOINT": collector.events_url},
        data_dir=data_dir,
        clock=lambda: time.time() + 61,
    )
    found = telemetry.deliver(30)
    assert (found.left, found.why) == (0, None)
    ids = [event.id for event in collector.events()]
    return len(ids), len(set(ids))


@pytest.mark.parametrize(
    ("package", "command"),
    [
        ("gunicorn", lambda port: [*GUNICORN, f"127.0.0.1:{port}", "-k", "sync", "--preload", "wsgi_host:app"]),
        ("gevent", lambda port: [*GUNICORN, f"127.0.0.1:{port}", "-k", "gevent", "wsgi_host:app"]),
        ("pyuwsgi", lambda port: [*UWSGI, "--http-socket", f"127.0.0.1:{port}", "--virtualenv", sys.prefix, "--module", "wsgi_host:app"]),
    ],
    ids=["gunicorn", "gevent", "uwsgi"],
)
def test_what_a_killed_server_leaves_is_delivered_once_by_the_next(tmp_path, package, command):
    """A server with three workers, killed 1.5 s after its last request, has lost none of its events."""
    pytest.importorskip(package, reason=f"{package} belongs to the hosts extra and is not installed")
    with InProcessCollector() as collector:
        port = free_port()
        host = Host([sys.executable, *command(port)], tmp_path, collector, is_bare=False, keeps=True)
        try:
            assert wait_until(lambda: is_up(port), host.process, "up"), host.said()
            with ThreadPoolExecutor(6) as pool:
                list(pool.map(lambda _: get(f"http://127.0.0.1:{port}/"), range(REQUEST_COUNT)))
            time.sleep(KEPT_WITHIN_SECS)
        finally:
            host.close()  # with kill -9, all of it
        assert "Traceback" not in host.said(), host.said()
        assert deliver_rest(host.data_dir, collector) == (REQUEST_COUNT, REQUEST_COUNT)


def test_what_celery_leaves_is_delivered_once_by_the_next(tmp_path):
    """Children of celery's pool end without exit functions; what they kept is delivered, each event once."""
    with InProcessCollector() as collector:
        ours = run_worker(tmp_path, collector, is_bare=False, stop_signal=signal.SIGTERM, keeps=True)
        assert "Traceback" not in ours.said, ours.said
        assert deliver_rest(ours.data_dir, collector) == (REQUEST_COUNT, REQUEST_COUNT)
