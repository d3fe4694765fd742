"""
A host that ends while a server misbehaves: ``hostile_host.py URL COMPRESSION COUNT REPORT [FLUSH]``.
"""

from __future__ import annotations

import atexit
import json
import sys

import host

url, compression, count, report_path, *flushes = sys.argv[1:]


def write_report():
    with open(report_path, "w", encoding="utf-8") as file:
        json.dump(host.account(pipeline), file)


atexit.register(write_report)
pipeline, record = host.make_pipeline(url, compression=compression or None)
for number in range(int(count)):
    record("get_issues", latency_ms=number)
for _ in flushes:
    try:
        pipeline.flush(10)
    except Exception:  # noqa: BLE001
        pass
sys.exit(3)
