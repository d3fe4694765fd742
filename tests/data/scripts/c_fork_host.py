"""
A host that is forked by C code, of which Python is not told: ``c_fork_host.py URL SCENE``.

``quiet``: before anything was recorded. ``waiting``: while an event of the parent's waits.
"""

from __future__ import annotations

import ctypes
import os
import sys

import host

url, scene = sys.argv[1:3]

telemetry = host.make_telemetry(url)
if scene == "waiting":
    telemetry.pipeline.buffer.attend(lambda: None)  # nobody comes, as in a server's master
    telemetry.record("parent")
    telemetry.pipeline.buffer.attend(telemetry.pipeline._loop.life.summon)

fork = ctypes.PyDLL(None).fork  # holds the interpreter, and calls no hook
statuses = []
for number in range(3):
    pid = fork()
    if pid == 0:
        status = 9
        try:
            for _ in range(4):
                telemetry.record(f"child_{number}")
            telemetry.flush(20)
            status = 0 if telemetry.pipeline.stats().delivered == 4 else 7
        finally:
            os._exit(status)
    statuses.append(os.WEXITSTATUS(os.waitpid(pid, 0)[1]))
telemetry.record("parent")
host.flush_until_empty(telemetry.pipeline)
host.report(statuses=statuses, account=host.account(telemetry.pipeline))
