"""One process opens an installation's database once, and nothing is built from more parts than one can survey."""

from __future__ import annotations

import ast
import gc
from pathlib import Path

import pytest

from mcptelemetry import Telemetry
from mcptelemetry.system import Database

PACKAGE = Path(__file__).resolve().parents[2] / "mcptelemetry"
ARGUMENTS_MAX = 8
# Whose signature is the contract's own.
FIXED_BY_CONTRACT = {"Telemetry", "TelemetryEvent", "TelemetryPipeline", "TelemetryUploader"}


def databases_at(path):
    """Return the living `Database` objects of the file at *path*."""
    gc.collect()
    return [found for found in gc.get_objects() if type(found) is Database and found.path == str(path)]


@pytest.fixture
def started(tmp_path):
    environ = {"HOME": str(tmp_path), "ACME_MCP_TELEMETRY": "1"}
    telemetry = Telemetry(
        "acme-mcp",
        "1.4.0",
        heartbeat_endpoint="http://127.0.0.1:9",
        events_endpoint="http://127.0.0.1:9/events",
        notice=lambda _text: True,
        environ=environ,
    )
    telemetry.start()
    yield telemetry
    telemetry.shutdown(0.1)


def test_started_telemetry_opens_its_database_once(started, tmp_path):
    """Counting, activation, windows, heartbeat, notice and status share one `Database` with one lock."""
    started.record("get_issues")
    assert started.activation.load().configured_ide_count == 0
    for _ in range(3):
        started.status()
        started.heartbeat.build_payload()
        assert started.sent_documents() == []
        started.first_run_notice()
    assert started.feedback_service().url == "http://127.0.0.1:9/feedback"
    assert len(databases_at(tmp_path / ".acme-mcp" / "telemetry.db")) == 1


def constructors():
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                for item in node.body:
                    if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                        given = item.args
                        yield node.name, len([*given.posonlyargs, *given.args, *given.kwonlyargs]) - 1


def test_constructors_take_at_most_eight_arguments():
    """What belongs together is one value; a class whose signature the contract fixes is the exception."""
    found = dict(constructors())
    assert len(found) > 50
    assert FIXED_BY_CONTRACT <= found.keys()
    assert {name: count for name, count in found.items() if count > ARGUMENTS_MAX and name not in FIXED_BY_CONTRACT} == {}
