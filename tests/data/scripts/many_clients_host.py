"""
A host with several clients at its end: ``many_clients_host.py URL COUNT SCENE``.

Says ``ready`` when its end begins; ``end`` just ends, ``interrupted`` waits to be interrupted.
"""

from __future__ import annotations

import atexit
import os
import sys
import tempfile
import time

url, count, scene = sys.argv[1], int(sys.argv[2]), sys.argv[3]

import host  # noqa: E402, F401

from mcptelemetry import Telemetry  # noqa: E402

clients = []
for number in range(count):
    telemetry = Telemetry(
        f"acme-{number}",
        "1.0.0",
        environ={f"ACME_{number}_EVENTS_ENDPOINT": url},
        heartbeat_endpoint=url.rsplit("/api", 1)[0],
        notice=lambda text: True,
        data_dir=os.path.join(tempfile.gettempdir(), f"acme-{number}"),
    )
    telemetry.start()
    telemetry.record("search")
    clients.append(telemetry)

if scene == "interrupted":
    # The last to be registered is the first to be called: from here on the end is ours alone.
    atexit.register(lambda: os.write(1, b"ready\n"))
else:
    atexit.register(lambda: os.write(1, f"{time.monotonic()}\n".encode()))
