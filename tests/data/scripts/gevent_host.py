"""
A host that patches everything with gevent: ``gevent_host.py URL before|after|between``.

``between``: after the client was made, and before it was started.
"""

from __future__ import annotations

import sys

url, scene = sys.argv[1:3]

if scene == "after":
    import host
if scene == "between":
    import tempfile

    import host

    from mcptelemetry import Telemetry

    telemetry = Telemetry(
        "acme-mcp",
        "1.0.0",
        environ={"ACME_MCP_EVENTS_ENDPOINT": url},
        heartbeat_endpoint="http://127.0.0.1:9",
        notice=lambda text: True,
        data_dir=tempfile.mkdtemp(),
    )
from gevent import monkey

monkey.patch_all()

if scene == "before":
    import host

import threading  # noqa: E402

import gevent  # noqa: E402

if scene == "between":
    telemetry.start()
    pipeline, record = telemetry.pipeline, telemetry.record
else:
    pipeline, record = host.make_pipeline(url, batch_size=10)


def work():
    for _ in range(50):
        record("greenlet")
        gevent.sleep(0)


gevent.joinall([gevent.spawn(work) for _ in range(4)])
thread = threading.Thread(target=work)
thread.start()
thread.join()
host.flush_until_empty(pipeline)
flushed = host.account(pipeline)
record("at_exit")
host.report(account=flushed)
