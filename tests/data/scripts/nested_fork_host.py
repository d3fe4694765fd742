"""
A host whose signal handlers meddle with its forks: ``nested_fork_host.py URL SCENE``.

``nested``: a SIGCHLD handler that forks, in the middle of other forks. ``interrupted``: a
handler that raises while a fork waits for a transaction.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
import warnings
from functools import partial

import host

# Python's own word about forking beside threads, from 3.12 on; everything else must stay silent.
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)

url, scene = sys.argv[1:3]

from mcptelemetry import Telemetry  # noqa: E402
from mcptelemetry.system import Database  # noqa: E402

directory = tempfile.mkdtemp()
MIGRATIONS = (("CREATE TABLE numbers (number INTEGER)",),)


def make():
    telemetry = Telemetry(
        "acme-mcp",
        "1.0.0",
        environ={"ACME_MCP_EVENTS_ENDPOINT": url},
        heartbeat_endpoint="http://127.0.0.1:9",
        notice=lambda text: True,
        data_dir=directory,
    )
    telemetry.start()
    return telemetry


def leave(telemetry, tool):
    """End a child that recorded once."""
    telemetry.record(tool)
    try:
        telemetry.flush(20)
    finally:
        os._exit(0 if telemetry.pipeline.stats().delivered == 1 else 7)


def reap_all():
    statuses = []
    ends_at = time.monotonic() + 60
    while time.monotonic() < ends_at:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return statuses
        if pid:
            statuses.append(status)
        else:
            time.sleep(0.01)
    return [*statuses, "hung"]


def nested():
    """Twenty forks, each of which is interrupted by a handler that forks too."""
    telemetry = make()
    telemetry.record("parent")
    telemetry.flush(20)
    depth, took_secs, nested_count = [0], [], [0]

    def on_child(_number, _frame):
        if depth[0] > 20:
            return
        depth[0] += 1
        nested_count[0] += 1
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            leave(telemetry, "nested")

    class Meddler:
        """Has the handler run inside the hooks: before, in the middle of and after ours."""

        def __call__(self):
            if os.getpid() == me and depth[0] < 20:
                os.kill(me, signal.SIGCHLD)
                time.sleep(0)  # where a handler runs

    me = os.getpid()
    os.register_at_fork(before=Meddler(), after_in_parent=Meddler())
    signal.signal(signal.SIGCHLD, on_child)
    for _ in range(20):
        began_at = time.monotonic()
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            leave(telemetry, "child")
        took_secs.append(time.monotonic() - began_at)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    statuses = reap_all()
    telemetry.record("parent")
    host.flush_until_empty(telemetry.pipeline)
    is_stored = telemetry.flush(20)
    host.report(
        statuses=statuses,
        nested=nested_count[0],
        took_secs=took_secs,
        flushed=is_stored,
        storage=telemetry.status()["storage"],
        account=host.account(telemetry.pipeline),
    )


def interrupted():
    """A handler that raises while the hook before a fork waits for another thread's transaction."""
    database = Database(os.path.join(directory, "numbers.db"), MIGRATIONS)
    rounds, surfaced, statuses, kept, raised, forks = 0, 0, [], [], [], []

    class Limit(Exception):
        pass

    def on_alarm(_number, _frame):
        raised.append(None)
        raise Limit("soft time limit")

    swallowed_elsewhere = host.note_swallowed(Limit)
    os.register_at_fork(after_in_parent=partial(forks.append, None))
    signal.signal(signal.SIGALRM, on_alarm)
    while len(forks) < 20 and rounds < 200:  # on a busy machine the alarm may come before the fork
        rounds += 1
        is_in = threading.Event()

        def work(connection):
            is_in.set()
            time.sleep(0.03)
            connection.execute("INSERT INTO numbers VALUES (1)")
            return True

        thread = threading.Thread(target=lambda: kept.append(database.change(work)))
        thread.start()
        is_in.wait(20)
        me, pid = os.getpid(), None
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.01, 2.0)  # again, if it was swallowed
            pid = os.fork()
            if os.getpid() != me:
                os._exit(0)
            time.sleep(20)
        except Limit:
            signal.setitimer(signal.ITIMER_REAL, 0)
            surfaced += 1
            if os.getpid() != me:
                os._exit(8)
        thread.join()
        try:
            while True:
                statuses.append(os.waitpid(-1, 0)[1])
        except ChildProcessError:
            pass
    count = database.read(lambda connection: connection.execute("SELECT count(*) FROM numbers").fetchone()[0])
    host.report(
        rounds=rounds,
        forks=len(forks),
        surfaced=surfaced,
        lost=len(raised) - surfaced - len(swallowed_elsewhere),
        statuses=statuses,
        count=count,
        is_traced=sys.gettrace() is not None,
    )


def child_stores():
    """A fork in the middle of another thread's transaction waits for it, and the child can store."""
    database = Database(os.path.join(directory, "numbers.db"), MIGRATIONS)
    statuses = []
    for _ in range(10):
        is_in = threading.Event()

        def work(connection):
            is_in.set()
            time.sleep(0.01)
            return connection.execute("INSERT INTO numbers VALUES (1)") is not None

        thread = threading.Thread(target=lambda: database.change(work))
        thread.start()
        is_in.wait(20)
        pid = os.fork()
        if pid == 0:
            os._exit(0 if database.change(lambda connection: True) is True else 7)  # 7: cut off
        thread.join()
        statuses.append(os.waitpid(pid, 0)[1])
    host.report(statuses=statuses)


def interrupted_storage():
    """A handler that raises at any instant of a transaction of the main thread's."""
    database = Database(os.path.join(directory, "numbers.db"), MIGRATIONS, busy_secs=5)
    done, interruptions, kept = [0], 0, []

    has_rung = False

    def on_alarm(_number, _frame):
        nonlocal has_rung
        has_rung = True
        raise KeyboardInterrupt

    def work(connection):
        connection.execute("INSERT INTO numbers VALUES (1)")
        return True

    def go_on():
        nonlocal longest
        while not has_rung:  # the interpreter swallows what comes in a callback of a weak reference
            began_at = time.monotonic()
            is_done = database.change(work)
            longest = max(longest, time.monotonic() - began_at)
            kept.append(is_done)

    database.change(work)
    done[0] += 1
    host.note_swallowed(KeyboardInterrupt)
    signal.signal(signal.SIGALRM, on_alarm)
    delay, longest = 0.0002, 0.0
    while interruptions < 200:
        delay = 0.0002 + (delay * 1.37) % 0.006
        has_rung = False
        try:
            signal.setitimer(signal.ITIMER_REAL, delay)
            go_on()  # a call: of a loop here, the jump back would be outside of `try` from 3.12 on
        except KeyboardInterrupt as error:
            interruptions += 1
            last = error  # who keeps the traceback keeps every frame
    signal.setitimer(signal.ITIMER_REAL, 0)
    found = database.change(lambda connection: connection.execute("SELECT count(*) FROM numbers").fetchone()[0])
    host.report(
        troubles=[str(word) for word in kept if word is not True],
        done=len(kept) + 1,
        found=found,
        interruptions=interruptions,
        has_traceback=last.__traceback__ is not None,
        at_fork=len(database._turns._queue),
    )


{
    "nested": nested,
    "interrupted": interrupted,
    "child-stores": child_stores,
    "interrupted-storage": interrupted_storage,
}[scene]()
