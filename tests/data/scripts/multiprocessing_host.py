"""
A host with children of `multiprocessing`: ``multiprocessing_host.py URL METHOD process|pool``.

The client is made when the module is imported, as hosts do, and nobody flushes in a child:
what arrives was delivered at its exit.
"""

from __future__ import annotations

import multiprocessing
import os
import sys

import host
import requests  # noqa: F401  as most hosts have it: on a busy machine an end has no time to load it

# A spawned child imports this module again, without the arguments.
url = os.environ.setdefault("HOST_URL", sys.argv[1] if len(sys.argv) > 1 else "")
telemetry = host.make_telemetry(url)


def work(number):
    telemetry.record(f"child_{number}")
    telemetry.record(f"child_{number}")
    return number


if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[2])
    telemetry.record("parent")
    if sys.argv[3] == "pool":
        with context.Pool(2) as pool:
            assert pool.map(work, range(8), chunksize=1) == list(range(8))
            pool.close()
            pool.join()
        statuses = [0]
    else:
        children = [context.Process(target=work, args=(number,)) for number in range(3)]
        for child in children:  # one after the other: each end has a second of its own
            child.start()
            child.join(40)
        statuses = [child.exitcode for child in children]
    host.flush_until_empty(telemetry.pipeline)
    host.report(statuses=statuses, account=host.account(telemetry.pipeline))
