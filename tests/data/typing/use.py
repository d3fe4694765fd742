"""How an author uses the package, as a strict type checker must accept it; checked, never run."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Iterable, Mapping
from typing import Any

from mcptelemetry import (
    ActivationNotes,
    ConfigError,
    CounterRegistry,
    EnvKindWord,
    ErrorCategory,
    ErrorType,
    ErrorTypeWord,
    FeedbackRequest,
    FeedbackResponse,
    HeartbeatPayload,
    HeartbeatService,
    Invocation,
    McpMiddleware,
    Mode,
    NoticeSink,
    PipelineConfig,
    PipelineStats,
    RoutingConfig,
    RoutingDecision,
    RoutingEngine,
    RoutingRule,
    RoutingStrategy,
    RuntimeStats,
    SentDocument,
    StartupOutcome,
    Status,
    StorageError,
    Surface,
    SurfaceMiddleware,
    SurfaceWord,
    Telemetry,
    TelemetryAuth,
    TelemetryBatch,
    TelemetryBuffer,
    TelemetryError,
    TelemetryEvent,
    TelemetryPipeline,
    TelemetryStatus,
    TelemetryUploader,
    Transport,
    UploadError,
    build_report,
    is_disabled_by_env,
    maybe_print_first_run_notice,
    parse_client_surface,
    scan_for_pii,
    surface_headers,
)
from mcptelemetry.collector import Server, SqliteStore, create_app, serve
from mcptelemetry.testing import FakeClock, InProcessCollector, ScriptedTransport


class Stats:
    """What an application says about itself; it need not know the protocol."""

    def server_count(self) -> int:
        return 3

    def connected_server_count(self) -> int:
        return 2

    def tool_count(self) -> int:
        return 40

    def docker_isolated_server_count(self) -> int:
        return 0

    def routing_mode(self) -> str:
        return "local-first"

    def is_quarantine_enabled(self) -> bool:
        return True

    def is_docker_available(self) -> bool:
        return False


def show(text: str) -> bool:
    return bool(text)


stats: RuntimeStats = Stats()
sink: NoticeSink = show
telemetry = Telemetry(
    "acme-mcp",
    "1.4.0",
    heartbeat_endpoint="https://telemetry.acme.dev",
    events_endpoint="https://telemetry.acme.dev/events",
    default="local",
    tools=["get_issues"],
    error_categories=["index_locked"],
    routes=("/api/v1/servers",),
    flags={"beta": True},
    stats=Stats(),
    notice=show,
    clock=FakeClock(),
    transport=ScriptedTransport(),
)
Telemetry("acme-mcp", "1.4.0", default=Mode.OFF, clock=lambda: 0.0, flags=lambda: {"beta": False})


# -- recording

telemetry.record("get_issues")
telemetry.record("get_issues", "strategy_remote", upstream="cloud", status="error", error_type="timeout", latency_ms=12)
telemetry.record("get_issues", status=TelemetryStatus.ERROR, error_type=ErrorType.TOOL_ERROR)


@telemetry.tool
def add(one: int, another: int) -> int:
    return one + another


@telemetry.tool(name="search", routing_decision="local_only")
async def search(words: str, *, most: int = 10) -> list[str]:
    return words.split()[:most]


total: int = add(1, another=2)


async def hits() -> list[str]:
    return await search("a b", most=1)


class OwnTelemetry(Telemetry):
    """A record that is overridden has the arguments of the one above it."""

    def record(
        self,
        tool: str,
        routing_decision: str = "local_only",
        **fields: Any,
    ) -> None:
        super().record(tool.lower(), routing_decision, **fields)


def call(kind: ErrorTypeWord) -> None:
    with telemetry.invocation("get_issues") as invocation:
        running: Invocation = invocation
        running.fallback()
        running.error("protocol_error")
        running.error(ErrorType.ABORTED)
        running.error(kind)


# -- looking

status: Status = telemetry.status()
env_kind: EnvKindWord | None = status["env_kind"]
is_on: bool = status["mode"] == "on"
accepted: int = status["heartbeat"]["accepted_count"]
events = status["events"]["stats"]
recorded: int = 0 if events is None else events["recorded"]
clients: list[str] = [] if status["activation"] is None else status["activation"]["mcp_clients_seen_ever"]


def sent() -> list[SentDocument]:
    try:
        return telemetry.sent_documents()
    except StorageError as error:
        raise SystemExit(str(error)) from error


def flush() -> int:
    try:
        return telemetry.flush(1.5)
    except UploadError as error:
        left_alone: float | None = error.retry_after
        http: int | None = error.status
        print(left_alone, http, error.retryable)
    except (ConfigError, TelemetryError):
        raise
    return 0


# -- the heartbeat

service: HeartbeatService | None = telemetry.heartbeat
if service is not None:
    payload: HeartbeatPayload = service.build_payload()
    os_word: str = payload.os
    servers: int = payload.server_count
    errors: Mapping[str, int] | None = payload.builtin_tool_errors
    later: HeartbeatPayload = dataclasses.replace(payload, version="v2.0.0", flags=None)
    same: bool = copy.deepcopy(payload) == pickle.loads(pickle.dumps(payload))
    document: dict[str, Any] = later.to_dict()
    shown: bool = maybe_print_first_run_notice(service)

registry: CounterRegistry = telemetry.registry
registry.record_surface(Surface.CLI)
registry.record_error(ErrorCategory.DOCKER_RUN_FAILED)
registry.record_error("index_locked")
notes: ActivationNotes = telemetry.activation
notes.record_mcp_client("cursor")
telemetry.record_startup_outcome("port_conflict")
telemetry.record_startup_outcome(StartupOutcome.from_exit_code(3))

# -- routing

config = RoutingConfig("local-first", tool_overrides=[RoutingRule("get_*", "local")])
config = RoutingConfig(strategy=RoutingStrategy.REMOTE, fallback_on_error=False)
config = RoutingConfig.from_settings(telemetry)
strategy: RoutingStrategy = config.strategy
rules: tuple[RoutingRule, ...] = config.tool_overrides
report = build_report([{"name": "get_issues"}], [("cloud", [{"name": "get_issues"}])])
decision: RoutingDecision = RoutingEngine(config, report).decide("get_issues")
is_remote: bool = decision.primary.kind == "remote"
with telemetry.invocation(decision=decision):
    pass

# -- the parts by hand

pipeline = TelemetryPipeline(PipelineConfig(endpoint="https://ops.acme.dev", format="json", compression="gzip"))
pipeline.start(TelemetryAuth("secret"))
pipeline.buffer.record(TelemetryEvent("get_issues", "local_only", status="error", error_type="cancelled"))
account: PipelineStats = pipeline.stats()
buffer = TelemetryBuffer(16)
waiting: list[TelemetryEvent] = buffer.drain(10)
transport: Transport = ScriptedTransport()
uploader = TelemetryUploader("https://ops.acme.dev", TelemetryAuth(), timeout=3, compression="gzip", transport=transport)
uploader.upload(TelemetryBatch(waiting, app="acme-mcp"))
scan_for_pii({"app": "acme-mcp"}, ["a secret"])
is_off, why = is_disabled_by_env({"CI": "true"}, app="acme-mcp")


# -- servers


def wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    return [b""]


word: SurfaceWord = "webui"
wrapped = SurfaceMiddleware(wsgi, telemetry, surface=word, route=lambda environ: environ.get("route"))
headers: dict[str, str] = surface_headers("acme-mcp", "tray", "1.4.0")
surface: Surface = parse_client_surface(headers["X-Acme-Mcp-Client"])
middleware: McpMiddleware = telemetry.middleware
answer: FeedbackResponse = telemetry.submit_feedback(FeedbackRequest("bug", "it does not start at all"))

store = SqliteStore("collector.db")
with serve(store, token="secret") as server:
    running: Server = server
    app = create_app(store, rate_limit=None)
    app = create_app(store, report_token="secret", public=True, hosts=["t.acme.dev"], guess_limit=100)
with InProcessCollector() as collector:
    url: str = collector.url
