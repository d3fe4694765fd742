"""
A host whose worker is killed, cannot be started, or outlives the interpreter's better days:
``worker_host.py URL SCENE``.
"""

from __future__ import annotations

import _thread
import atexit
import ctypes
import gc
import logging
import sys
import threading
import time
import weakref
from functools import partial

import host

url, scene = sys.argv[1:3]


class Injected(BaseException):
    """What is thrown into the worker."""


def workers():
    return [thread for thread in threading.enumerate() if thread.name == "mcptelemetry-events" and thread.ident]


def killed():
    """The worker is killed wherever it happens to be, over and over."""
    pipeline, record = host.make_pipeline(url, batch_size=5)
    recorded = kills = 0
    for number in range(150):
        for _ in range(7):
            record("plain")
            recorded += 1
        for thread in workers():
            kind = (SystemExit, Injected, RuntimeError)[number % 3]
            kills += ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident), ctypes.py_object(kind)
            )
        time.sleep(0.0007 * (number % 7))
    record("plain")
    host.flush_until_empty(pipeline)
    host.report(expected=recorded + 1, kills=kills, account=host.account(pipeline), workers=len(workers()))


def killed_at_rest():
    """A worker that was killed while it waited is started again by the next record."""
    pipeline, record = host.make_pipeline(url, batch_size=2)
    record("plain")
    pipeline.flush(30)
    (thread,) = workers()
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
    record("plain")
    record("plain")  # wakes it, and it finds that it is dead
    thread.join(30)
    was_killed = not thread.is_alive()
    record("plain")
    ends_at = time.monotonic() + 30
    while pipeline.stats().delivered < 4 and time.monotonic() < ends_at:
        time.sleep(0.01)
    host.report(was_killed=was_killed, account=host.account(pipeline))


def no_named_thread():
    """`threading` can start nothing: events are delivered all the same."""

    def refuse(_self):
        raise RuntimeError("can't start new thread")

    threading.Thread.start = refuse
    pipeline, record = host.make_pipeline(url)
    for _ in range(5):
        record("plain")
    pipeline.flush(30)
    host.report(account=host.account(pipeline))


def no_thread():
    """No thread can be had at all, and later it can."""
    start = _thread.start_new_thread
    attempts = [0]

    def refuse(*_args):
        attempts[0] += 1
        raise RuntimeError("can't start new thread")

    class Loud(logging.Handler):
        def emit(self, entry):
            record("line")

    _thread.start_new_thread = refuse
    pipeline, record = host.make_pipeline(url)
    logging.getLogger().addHandler(Loud())
    logging.getLogger().setLevel(logging.DEBUG)
    for _ in range(1000):
        record("plain")
    try:
        pipeline.flush(30)
        refused = None
    except Exception as error:  # noqa: BLE001
        refused = str(error)
    before = host.account(pipeline)
    _thread.start_new_thread = start
    ends_at = time.monotonic() + 30
    while pipeline.buffer and not workers() and time.monotonic() < ends_at:
        record("plain")
        time.sleep(0.05)
    host.flush_until_empty(pipeline)
    host.report(refused=refused, attempts=attempts[0], before=before, account=host.account(pipeline))


def no_thread_at_exit():
    """No thread can be had: at the exit the host's own delivers to an endpoint on this machine."""

    def refuse(*_args):
        raise RuntimeError("can't start new thread")

    _thread.start_new_thread = refuse
    pipeline, record = host.make_pipeline(url)
    for _ in range(5):
        record("plain")


class Late:
    """Records when the interpreter takes the last things apart."""

    def __init__(self, record):
        self.record = record

    def __del__(self):
        self.record("late")


def finalising():
    """Records while the interpreter is ending: from a daemon, a destructor, a late start."""
    pipeline, record = host.make_pipeline(url)
    sys.late = Late(record)

    def go_on():
        while True:
            record("daemon")
            time.sleep(0.0001)

    threading.Thread(target=go_on, daemon=True).start()

    def start_late():
        # Registered while exit functions run, its own exit function is never called.
        late_pipeline, late_record = host.make_pipeline(url)
        sys.later = Late(late_record)
        sys.kept = late_pipeline

    atexit.register(start_late)
    record("plain")


def collectable():
    """A client that was closed, used or not, is let go of."""
    references = []
    for is_used in (False, True):
        telemetry = host.make_telemetry(url)
        if is_used:
            telemetry.record("plain")
            telemetry.flush(30)
        telemetry.shutdown(10)
        references += [weakref.ref(telemetry), weakref.ref(telemetry.pipeline), weakref.ref(telemetry.pipeline.buffer)]
        del telemetry
    for thread in workers():
        thread.join(10)
    gc.collect()
    gc.collect()
    host.report(alive=sum(reference() is not None for reference in references), callbacks=len(gc.callbacks))


def million(longest=False):
    """One million records at an endpoint that is not there."""
    pipeline, record = host.make_pipeline(url)
    wide = "\U0001f4a5" * 200 if longest else ""

    def resident_kib():
        with open("/proc/self/status", encoding="ascii") as file:
            fields = dict(line.split(":", 1) for line in file)
        return int(fields["VmRSS"].split()[0]), int(fields["VmHWM"].split()[0])

    before = resident_kib()[0]
    for number in range(1_000_000):
        if longest:
            name = f"{number}{wide}"
            record(name, name, upstream=name, routing_detail=name, latency_ms=number)
        else:
            record(f"tool_{number % 5000}", latency_ms=number)
    try:
        pipeline.flush(30)
    except Exception:  # noqa: BLE001
        pass
    found = host.account(pipeline)
    host.report(grown_kib=resident_kib()[1] - before, account=found)


def rush():
    """Ten thousand records within a second."""
    pipeline, record = host.make_pipeline(url)
    began_at = time.monotonic()
    for number in range(10_000):
        record("plain")
        if number % 100 == 0:
            time.sleep(0.009)
    took = time.monotonic() - began_at
    host.report(account=host.account(pipeline), secs=took)


{
    "killed": killed,
    "killed-at-rest": killed_at_rest,
    "no-named-thread": no_named_thread,
    "no-thread": no_thread,
    "no-thread-at-exit": no_thread_at_exit,
    "finalising": finalising,
    "collectable": collectable,
    "million": million,
    "million-longest": partial(million, longest=True),
    "rush": rush,
}[scene]()
