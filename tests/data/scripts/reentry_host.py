"""
A host that records from where one least expects it: ``reentry_host.py URL SCENE``.
"""

from __future__ import annotations

import gc
import logging
import signal
import sys
import threading
import time

import host

url, scene = sys.argv[1:3]


def destructors():
    """Every collection of garbage runs destructors that record, in whatever thread it falls."""
    pipeline, record = host.make_pipeline(url, batch_size=10)
    made = [0]

    class Garbage:
        def __init__(self):
            self.itself = self

        def __del__(self):
            record("destroyed")

    gc.set_threshold(1)
    counter = threading.Lock()

    def litter(count):
        for _ in range(count):
            Garbage()
        with counter:
            made[0] += count

    # The first record may come while a thread is being started, inside `threading` itself.
    threads = [threading.Thread(target=litter, args=(700,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    litter(700)
    for _ in range(20):
        pipeline.stats()
        pipeline.flush(30)
        litter(5)
    for thread in threads:
        thread.join()
    gc.set_threshold(700)
    gc.collect()
    host.flush_until_empty(pipeline)
    host.report(expected=made[0], account=host.account(pipeline), callbacks=len(gc.callbacks))


def worker_collects():
    """Garbage that is collected in the worker's own thread is the host's, and counts."""
    pipeline, record = host.make_pipeline(url, batch_size=10)
    made = [0]

    class Garbage:
        def __init__(self):
            self.itself = self

        def __del__(self):
            record("destroyed")

    def abandon():
        try:
            yield
        finally:
            record("destroyed")

    def make_garbage():
        Garbage()
        suspended = abandon()
        next(suspended)
        cycle = [suspended]
        cycle.append(cycle)
        made[0] += 2

    def look(_frame, event, called):
        """The host watches every call in the worker's thread, and collects garbage where bytes are sent."""
        if is_watched and event == "c_call" and getattr(called, "__name__", "") in ("send", "sendall"):
            make_garbage()
            gc.collect()
            record("echo")  # about our own traffic: not to be counted

    is_watched = [True]
    threading.setprofile(look)
    gc.disable()
    for _ in range(30):
        record("plain")
        made[0] += 1
        try:
            pipeline.flush(30)
        except Exception:  # noqa: BLE001
            pass
    is_watched.clear()
    host.flush_until_empty(pipeline)
    host.report(expected=made[0], account=host.account(pipeline))


def timer_signal():
    """A signal at 1 kHz interrupts recording, flushing and thread starts, and records."""
    pipeline, record = host.make_pipeline(url, batch_size=50)
    signals, plain_count = [], 0  # appended to: one handler may interrupt another in the middle of a sum

    def on_alarm(_number, _frame):
        signals.append(None)
        record("signal")

    signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    ends_at = time.monotonic() + 2.0
    while time.monotonic() < ends_at:
        for _ in range(20):
            record("plain")
            plain_count += 1
        pipeline.stats()
        thread = threading.Thread(target=pipeline.stats)
        thread.start()
        thread.join()
        if plain_count % 400 == 0:
            pipeline.flush(30)
    signal.setitimer(signal.ITIMER_REAL, 0)
    host.flush_until_empty(pipeline)
    host.report(expected=len(signals) + plain_count, signals=len(signals), account=host.account(pipeline))


def first_record_in_signal():
    """The very first record comes from a handler that interrupts the start of a thread."""
    pipeline, record = host.make_pipeline(url)
    threading_lock = threading._active_limbo_lock

    def on_alarm(_number, _frame):
        record("signal")

    signal.signal(signal.SIGALRM, on_alarm)
    with threading_lock:
        signal.raise_signal(signal.SIGALRM)
    host.flush_until_empty(pipeline)
    host.report(expected=1, account=host.account(pipeline))


def root_logging():
    """A handler at the root records every line, those about our own traffic and trouble too."""
    pipeline, record = host.make_pipeline(url, batch_size=20)
    lines = []

    class Recording(logging.Handler):
        def emit(self, entry):
            lines.append(entry.name)
            record("line")

    logging.getLogger().addHandler(Recording())
    logging.getLogger().setLevel(logging.DEBUG)
    for number in range(500):
        logging.getLogger("host").info("line %d", number)
        if number % 50 == 0:
            try:
                pipeline.flush(30)
            except Exception:  # noqa: BLE001
                pass
    host.flush_until_empty(pipeline)
    heard = sum(name.startswith("mcptelemetry") for name in lines)
    host.report(expected=500, heard=heard, lines=len(lines), account=host.account(pipeline))


def interrupted():
    """A KeyboardInterrupt at any moment of record(), flush() and stats()."""
    pipeline, record = host.make_pipeline(url, batch_size=10)
    interruptions = 0
    has_rung = False

    def on_alarm(_number, _frame):
        nonlocal has_rung
        has_rung = True
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, on_alarm)
    def go_on():
        while not has_rung:  # the interpreter swallows what comes in a callback of a weak reference
            record("plain")
            record("plain")
            pipeline.stats()
            pipeline.flush(30)

    delay = 0.0002
    while interruptions < 400:
        delay = 0.0002 + (delay * 1.37) % 0.004
        has_rung = False
        try:
            signal.setitimer(signal.ITIMER_REAL, delay)
            go_on()  # a call: of a loop here, the jump back would be outside of `try` from 3.12 on
        except KeyboardInterrupt:
            interruptions += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    for _ in range(100):
        record("plain")
    host.flush_until_empty(pipeline)
    threads = sum(thread.name == "mcptelemetry-events" for thread in threading.enumerate())
    host.report(account=host.account(pipeline), threads=threads)


def interrupted_at_first():
    """A KeyboardInterrupt while the first record starts the worker."""
    import os

    statuses = []
    for number in range(30):
        pid = os.fork()
        if pid:
            ends_at = time.monotonic() + 30
            found = 0
            while not found and time.monotonic() < ends_at:
                found, status = os.waitpid(pid, os.WNOHANG)
                time.sleep(0.002)
            if not found:
                os.kill(pid, 9)
                os.waitpid(pid, 0)
            statuses.append(os.WEXITSTATUS(status) if found else "hung")
            continue
        pipeline, record = host.make_pipeline(url)

        def on_alarm(_number, _frame):
            raise KeyboardInterrupt

        signal.signal(signal.SIGALRM, on_alarm)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.00002 + 0.000004 * number)
            record("plain")
            record("plain")
            time.sleep(1)
        except KeyboardInterrupt:
            pass
        for _ in range(5):
            record("plain")
        host.flush_until_empty(pipeline)
        threads = sum(thread.name == "mcptelemetry-events" for thread in threading.enumerate())
        found = host.account(pipeline)
        is_right = found["delivered"] == found["recorded"] >= 5 and found["is_balanced"] and threads == 1
        os._exit(0 if is_right else 7)
    host.report(statuses=statuses)


{
    "destructors": destructors,
    "worker-collects": worker_collects,
    "timer": timer_signal,
    "first-in-signal": first_record_in_signal,
    "logging": root_logging,
    "interrupted": interrupted,
    "interrupted-at-first": interrupted_at_first,
}[scene]()
