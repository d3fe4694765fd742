"""
A host that ends: ``exit_host.py URL NETWORK SCENE TOOL REPORT``.

REPORT is written with the moment at which the end begins, and with the account as it stands
after everything; standard output and error are left to whoever prints there uninvited.
"""

from __future__ import annotations

import atexit
import json
import sys
import threading
import time

url, network, scene, tool, report_path = sys.argv[1:]

import host  # noqa: E402

if network == "never-resolving":
    from mcptelemetry.testing import never_resolve_names

    never_resolve_names()

facts = {}


def write_report():
    facts["account"] = host.account(telemetry.pipeline)
    with open(report_path, "w", encoding="utf-8") as file:
        json.dump(facts, file)


def record(count):
    for _ in range(0 if network == "idle" else count):
        telemetry.record(tool, latency_ms=1)


def end_begins():
    facts["began_at"] = time.monotonic()


atexit.register(write_report)  # before start(): it runs after everything of ours
telemetry = host.make_telemetry(url)

if scene == "main":
    record(5)
elif scene == "thread":
    threading.Thread(target=record, args=(5,)).start()
elif scene == "atexit":
    atexit.register(record, 5)
elif scene == "after-shutdown":
    record(3)
    end_begins()
    telemetry.shutdown()
    record(2)
elif scene == "uncaught":
    record(5)
    end_begins()
    raise ValueError("the host's own")
elif scene == "exit-3":
    record(5)
    end_begins()
    sys.exit(3)
facts.setdefault("began_at", time.monotonic())
