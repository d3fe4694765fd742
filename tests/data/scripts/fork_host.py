"""
A host that forks: ``fork_host.py URL SCENE [ROUNDS]``.

Parent and children record under names of their own; what arrives says whether each delivered
its own events, once.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time

import host

url, scene = sys.argv[1:3]
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 20

LOCK_TYPES = (type(threading.Lock()), type(threading.RLock()))


def be_child(pipeline, record, tool, is_flushed=True):
    """Record two events, deliver them, and end without any ceremony."""
    status = 9
    try:
        began_empty = pipeline.buffer.is_empty() and pipeline.stats().recorded == 0
        record(tool)
        record(tool)
        if is_flushed:
            pipeline.flush(20)
        status = 0 if began_empty and pipeline.stats().delivered == 2 else 7
    except BaseException as error:  # noqa: BLE001
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        os._exit(status)


def reap(pid, secs=40):
    """Return the exit status of the child, or 'hung'."""
    ends_at = time.monotonic() + secs
    while time.monotonic() < ends_at:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        time.sleep(0.005)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return "hung"


def fork_in_traffic():
    """Fork while every part of the pipeline is busy in some thread."""
    pipeline, record = host.make_pipeline(url, batch_size=3)
    is_over = threading.Event()

    def keep_busy(number):
        while not is_over.is_set():
            for _ in range(3):
                record("parent")
            if number == 0:
                try:
                    pipeline.flush(20)
                except Exception:  # noqa: BLE001
                    pass
            pipeline.stats()
            time.sleep(0.001)

    threads = [threading.Thread(target=keep_busy, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    statuses = []
    for number in range(rounds):
        time.sleep(0.003 * (number % 5))
        pid = os.fork()
        if pid == 0:
            be_child(pipeline, record, f"child_{number}")
        statuses.append(reap(pid))
    is_over.set()
    for thread in threads:
        thread.join()
    host.flush_until_empty(pipeline)
    host.report(statuses=statuses, account=host.account(pipeline))


def locks_within(root):
    """Return every lock that can be reached from *root* through our own objects."""
    found, seen, waiting = [], set(), [root]
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, LOCK_TYPES):
            found.append(item)
        elif isinstance(item, (list, tuple, set)):
            waiting += item
        elif isinstance(item, dict):
            waiting += item.values()
        elif type(item).__module__.split(".")[0] in ("mcptelemetry", "requests", "urllib3", "threading"):
            waiting += vars(item).values() if hasattr(item, "__dict__") else []
    return found


def fork_with_locks_held():
    """Fork while another thread holds every lock that there is in the pipeline and below it."""
    pipeline, record = host.make_pipeline(url)
    record("parent")
    pipeline.flush(20)
    # Every fork waits, with a limit, for an import of ours to end: that lock is its own.
    held_by_forks = {id(vars(item).get("_importing")) for item in gc.get_objects() if type(item).__name__ == "HttpTransport"}
    statuses = []
    for number in range(rounds):
        are_held, may_go = threading.Event(), threading.Event()
        held = []

        def hold():
            for lock in locks_within(pipeline):
                if id(lock) not in held_by_forks and lock.acquire(timeout=0.01):
                    held.append(lock)
            are_held.set()
            may_go.wait(60)
            for lock in held:
                lock.release()

        holder = threading.Thread(target=hold)
        holder.start()
        are_held.wait(60)
        pid = os.fork()
        if pid == 0:
            be_child(pipeline, record, f"child_{number}")
        statuses.append(reap(pid))
        may_go.set()
        holder.join()
    record("parent")
    host.flush_until_empty(pipeline)
    host.report(statuses=statuses, held=len(held), account=host.account(pipeline))


def fork_from_thread():
    """Fork in a thread that is not the main one."""
    pipeline, record = host.make_pipeline(url)
    record("parent")
    statuses = []

    def fork(number):
        pid = os.fork()
        if pid == 0:
            be_child(pipeline, record, f"child_{number}")
        statuses.append(reap(pid))

    for number in range(rounds):
        thread = threading.Thread(target=fork, args=(number,))
        thread.start()
        thread.join()
    host.flush_until_empty(pipeline)
    host.report(statuses=statuses, account=host.account(pipeline))


class SlowImports:
    """Makes the import of what the worker imports take its time, and says that it has begun."""

    def __init__(self):
        self.has_begun = threading.Event()

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("requests", "urllib3", "http", "email", "gzip", "encodings"):
            self.has_begun.set()
            time.sleep(0.004)


def fork_in_import():
    """Fork while the worker imports `requests` for the first time."""
    slow = SlowImports()
    sys.meta_path.insert(0, slow)
    pipeline, record = host.make_pipeline(url, compression="gzip")
    assert "requests" not in sys.modules
    for _ in range(100):
        record("parent")
    slow.has_begun.wait(20)
    pid = os.fork()
    if pid == 0:
        be_child(pipeline, record, "child_0")
    statuses = [reap(pid)]
    host.flush_until_empty(pipeline)
    host.report(statuses=statuses, account=host.account(pipeline))


def fork_without_worker():
    """Fork before anything was recorded, and again in the child."""
    pipeline, record = host.make_pipeline(url)
    pid = os.fork()
    if pid == 0:
        record("child_0")
        pipeline.flush(20)
        grandchild = os.fork()
        if grandchild == 0:
            be_child(pipeline, record, "grandchild_0")
        os._exit(reap(grandchild))
    statuses = [reap(pid)]
    record("parent")
    host.flush_until_empty(pipeline)
    host.report(statuses=statuses, account=host.account(pipeline))


def fork_after_shutdown():
    """Fork with a closed client: the child's records are dropped, and nothing hangs."""
    pipeline, record = host.make_pipeline(url)
    record("parent")
    pipeline.shutdown(10)
    pid = os.fork()
    if pid == 0:
        record("child_0")
        is_dropped = pipeline.stats().dropped == 1 and pipeline.flush(5) == 0
        os._exit(0 if is_dropped else 7)
    host.report(statuses=[reap(pid)], account=host.account(pipeline))


def fork_and_exit():
    """A forked child that ends as any program does delivers at its exit."""
    import requests  # noqa: F401  as most hosts have it: on a busy machine an end has no time to load it

    pipeline, record = host.make_pipeline(url)
    record("parent")
    pid = os.fork()
    if pid == 0:
        record("child_0")
        record("child_0")
        sys.exit(5)
    status = reap(pid)
    host.flush_until_empty(pipeline)
    host.report(statuses=[0 if status == 5 else status], account=host.account(pipeline))


{
    "traffic": fork_in_traffic,
    "locks": fork_with_locks_held,
    "thread": fork_from_thread,
    "import": fork_in_import,
    "no-worker": fork_without_worker,
    "closed": fork_after_shutdown,
    "exit": fork_and_exit,
}[scene]()
