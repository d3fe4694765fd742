"""
A host that is interrupted at random instants of whatever it asks of us: ``interrupted_host.py URL COUNT``.

Not of forks: there the interpreter itself swallows what is raised in `logging`'s own hooks.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import sys
import tempfile
import time

url, wanted = sys.argv[1], int(sys.argv[2])

import host  # noqa: E402

from mcptelemetry import Telemetry  # noqa: E402
from mcptelemetry.errors import UploadError  # noqa: E402

directory = tempfile.mkdtemp()
telemetry = Telemetry(
    "acme-mcp",
    "1.0.0",
    environ={"ACME_MCP_EVENTS_ENDPOINT": url},
    heartbeat_endpoint="http://127.0.0.1:9",
    tools=("search",),
    notice=lambda text: True,
    data_dir=directory,
)
telemetry.start()
telemetry.record("search")
telemetry.flush(20)
handled = [0]
is_armed = [False]


def on_interrupt(_number, _frame):
    if is_armed[0]:
        handled[0] += 1
        raise KeyboardInterrupt


swallowed_elsewhere = host.note_swallowed(KeyboardInterrupt)
signal.signal(signal.SIGINT, on_interrupt)
returned, surfaced, in_record = 1, 0, 0
kind = None


def do_anything(kind):
    global returned
    if kind == 0:
        telemetry.record("search")
        returned += 1
    elif kind == 1:
        telemetry.status()
    elif kind == 2:
        try:
            telemetry.flush(5)
        except UploadError:
            pass
    else:
        telemetry._counting.flush(1)


while surfaced < wanted:
    try:
        is_armed[0] = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, on_interrupt)
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0001, 0.02), 2.0)  # again, if it was swallowed
        while True:
            kind = random.choice((0, 0, 0, 1, 2, 3))
            do_anything(kind)
    except KeyboardInterrupt:
        surfaced += 1
        is_armed[0] = False
        in_record += kind == 0
signal.setitimer(signal.ITIMER_REAL, 0)
began_at = time.monotonic()
telemetry.record("search")
returned += 1
host.flush_until_empty(telemetry.pipeline)
is_stored = telemetry._counting.flush(5)
took_secs = time.monotonic() - began_at
status = telemetry.status()
connection = sqlite3.connect(os.path.join(directory, "telemetry.db"))
counted = connection.execute("SELECT sum(count) FROM usage_counters WHERE kind = 'builtin' AND name = 'search'").fetchone()[0]
host.report(
    surfaced=surfaced,
    handled=handled[0],
    swallowed_elsewhere=len(swallowed_elsewhere),
    returned=returned,
    in_record=in_record,
    is_stored=is_stored,
    counted=counted,
    failure=status["storage"]["failure"],
    account=host.account(telemetry.pipeline),
    took_secs=took_secs,
)
