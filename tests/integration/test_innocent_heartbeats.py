"""Two thousand environments that hide nothing: no heartbeat is silenced in any of them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

from mcptelemetry.privacy import AnonymityViolation, collect_blocked_values, scan_for_pii

DATA = Path(__file__).parents[1] / "data"
FULL = json.loads((DATA / "heartbeat" / "full.json").read_text())
TOOLS = json.loads((DATA / "tool_names.json").read_text())


def load():
    spec = importlib.util.spec_from_file_location("innocent_environments", DATA / "innocent_environments.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_two_thousand_innocent_environments_silence_no_heartbeat():
    """With usual variables, people, machines, clients, tools and routes, every heartbeat may leave."""
    silenced = {}
    for number, (host, home, environ, clients) in enumerate(load().innocent_environments(2_000)):
        tools = {TOOLS[(number * 7 + at) % len(TOOLS)]: at + 1 for at in range(20)}
        document = {
            **FULL,
            "builtin_tool_calls": {**tools, "other": 1},
            "rest_endpoint_calls": {"GET /api/v1/servers": {"2xx": 9}, "POST /api/v1/login": {"4xx": 1}},
            "activation": {**FULL["activation"], "mcp_clients_seen_ever": clients},
        }
        try:
            scan_for_pii(json.dumps(document), collect_blocked_values(host, home, environ))
        except AnonymityViolation as violation:
            silenced[str(violation)] = environ
    assert silenced == {}
