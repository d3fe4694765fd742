"""
A host that makes and drops what it was given to make: ``leftover_host.py SCENE COUNT URL``.

It reports what the process has of each kind before and after.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
import tempfile
import threading
from collections import Counter

scene, count, url = sys.argv[1], int(sys.argv[2]), sys.argv[3]

fork_hooks, exit_hooks = [], []
register_at_fork, register, unregister = os.register_at_fork, atexit.register, atexit.unregister


def is_ours(function):
    owner = getattr(function, "__self__", None)
    return (getattr(function, "__module__", None) or type(owner).__module__ or "").startswith("mcptelemetry") or isinstance(
        owner, list
    )


def count_fork_hooks(**given):
    fork_hooks.extend(function for function in given.values() if is_ours(getattr(function, "func", function)))
    register_at_fork(**given)


def count_exit_hook(function, *arguments, **options):
    exit_hooks.append(function)
    return register(function, *arguments, **options)


def forget_exit_hook(function):
    exit_hooks[:] = [hook for hook in exit_hooks if hook != function]
    unregister(function)


# The interpreter shows neither list; before anything of ours is imported.
os.register_at_fork, atexit.register, atexit.unregister = count_fork_hooks, count_exit_hook, forget_exit_hook

import host  # noqa: E402

from mcptelemetry import ActivationStore, Telemetry  # noqa: E402

directory = tempfile.mkdtemp()
environ = {"ACME_MCP_EVENTS_ENDPOINT": url}


def make_telemetry():
    Telemetry("acme-mcp", "1.0.0", heartbeat_endpoint=url, environ=environ, data_dir=directory)


def make_started():
    telemetry = Telemetry("acme-mcp", "1.0.0", heartbeat_endpoint=url, environ=environ, data_dir=directory)
    telemetry.start()
    telemetry.record("search")
    telemetry.shutdown()


def make_store():
    ActivationStore(os.path.join(directory, "telemetry.db")).load()


kept = Telemetry("acme-mcp", "1.0.0", heartbeat_endpoint=url, environ=environ, data_dir=directory)
make = {"telemetry": make_telemetry, "started": make_started, "store": make_store, "status": kept.status}[scene]


def picture():
    gc.collect()
    ours = [item for item in gc.get_objects() if str(type(item).__module__).startswith("mcptelemetry")]
    return {
        "fork": len(fork_hooks),
        "exit": sum(map(is_ours, exit_hooks)),
        "threads": threading.active_count(),
        "descriptors": len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0,
        "objects": len(ours),
        "kinds": dict(sorted(Counter(type(item).__name__ for item in ours).items())),
        "callbacks": len(gc.callbacks),
    }


make()
make()  # whatever is imported or remembered once is there now
before = picture()
for _ in range(count):
    make()
host.report(before=before, after=picture())
