"""
A host that ends while its heartbeat is never answered and its database is held by somebody else: ``busy_exit_host.py URL``.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time

url = sys.argv[1]

import host  # noqa: E402

from mcptelemetry import Telemetry  # noqa: E402
from mcptelemetry.state import Memory  # noqa: E402

telemetry = Telemetry(
    "acme-mcp",
    "1.0.0",
    environ={"ACME_MCP_TELEMETRY": "1"},
    heartbeat_endpoint=url,
    tools=("search",),
    notice=lambda text: True,
    data_dir=tempfile.mkdtemp(),
)
memory = Memory(telemetry.status()["files"]["memory"])
memory.mark_notice("sink", [url])
memory.database.change(
    lambda connection: connection.execute("UPDATE memory SET value = '2026-01-01T00:00:00Z' WHERE name = 'notice_shown_at'")
)
telemetry.start()
connection = sqlite3.connect(memory.path, isolation_level=None)
is_leased, ends_at = False, time.monotonic() + 20
while not is_leased and time.monotonic() < ends_at:
    time.sleep(0.02)
    is_leased = connection.execute("SELECT count(*) FROM usage_facts WHERE name = 'lease'").fetchone()[0] == 1
time.sleep(0.3)
connection.execute("BEGIN IMMEDIATE")
telemetry.record("search")
host.report(is_leased=is_leased, began_at=time.monotonic())
