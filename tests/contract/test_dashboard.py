"""The Grafana dashboard asks for what the collector serves, and a real Prometheus answers each of its questions."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import re
import runpy
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mcptelemetry.collector import EVENTS_PATH, FEEDBACK_PATH, HEARTBEAT_PATH, Server, SqliteStore, serve
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent

ROOT = Path(__file__).resolve().parents[2]
free_port = runpy.run_path(str(ROOT / "tests" / "data" / "scripts" / "free_port.py"))["free_port"]
DASHBOARD = json.loads((ROOT / "contracts" / "grafana-dashboard.json").read_text("utf-8"))
HEARTBEAT = json.loads((ROOT / "tests" / "data" / "heartbeat" / "full.json").read_text("utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [(f"{panel['title']} {target['refId']}", target["expr"]) for panel in PANELS for target in panel["targets"]]
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
# Grafana's own, and what Prometheus puts on every series.
OF_GRAFANA = {"__range", "__rate_interval"}
OF_PROMETHEUS = {"job", "instance"}
QUIET_RISE = 'sum(increase(mcptelemetry_calls_total{app="quiet-mcp"}[1m]))'
TOKEN = "r3ader"
LIMIT_SECS = 60


def metrics_and_labels(expr: str) -> tuple[set[str], set[str], set[str]]:
    """Return the metrics that *expr* names, the labels it selects by, and those it groups by."""
    expr = re.sub(r'"[^"]*"', '""', expr)
    metrics = set(re.findall(r"\b([a-z_]\w*)\{", expr))
    selected = {label for inside in re.findall(r"\{([^}]*)\}", expr) for label in re.findall(r"(\w+)\s*[=!]", inside)}
    grouped = {label for inside in re.findall(r"\bby \(([^)]*)\)", expr) for label in re.split(r"\s*,\s*", inside)}
    return metrics, selected, grouped


def a_batch(outcomes: Sequence[str], *, app: str) -> bytes:
    """Return a batch with calls of two tools that ended so."""
    durations = {"success": (12, 240), "error": (30_001,)}
    events = [
        TelemetryEvent(tool, "local_only", status=status, error_type="timeout" if status == "error" else None, latency_ms=ms)  # type: ignore[arg-type]
        for tool in ("get_issues", "search")
        for status in outcomes
        for ms in durations[status]
    ]
    return TelemetryBatch(events, app=app).to_json()


def post(server: Server, path: str, body: bytes, expected: int = 202) -> None:
    """Send *body*, which is taken unless another answer is *expected*."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("POST", path, body)
        answer = connection.getresponse()
        assert answer.status == expected, answer.read()


def post_everything(server: Server, number: int = 0) -> None:
    """Send the collector calls that succeed and fail, a heartbeat, feedback, and something it refuses."""
    names = ("version", "edition", "os", "arch", "server_count", "connected_server_count", "routing_mode")
    context = {name: HEARTBEAT[name] for name in names}
    feedback = {"app": "acme-mcp", "category": "bug", "message": "It does not start.", "context": context}
    heartbeat = {**HEARTBEAT, "heartbeat_id": HEARTBEAT["heartbeat_id"][:-1] + str(number)}
    post(server, EVENTS_PATH, a_batch(("success", "error"), app="acme-mcp"))
    post(server, HEARTBEAT_PATH, json.dumps(heartbeat).encode())
    post(server, FEEDBACK_PATH, json.dumps(feedback).encode())
    post(server, EVENTS_PATH, b"hello", 400)


