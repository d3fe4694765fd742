"""
An application for the tests of the heartbeat, as a process of its own.

    heartbeat_host.py ENDPOINT OFFSET_SECS DEED [SINK]

The clock is OFFSET_SECS ahead; with SINK "sink" the notice is shown by the application.
DEED is `live` (start, count one call, say "started", live until standard input ends),
`once` (start, count, send what is due, say whether it was sent) or `show` (print what would
be sent).
"""

import os
import sys
import time

from mcptelemetry import Telemetry


def main(endpoint, offset, deed, sink=""):
    fixed = os.environ.get("FIXED_TIME")
    began = time.time()
    telemetry = Telemetry(
        "acme-mcp",
        "1.4.0",
        heartbeat_endpoint=endpoint,
        notice=(lambda text: True) if sink == "sink" else None,
        clock=lambda: (float(fixed) if fixed else time.time()) + float(offset),
    )
    if deed == "show":
        sys.stdout.buffer.write(telemetry.heartbeat.build_payload().encode())
        return
    telemetry.start()
    registry = getattr(telemetry, "registry", None)
    if registry is not None:
        registry.record_upstream_tool()
    if deed == "live":
        print("started", flush=True)
        sys.stdin.read()
    else:
        print("sent" if telemetry.heartbeat.send_now() else "not sent", flush=True)
    telemetry.shutdown()
    assert time.time() - began < 60


if __name__ == "__main__":
    main(*sys.argv[1:])
