"""
A WSGI application that records each request, for real servers.

What it is told stands in the environment: `HOST_EVENTS` and `HOST_HEARTBEAT` are endpoints,
`HOST_DATA` the data directory. With `HOST_BARE` there is no telemetry, to measure beside it.
"""

from __future__ import annotations

import os
import sys
import time

import requests  # noqa: F401  as most hosts have it: on a busy machine an end has no time to load it

sys.path.insert(0, os.environ["HOST_CHECKOUT"])

telemetry = None
if not os.environ.get("HOST_BARE"):
    from mcptelemetry import Telemetry

    telemetry = Telemetry(
        "acme-mcp",
        "1.0.0",
        environ={"ACME_MCP_EVENTS_ENDPOINT": os.environ["HOST_EVENTS"]},
        heartbeat_endpoint=os.environ["HOST_HEARTBEAT"],
        tools=("request",),
        notice=lambda text: True,
        data_dir=os.environ["HOST_DATA"],
    )
    telemetry.start()


def app(environ, start_response):
    """Answer with the id of the process."""
    if telemetry is not None:
        telemetry.record("request")
    time.sleep(0.01)  # so that more than one worker has something to do
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


application = app