def read_metrics(server: Server) -> str:
    """Return what the collector serves to Prometheus."""
    request = urllib.request.Request(f"{server.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        text: str = answer.read().decode()
        return text


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Return a collector that has taken in and refused something."""
    pytest.importorskip("prometheus_client", reason="prometheus-client belongs to the test extra and is not installed")
    with serve(SqliteStore(tmp_path / "c.db"), report_token=TOKEN) as running:
        post_everything(running)
        yield running


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    """Each panel, row or not, stands alone in its place, within the 24 columns, with a title, a sentence and a unit."""
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    taken: dict[tuple[int, int], int] = {}
    for panel in DASHBOARD["panels"]:
        assert panel["title"]
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24  # noqa: PLR2004  Grafana's columns
        for column in range(place["x"], place["x"] + place["w"]):
            for line in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((column, line), panel["id"]) == panel["id"]
    for panel in PANELS:
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert [target["refId"] for target in panel["targets"]] == [chr(65 + index) for index in range(len(panel["targets"]))]
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)


def test_the_dashboard_knows_no_installation() -> None:
    """The data source is a variable, wherever one is named; no number or name of somebody's Grafana stands in it."""
    assert not {"id", "uid", "gnetId", "__inputs"} & set(DASHBOARD)
    assert VARIABLES["DS_PROMETHEUS"]["type"] == "datasource"
    text = json.dumps(DASHBOARD)
    assert set(re.findall(r'"uid": "([^"]*)"', text)) == {"${DS_PROMETHEUS}"}
    named = [one["datasource"] for one in (*PANELS, *(t for p in PANELS for t in p["targets"]), VARIABLES["job"], VARIABLES["app"])]
    assert all(source == {"type": "prometheus", "uid": "${DS_PROMETHEUS}"} for source in named)


def test_each_expression_asks_for_metrics_and_labels_that_are_served(server: Server) -> None:
    """Metrics, the labels selected and grouped by, the labels in legends and the variables all exist."""
    served: dict[str, set[str]] = {"up": set()}
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", read_metrics(server), re.MULTILINE):
        served.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    legends = {(f"{p['title']} {t['refId']}"): t["legendFormat"] for p in PANELS for t in p["targets"]}
    asked = set()
    for name, expr in EXPRESSIONS:
        metrics, selected, grouped = metrics_and_labels(expr)
        assert metrics, name
        asked |= metrics
        for metric in metrics:
            assert metric in served, f"{name}: no {metric}"
            assert selected | grouped <= served[metric] | OF_PROMETHEUS, f"{name}: {metric}"
        assert set(re.findall(r"\{\{(\w+)\}\}", legends[name])) <= grouped, name
        assert set(re.findall(r"\$\{?(\w+)", expr)) <= set(VARIABLES) | OF_GRAFANA, name
    totals = {name for name in served if name.startswith("mcptelemetry_") and name.endswith("_total")}
    assert totals <= asked  # nothing that is counted is shown nowhere
    for variable in ("job", "app"):
        asked_for = re.search(r"label_values\(\{__name__=~\"([^\"]*)\".*, (\w+)\)", VARIABLES[variable]["query"]["query"])
        assert asked_for is not None
        matching = [metric for metric in served if re.fullmatch(asked_for[1], metric)]
        assert matching
        assert all(asked_for[2] in served[metric] | OF_PROMETHEUS for metric in matching)


def test_an_expression_with_a_metric_or_label_of_no_collector_is_seen_through() -> None:
    """What finds names in an expression finds those that are not served too."""
    metrics, selected, grouped = metrics_and_labels('topk(3, sum by (le, no_label) (rate(no_metric{job=~"$job",no!="a{b}"}[5m])))')
    assert (metrics, selected, grouped) == ({"no_metric"}, {"job", "no"}, {"le", "no_label"})


@pytest.mark.skipif(
    importlib.util.find_spec("grafana_foundation_sdk") is None,
    reason="grafana-foundation-sdk belongs to the extra `dashboard`, for Python 3.11 and later, and is not installed",
)
def test_grafanas_own_model_knows_each_field() -> None:
    """Read into Grafana's types of a dashboard, of its panels and of Prometheus's queries, and written again, nothing is lost."""
    from grafana_foundation_sdk.cog import plugins
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models import dashboard

    plugins.register_default_plugins()
    again = json.loads(JSONEncoder().encode(dashboard.Dashboard.from_json(DASHBOARD)))
    assert list(what_is_lost(DASHBOARD, again)) == []


def what_is_lost(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """Yield the paths at which *other* has not what *one* has."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name, value in one.items():
            yield from what_is_lost(value, other[name], f"{path}/{name}") if name in other else [f"{path}/{name}"]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (value, kept) in enumerate(zip(one, other)):
            yield from what_is_lost(value, kept, f"{path}/{index}")
    elif one != other:
        yield path


class Prometheus:
    """A running Prometheus, which scrapes each second."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, **fields: str) -> Any:
        """Return what its API answers, which must be a success."""
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(fields)}", timeout=30) as answer:
            document = json.load(answer)
        assert document["status"] == "success", document
        return document["data"]

    def values(self, expr: str) -> list[tuple[dict[str, str], float]]:
        """Return the labels and the value of each series of *expr*, now."""
        return [(one["metric"], float(one["value"][1])) for one in self.ask("query", query=expr)["result"]]

    def wait_for(self, expr: str) -> None:
        """Wait until *expr* has a value other than zero."""
        ends_at = time.monotonic() + LIMIT_SECS
        while not any(value for _, value in self.values(expr)):
            assert time.monotonic() < ends_at, f"nothing came of {expr}"
            time.sleep(0.2)


@pytest.fixture
def prometheus(server: Server, tmp_path: Path) -> Iterator[Prometheus]:
    """Run Debian's Prometheus over the collector."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("the program prometheus is not installed: it is a package of Debian's")
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "prometheus.yml").write_text(f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: telemetry of ours
    authorization: {{credentials_file: {tmp_path / "token"}}}
    static_configs: [{{targets: ["{server.host}:{server.port}"]}}]
""")
    address = f"127.0.0.1:{free_port()}"
    options = [f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'tsdb'}", f"--web.listen-address={address}"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([program, *options], cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        ends_at = time.monotonic() + LIMIT_SECS
        while True:
            with contextlib.suppress(OSError, urllib.error.URLError):
                urllib.request.urlopen(f"http://{address}/-/ready", timeout=5).close()
                break
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < ends_at, (tmp_path / "log").read_text()
            time.sleep(0.1)
        yield Prometheus(f"http://{address}")
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        finally:
            process.kill()
            process.wait(20)


