"""
A host that keeps its events on the disk: ``spool_host.py DEED HOME URL [NAME RATE]``.

*record* records RATE events a second called NAME until it is killed, and says after each handful how many there were
and when; *next* is a process that comes a lease later: it records one event and flushes until nothing waits; *deliver* is
a script that does so without a thread of ours.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import host

from mcptelemetry import Telemetry, UploadError

TRIES_MAX = 60
HANDFUL_SECS = 0.01
SETTINGS = "[proxy.telemetry]\nspool = true\nbatch_interval_secs = 1\noffline_queue_max = 1000000\n"


def make(home, url, secs_ahead=0.0):
    """Return the telemetry of a process whose clock is *secs_ahead*."""
    place = Path(home, ".acme-mcp")
    place.mkdir(exist_ok=True)
    if not (place / "telemetry.toml").exists():
        own = place / f"{os.getpid()}.toml"  # whole at once: others start in this moment too
        own.write_text(SETTINGS, encoding="utf-8")
        own.replace(place / "telemetry.toml")
    environ = {"HOME": home, "ACME_MCP_EVENTS_ENDPOINT": url}
    return Telemetry("acme-mcp", "1.0.0", environ=environ, clock=lambda: time.time() + secs_ahead)


def record(home, url, name, rate):
    """Record until the end, and say how far it is."""
    telemetry = make(home, url)
    telemetry.start()
    began_at, count = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - began_at) * int(rate))
        while count < due:
            telemetry.record(name, latency_ms=count)
            count += 1
        print(count, time.monotonic(), flush=True)
        time.sleep(HANDFUL_SECS)


def next_process(home, url, *_):
    """Come a lease later, record one event, and flush until nothing waits."""
    telemetry = make(home, url, 61.0)
    telemetry.start()
    telemetry.record("next")
    for _ in range(TRIES_MAX):
        try:
            telemetry.flush(30)
        except UploadError:
            time.sleep(0.05)
        if not (telemetry.status()["spool"] or {"waiting": 1})["waiting"]:
            break
    status = telemetry.status()
    telemetry.shutdown()
    host.report(account=host.account(telemetry.pipeline), spool=status["spool"], trouble=status["trouble"]["spool"])


def deliver(home, url, *_):
    """The same as a script of one's own does it."""
    telemetry = make(home, url, 61.0)
    delivered = 0
    for _ in range(TRIES_MAX):
        result = telemetry.deliver()
        delivered += result.delivered
        if not result.left:
            break
        time.sleep(0.05)
    threads = sorted(thread.name for thread in threading.enumerate())
    host.report(delivered=delivered, left=result.left, why=result.why, threads=threads)


if __name__ == "__main__":
    {"record": record, "next": next_process, "deliver": deliver}[sys.argv[1]](*sys.argv[2:])
