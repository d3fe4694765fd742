"""
A host whose recording thread is watched by strace: ``quiet_host.py URL``.

Ten thousand records lie between two look-ups of files that are not there.
"""

from __future__ import annotations

import os
import sys

import host

telemetry = host.make_telemetry(sys.argv[1])
record = telemetry.record
pipeline = telemetry.pipeline
for _ in range(200):
    record("warm_up", latency_ms=3)
pipeline.flush(30)
record("warm_up", latency_ms=3)

os.path.exists("/mark-begin")
for number in range(10_000):
    record("tool", latency_ms=number)
os.path.exists("/mark-end")

host.flush_until_empty(pipeline)
host.report(account=host.account(pipeline))
