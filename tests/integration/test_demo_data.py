"""The script that fills a store with an invented year does so, and a report of it can be had."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mcptelemetry.collector import Filter, SqliteStore, compile_report

SCRIPT = Path(__file__).parents[2] / "tools" / "demo_data.py"


def test_the_script_fills_a_store(tmp_path):
    """Every installation that was asked for is there, and the year ends where it was told to."""
    path = tmp_path / "c.db"
    command = [sys.executable, str(SCRIPT), str(path), "--installations", "20", "--days", "40", "--until", "2025-03-02"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    assert "documents in" in done.stdout
    assert "they end on 2025-03-02" in done.stdout
    store = SqliteStore(path, read_only=True)
    document = compile_report(store, Filter())
    assert document["installations"]["active"] == 20
    assert 1_740_873_600 - 3 * 86_400 < document["health"]["last_heartbeat_at"] < 1_740_873_600 + 86_400
