"""
A host that patches everything with gevent and keeps its events on the disk: ``gevent_spool_host.py HOME URL SCENE DEED``.

SCENE is when it patches, ``before`` or ``after`` the import, or ``between`` making the client and starting it. The DEED *end* flushes, records
one more event and ends in order; *die* kills itself as soon as all are on the disk.
"""

from __future__ import annotations

import os
import signal
import sys

home, url, scene, deed = sys.argv[1:5]

if scene != "before":
    import host
    import spool_host
if scene == "between":
    telemetry = spool_host.make(home, url)
from gevent import monkey

monkey.patch_all()

if scene == "before":
    import host
    import spool_host

import threading  # noqa: E402
import time  # noqa: E402

import gevent  # noqa: E402

if scene != "between":
    telemetry = spool_host.make(home, url)
telemetry.start()


def work(tool):
    for number in range(300):
        telemetry.record(tool, latency_ms=number)
        if number % 100 == 0:
            time.sleep(0.3)  # so that there is more than one handful to keep
        else:
            gevent.sleep(0)


greenlets = [gevent.spawn(work, f"greenlet_{number}") for number in range(3)]
thread = threading.Thread(target=work, args=("thread",))
thread.start()
gevent.joinall(greenlets)
thread.join()
if deed == "die":
    with gevent.Timeout(60):
        while telemetry.pipeline.stats().spooled < 1200:
            gevent.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)
telemetry.flush(30)
flushed = host.account(telemetry.pipeline)
telemetry.record("at_exit", latency_ms=0)
host.report(account=flushed, spool=telemetry.status()["spool"])
