"""
A host that keeps its events on the disk: ``spool_host.py DEED HOME URL [NAME RATE]``.

*record* records RATE events a second called NAME until it is killed, and says after each handful how many there were
and when; *next* is a process that comes a lease later: it records one event and flushes until nothing waits; *deliver* is
a script that does so without a thread of ours. *share* records RATE events and delivers for a while; with STOPS it stops
itself in the middle of its first request. *fork* forks while both record, *interrupt* is interrupted by a signal handler at random
instants, *end* ends in order, *quiet* records between two look-ups of files
that are not there, and *disk* lives on one that is full or read-only for a while.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import host

from mcptelemetry import PipelineConfig, SpoolPlace, Telemetry, TelemetryEvent, TelemetryPipeline, UploadError
from mcptelemetry.events._spool_terms import StandingTerms
from mcptelemetry.system import HttpTransport

LIMIT_SECS = 30.0  # where it is no matter of time
TRIES_MAX = 600  # of a collector that fails every third request
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
        if not result.left or "another endpoint" in (result.why or ""):
            break
        time.sleep(0.05)
    threads = sorted(thread.name for thread in threading.enumerate())
    host.report(delivered=delivered, left=result.left, why=result.why, threads=threads)


class StoppingTransport(HttpTransport):
    """Stops its own process before the first body leaves; what continues it is a signal."""

    has_stopped = False

    def post(self, request):
        """Send, having stopped once."""
        if not self.has_stopped:
            self.has_stopped = True
            print("stopped", flush=True)
            os.kill(os.getpid(), signal.SIGSTOP)
        return super().post(request)


def share(home, url, name, count, lease_secs, stops=""):
    """Record *count* events in a spool whose claims hold for *lease_secs*, and flush until nothing waits."""
    environ = {"HOME": home}
    place = SpoolPlace(os.path.join(home, "spool.db"), StandingTerms(environ, None), float(lease_secs))
    pipeline = TelemetryPipeline(
        PipelineConfig(endpoint=url, spool=True, batch_size=10),
        environ=environ,
        transport=StoppingTransport(environ=environ) if stops else None,
        spool=place,
    )
    pipeline.start()
    for number in range(int(count)):
        pipeline.buffer.record(TelemetryEvent(name, "local_only", latency_ms=number))
    for _ in range(3):
        with contextlib.suppress(UploadError):
            pipeline.flush(30)
    pipeline.shutdown()
    host.report(account=host.account(pipeline))


def fork(home, url, *_):
    """Fork while a thread of ours keeps and another sends; both record before and after."""
    telemetry = make(home, url)
    telemetry.start()
    for number in range(300):
        telemetry.record("parent", latency_ms=number)
        time.sleep(0.003)
        if number == 150:
            pid = os.fork()
            if pid == 0:
                for of_child in range(200):
                    telemetry.record("child", latency_ms=of_child)
                telemetry.shutdown(LIMIT_SECS)
                os._exit(0)
    os.waitpid(pid, 0)
    telemetry.shutdown(LIMIT_SECS)
    host.report(account=host.account(telemetry.pipeline), spool=telemetry.status()["spool"])


class Interrupted(BaseException):
    """What the signal handler raises."""


def interrupt(home, url, seed, *_):
    """Record, flush and deliver while a signal handler raises at random instants."""
    rng = random.Random(int(seed))
    telemetry = make(home, url)
    telemetry.start()

    def raise_interrupted(_signal, _frame):
        raise Interrupted

    signal.signal(signal.SIGALRM, raise_interrupted)
    recorded = interrupts = 0
    for round_number in range(60):
        try:
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.0005, 0.03))
            for _ in range(5):
                telemetry.record("interrupted", latency_ms=recorded)
                recorded += 1
            if round_number % 3 == 0:
                telemetry.deliver()
            else:
                telemetry.flush(5)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except Interrupted:
            interrupts += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    telemetry.shutdown()
    host.report(account=host.account(telemetry.pipeline), recorded=recorded, interrupts=interrupts)


def end(home, url, *_):
    """Record a hundred events and end in order, saying when that began."""
    telemetry = make(home, url)
    telemetry.start()
    for number in range(100):
        telemetry.record("ended", latency_ms=number)
    host.report(ends_at=time.time())


def quiet(home, url, *_):
    """Record ten thousand events between two look-ups of files that are not there."""
    telemetry = make(home, url)
    telemetry.start()
    telemetry.record("warm_up", latency_ms=3)
    telemetry.flush(30)
    telemetry.record("warm_up", latency_ms=3)
    os.path.exists("/mark-begin")
    for number in range(10_000):
        telemetry.record("tool", latency_ms=number)
    os.path.exists("/mark-end")
    telemetry.flush(30)
    host.report(account=host.account(telemetry.pipeline))


def disk(home, url, scene, *_):
    """Record and deliver on a disk of its own that takes nothing, and once more when it does."""
    place = Path(home, ".acme-mcp")
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], check=True)
    telemetry = make(home, url)
    telemetry.start()
    filler = place / "filler"
    if scene == "full":
        with contextlib.suppress(OSError):
            filler.write_bytes(b"x" * 1_000_000)
    else:
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    telemetry.record("during")
    wait_until(lambda: telemetry.status()["trouble"]["spool"] is not None)
    during = telemetry.status()["trouble"]["spool"]
    telemetry.flush(30)
    stats_during = telemetry.pipeline.stats()
    if scene == "full":
        filler.unlink()
    else:
        subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)
    telemetry.record("after")
    wait_until(lambda: telemetry.pipeline.stats().spooled == 1)
    telemetry.flush(30)
    after = telemetry.status()["trouble"]["spool"]
    telemetry.shutdown()
    host.report(during=during, delivered=stats_during.delivered, after=after, account=host.account(telemetry.pipeline))


def wait_until(is_so):
    """Wait until *is_so()*, for half a minute at most."""
    ends_at = time.monotonic() + 30
    while not is_so() and time.monotonic() < ends_at:
        time.sleep(0.05)


if __name__ == "__main__":
    deeds = {"record": record, "next": next_process, "deliver": deliver, "share": share, "fork": fork}
    deeds.update(interrupt=interrupt, end=end, quiet=quiet, disk=disk)
    deeds[sys.argv[1]](*sys.argv[2:])
