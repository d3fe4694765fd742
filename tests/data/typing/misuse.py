"""
Slips that say nothing at run time, or only later; each line marked so must be an error in an editor.

Checked, never run.
"""

from __future__ import annotations

from mcptelemetry import (
    ErrorCategory,
    FeedbackRequest,
    HeartbeatPayload,
    HeartbeatStatus,
    PipelineConfig,
    RoutingConfig,
    RoutingRule,
    RoutingTarget,
    Status,
    Surface,
    SurfaceMiddleware,
    Telemetry,
    TelemetryAuth,
    TelemetryBuffer,
    TelemetryEvent,
    TelemetryUploader,
    surface_headers,
)
from mcptelemetry import Telemtry  # error
from mcptelemetry.collector import SqliteStore, create_app

telemetry = Telemetry("acme-mcp", "1.4.0")
Telemetry("acme-mcp", "1.4.0", default="onn")  # error
Telemetry("acme-mcp", 1.4)  # error
Telemetry("acme-mcp", "1.4.0", endpoint="https://acme.dev")  # error
Telemetry("acme-mcp", "1.4.0", stats=object())  # error
Telemetry("acme-mcp", "1.4.0", notice=print)  # error
Telemetry("acme-mcp", "1.4.0", flags={"beta": "yes"})  # error

telemetry.record("get_issues", status="succes")  # error
telemetry.record("get_issues", status="error", error_type="timeot")  # error
telemetry.record("get_issues", "local_only", "cloud")  # error
telemetry.record("get_issues", latency="12")  # error
telemetry.record("get_issues", was_fallback="no")  # error
telemetry.record_startup_outcome("port_conflct")  # error

with telemetry.invocation("get_issues") as call:
    call.error("tool_eror")  # error
    call.fall_back()  # error
telemetry.invocation(decision="remote")  # error


telemetry.tool(nme="search")  # error


@telemetry.tool(name="search")
def search(words: str) -> list[str]:
    return words.split()


search(3)  # error

status: Status = telemetry.status()
print(status["heartbeet"])  # error
print(status["heartbeat"]["due"])  # error
print(status["events"]["stats"]["recorded"])  # error
row: str = status["row"]  # error
heartbeat: HeartbeatStatus = {"mode": "on"}  # error
for document in telemetry.sent_documents():
    print(document.bdy)  # error
telemetry.heartbeat.send_now()  # error
telemetry.pipeline.stats()  # error

PipelineConfig(endpoint="https://ops.acme.dev", compression="gzp")  # error
PipelineConfig(format="jsonn")  # error
PipelineConfig(batch_size="100")  # error
TelemetryUploader("https://ops.acme.dev", compression="gzp")  # error
TelemetryUploader("https://ops.acme.dev", "secret")  # error
TelemetryAuth(token="secret")  # error
TelemetryBuffer("16")  # error
TelemetryEvent("get_issues", "local_only", status="sucess")  # error
TelemetryEvent("get_issues", "local_only", error_type="tool_eror")  # error
TelemetryEvent("get_issues", "local_only").tool = "search"  # error

RoutingConfig(strategy="remot")  # error
RoutingConfig(tool_overrides=[("get_*", "local")])  # error
RoutingRule("get_*", "locally")  # error
RoutingConfig.from_settings("telemetry.toml")  # error
RoutingTarget("remotely", "cloud")  # error


def change(payload: HeartbeatPayload) -> None:
    payload.version = "v2.0.0"  # error
    print(payload.hostname)  # error
    print(payload.flags["beta"])  # error


HeartbeatPayload(app="acme-mcp")  # error
print(Surface.TRAI)  # error
print(ErrorCategory.CONFIG_RELOAD_FALED)  # error
surface_headers("acme-mcp", "dock", "1.4.0")  # error
SurfaceMiddleware(lambda environ, start: [b""], telemetry, surface="dock")  # error
FeedbackRequest("praise", "it starts every time")  # error
create_app("collector.db")  # error
create_app(SqliteStore("collector.db"), token=b"secret")  # error
