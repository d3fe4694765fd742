"""
A host that wants its events out before a signal takes it: ``signal_host.py URL SCENE``.

It says ``ready`` and waits for the signal.
"""

from __future__ import annotations

import os
import signal
import sys
import time

import host

url, scene = sys.argv[1:3]


def say(line):
    os.write(1, f"{line}\n".encode())  # print() is not for signal handlers


def on_signal(number, _frame):
    say(f"host's handler {signal.Signals(number).name}")
    sys.exit(4)


if scene == "chained":
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
if scene == "ignored":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

telemetry = host.make_telemetry(url)
before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
telemetry.record("first")
assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
if scene != "not-installed":
    telemetry.install_signal_handlers()
    telemetry.install_signal_handlers()
telemetry.record("second")
try:
    say("ready")
    if scene == "ignored":
        time.sleep(1.0)
        say("still here")
        telemetry.flush(30)
        sys.exit(0)
    if scene == "in-flush":
        while True:
            telemetry.record("third")
            telemetry.flush(30)
    # In slices: a signal that comes just before a sleep begins does not interrupt it, which is
    # between the host and its interpreter.
    for _ in range(1200):
        time.sleep(0.05)
except KeyboardInterrupt:
    say("interrupted")
    raise
