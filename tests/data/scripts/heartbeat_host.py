"""
An application for the tests of the heartbeat, as a process of its own.

    heartbeat_host.py ENDPOINT OFFSET_SECS DEED [SINK]

The clock is OFFSET_SECS ahead; with SINK "sink" the notice is shown by the application.
DEED is `live` (start, count one call, say "started", count one more for each line that comes
on standard input, and live until that ends),
`once` (start, count, send what is due, say whether it was sent), `send` (the same without
counting) or `show` (print what would be sent).
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
        tools=("get_issues",),
        notice=(lambda text: True) if sink == "sink" else None,
        clock=lambda: (float(fixed) if fixed else time.time()) + float(offset),
    )
    if deed == "show":
        sys.stdout.buffer.write(telemetry.heartbeat.build_payload().encode())
        return
    sent_before = telemetry.sent_documents()
    telemetry.start()
    if deed != "send":
        telemetry.registry.record_builtin_tool("get_issues")
    if deed == "live":
        print("started", flush=True)
        for _line in sys.stdin:
            telemetry.registry.record_builtin_tool("get_issues")
    else:
        # The worker's turn may have come first; either way it is over now.
        is_sent = telemetry.heartbeat.send_now() or telemetry.sent_documents() != sent_before
        print("sent" if is_sent else "not sent", flush=True)
    telemetry.shutdown()
    assert time.time() - began < 60


if __name__ == "__main__":
    main(*sys.argv[1:])