def filled_in(text: str, **chosen: str) -> str:
    """Return *text* with its variables replaced, as Grafana does it where nothing is chosen but *chosen*."""
    values = {"job": ".*", "app": ".*", "__range": "1m", "__rate_interval": "1m", **chosen}
    return re.sub(r"\$(\w+)", lambda one: values[one[1]], text)


@pytest.mark.heavy
def test_a_real_prometheus_answers_every_expression_with_data(server: Server, prometheus: Prometheus) -> None:
    """Scraped with the report token, after traffic, each panel and each variable has something to show, and the shares are right."""
    prometheus.wait_for("mcptelemetry_feedback_total")
    post_everything(server, 1)
    for counted in ("calls", "heartbeats", "feedback", "refusals"):
        prometheus.wait_for(f"sum(increase(mcptelemetry_{counted}_total[1m]))")
    found = {}
    for name, expr in EXPRESSIONS:
        found[name] = prometheus.values(filled_in(expr))
        assert found[name], f"{name}: {expr}"
        assert all(value == value and value >= 0 for _, value in found[name]), (name, found[name])  # noqa: PLR0124  not NaN
    assert {labels["status"] for labels, _ in found["Calls by status A"]} == {"success", "error"}
    assert {labels["tool"] for labels, _ in found["Tools A"]} == {"get_issues", "search"}
    assert [value for _, value in found["Error rate A"]] == pytest.approx([1 / 3])
    ((_, median),) = found["Durations A"]
    assert 0.2 <= median <= 0.5  # noqa: PLR2004  the bucket of the middle one of 12, 240 and 30,001 ms
    assert prometheus.values(filled_in(dict(EXPRESSIONS)["Calls A"], app="other-mcp")) == []
    for variable, expected in (("job", ["telemetry of ours"]), ("app", ["acme-mcp"])):
        query = filled_in(VARIABLES[variable]["query"]["query"])
        series, label = re.fullmatch(r"label_values\((\{.*\}), (\w+)\)", query).groups()  # type: ignore[union-attr]
        values = prometheus.ask(f"label/{label}/values", **{"match[]": series})
        assert set(expected) <= set(values)


@pytest.mark.heavy
def test_an_application_without_failures_has_an_error_rate_of_zero(server: Server, prometheus: Prometheus) -> None:
    """Where nothing has failed yet there is no series of errors: the share is zero all the same, and not unknown."""
    for number in range(2):
        post(server, EVENTS_PATH, a_batch(("success",), app="quiet-mcp"))
        prometheus.wait_for('mcptelemetry_calls_total{app="quiet-mcp"}' if number == 0 else QUIET_RISE)
    for name in ("Error rate A", "Error rate over time A", "Tools B"):
        values = [value for _, value in prometheus.values(filled_in(dict(EXPRESSIONS)[name], app="quiet-mcp"))]
        assert values, name
        assert set(values) == {0.0}, name


@pytest.mark.heavy
def test_promtool_has_nothing_to_say_about_the_metrics(server: Server) -> None:
    """Names, units, help and types are as Prometheus wants them."""
    if shutil.which("promtool") is None:
        pytest.skip("the program promtool is not installed: it comes with Debian's package prometheus")
    done = subprocess.run(["promtool", "check", "metrics"], input=read_metrics(server), capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
