"""
A host whose disk has trouble, and then has none: ``storage_trouble_host.py SCENE``.

Reports what `status()` said of storage during the trouble and after it, and what was counted
in the end. Nothing may raise on the way.
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time

scene = sys.argv[1]

if scene == "read-only" and os.getuid() == 0 and len(sys.argv) == 2:
    # Root can write everywhere, unless it lets go of what makes it so and begins again.
    import ctypes

    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP
    os.execv(sys.executable, [sys.executable, __file__, scene, "again"])

import resource  # noqa: E402

import host  # noqa: E402

from mcptelemetry import Telemetry  # noqa: E402
from mcptelemetry.testing import InProcessCollector  # noqa: E402

directory = tempfile.mkdtemp()
database = os.path.join(directory, "telemetry.db")
facts = {}


def make(environ=None, **options):
    telemetry = Telemetry(
        "acme-mcp",
        "1.0.0",
        environ=environ or {},
        heartbeat_endpoint="http://127.0.0.1:9",
        tools=("search",),
        notice=lambda text: True,
        data_dir=directory,
        **options,
    )
    telemetry.start()
    return telemetry


def count(telemetry, calls):
    for _ in range(calls):
        telemetry.record("search")
    return telemetry._counting.flush(5)


def note(word, telemetry):
    facts[word] = telemetry.status()["storage"]


def counted():
    connection = sqlite3.connect(database)
    try:
        found = connection.execute("SELECT sum(count) FROM usage_counters WHERE kind = 'builtin' AND name = 'search'").fetchone()[0]
        return found, connection.execute("PRAGMA user_version").fetchone()[0]
    finally:
        connection.close()


def set_version(number):
    connection = sqlite3.connect(database)
    connection.execute(f"PRAGMA user_version={number}")
    connection.commit()
    connection.close()


def read_only():
    """The directory can be read and not written."""
    telemetry = make()
    count(telemetry, 2)
    note("before", telemetry)
    os.chmod(directory, 0o500)
    facts["is_stored"] = count(telemetry, 3)
    note("during", telemetry)
    note("elsewhere", make())  # who has not tried yet
    os.chmod(directory, 0o700)
    count(telemetry, 1)
    note("after", telemetry)


def version(number):
    """The database lost the number of its version."""
    telemetry = make()
    count(telemetry, 2)
    note("before", telemetry)
    telemetry.shutdown()
    set_version(number)
    later = Telemetry("acme-mcp", "1.0.0", environ={}, data_dir=directory)
    note("during", later)  # who has not begun, and changes nothing
    facts["identity"] = later.status()["identity"] is not None
    later = make()
    facts["is_stored"] = count(later, 4)
    note("after", later)


def full():
    """No file can grow."""
    telemetry = make()
    note("before", telemetry)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
    facts["is_stored"] = count(telemetry, 5)
    note("during", telemetry)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    count(telemetry, 1)
    note("after", telemetry)


def mount(*arguments):
    """Mount something on the directory, whose files nobody may be writing then; the process has mounts of its own."""
    for _ in range(100):
        done = subprocess.run(["mount", *arguments, directory], capture_output=True, text=True)
        if done.returncode == 0:
            return
        time.sleep(0.05)  # the worker is in the middle of a transaction
    raise SystemExit(done.stderr)


def on_disk(break_it, mend_it, *, is_broken_at_first=False):
    """The data lies on a disk of its own, which has trouble; events go to an endpoint meanwhile."""
    mount("-t", "tmpfs", "-o", "size=256k", "tmpfs")
    with InProcessCollector() as collector:
        if is_broken_at_first:
            break_it()
        telemetry = make({"ACME_MCP_EVENTS_ENDPOINT": collector.events_url})
        if not is_broken_at_first:
            break_it()
        facts["is_stored"] = count(telemetry, 5)
        note("during", telemetry)
        mend_it()
        count(telemetry, 1)
        note("after", telemetry)
        telemetry.flush(20)
        facts["delivered"] = len({event.id for event in collector.events()})
        facts["balanced"] = host.account(telemetry.pipeline)["is_balanced"]


def full_disk(**options):
    """There is not one byte left on the disk."""
    ballast = os.path.join(directory, "ballast")

    def fill():
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError as error:
                assert error.errno == errno.ENOSPC

    on_disk(fill, lambda: os.unlink(ballast), **options)


def read_only_disk():
    """The disk is mounted read-only: not even root can write."""
    on_disk(lambda: mount("-o", "remount,ro"), lambda: mount("-o", "remount,rw"))


def take_all_descriptors():
    """Return descriptors that are held until not one is free."""
    held = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return held


def descriptors():
    """Not one descriptor is free, from the first line on."""
    held = take_all_descriptors()
    telemetry = make()
    facts["is_stored"] = count(telemetry, 5)
    note("during", telemetry)
    for descriptor in held:
        os.close(descriptor)
    facts["mode"] = telemetry.status()["mode"]
    count(telemetry, 1)
    note("after", telemetry)


class Clock:
    """The machine's clock, and what passes at a word."""

    passed = 0.0

    def time(self):
        return time.time() + self.passed

    def monotonic(self):
        return time.monotonic() + self.passed


def descriptors_of_events():
    """Not one descriptor is free when a client with an endpoint for events is made, and started."""
    held = take_all_descriptors()
    events = os.path.join(directory, "events.jsonl")
    clock = Clock()
    telemetry = make(events_endpoint=f"file://{events}", clock=clock)
    telemetry.record("search")
    facts["during"] = telemetry.status()["events"]["reason"]
    for descriptor in held:
        os.close(descriptor)
    telemetry.start()
    telemetry.record("search")
    clock.passed += 300  # the delay after the notice
    telemetry.flush(20)  # or they were sent already: the interval has passed too
    facts["after"] = telemetry.status()["events"]
    facts["delivered"] = facts["after"]["stats"]["delivered"]
    facts["tools"] = [json.loads(line)["tool"] for line in open(events)]
    facts["is_stored"] = telemetry._counting.flush(5)


def clock(now):
    """The clock stands where no calendar has a date."""
    times = [now]
    telemetry = make(clock=lambda: times[0])
    facts["is_stored"] = count(telemetry, 5)
    note("during", telemetry)
    facts["sent"] = telemetry.status() is not None
    times[0] = 1_800_000_000.0
    count(telemetry, 1)
    note("after", telemetry)


{
    "read-only": read_only,
    "version-0": lambda: version(0),
    "version-1": lambda: version(1),
    "full": full,
    "descriptors": descriptors,
    "descriptors-events": descriptors_of_events,
    "full-disk": full_disk,
    "full-disk-at-first": lambda: full_disk(is_broken_at_first=True),
    "read-only-disk": read_only_disk,
    "clock": lambda: clock(1e13),  # the year 318857
    "clock-before-1970": lambda: clock(-1e9),
}[scene]()
facts["counted"], facts["version"] = counted()
host.report(**facts)
