"""
The Grafana dashboard over the collector's `/metrics`: `contracts/grafana-dashboard.json`.

A table of panels, and what every panel has, put around them. The data source is a variable of the
dashboard and no input of an import: so the file works imported by hand, and provisioned from a
folder too. Which metrics and labels exist is said by `mcptelemetry/collector/_metrics.py` alone;
a test holds each expression here against what a collector serves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

SOURCE = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
CHOSEN = 'job=~"$job", app=~"$app"'
OF_JOB = 'job=~"$job"'
WIDTH = 24
# Several workers behind one port are met one scrape at a time, in turn: over less than this, one of
# them may have been met only once, and nothing is known of how it rose.
INTERVAL_MIN = "2m"
RED, GREEN, YELLOW, GREY = "red", "green", "yellow", "text"


class Query(NamedTuple):
    """An expression, and what its line is called."""

    expr: str
    legend: str = ""


class Panel(NamedTuple):
    """What one panel asks, and how wide and high it is."""

    title: str
    description: str
    unit: str
    queries: Sequence[Query]
    kind: str = "timeseries"
    width: int = 12
    height: int = 8
    color: str = ""
    stacked: bool = False


def rise(metric: str, over: str, by: str = "", where: str = CHOSEN) -> str:
    """Return the expression for how often *metric* counted in the time *over*, over all processes."""
    return f"sum{f' by ({by})' if by else ''} (increase({metric}{{{where}}}[{over}]))"


def pace(metric: str, by: str = "") -> str:
    """Return the expression for how often a second *metric* counts."""
    return f"sum{f' by ({by})' if by else ''} (rate({metric}{{{CHOSEN}}}[$__rate_interval]))"


def quantile(share: float, over: str, by: str = "") -> str:
    """Return the expression for the duration that *share* of the calls did not exceed, as near as the boundaries let it."""
    grouped = f"le, {by}" if by else "le"
    buckets = f"rate(mcptelemetry_call_duration_seconds_bucket{{{CHOSEN}}}[{over}])"
    return f"histogram_quantile({share}, sum by ({grouped}) ({buckets}))"


def share_of_errors(errors: str, calls: str) -> str:
    """Return the expression for the share of *errors* among *calls*, which is zero where nothing has failed yet."""
    return f"(({errors}) or 0 * ({calls})) / ({calls} > 0)"


CALLS, ERRORS = "mcptelemetry_calls_total", "mcptelemetry_errors_total"
QUANTILES = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
NOTE_BUCKETS = "Read off a histogram, so it is as exact as its boundaries (10 ms to 300 s); the report has the exact percentile."

ROWS: Mapping[str, Sequence[Panel]] = {
    "At a glance": (
        Panel(
            "Calls",
            "Tool calls stored in the time shown, as far as Prometheus saw them being counted: what a process counted "
            "before it was first scraped is not in it. The report has the exact number.",
            "short", [Query(rise(CALLS, "$__range"))], "stat", 4, 4,
        ),
        Panel(
            "Error rate",
            "Share of the calls in the time shown whose status is error.",
            "percentunit",
            [Query(share_of_errors(rise(ERRORS, "$__range"), rise(CALLS, "$__range")))], "stat", 4, 4, RED,
        ),
        Panel(
            "p95 of durations",
            f"The duration that 95 of 100 calls in the time shown did not exceed. {NOTE_BUCKETS}",
            "s", [Query(quantile(0.95, "$__range"))], "stat", 4, 4,
        ),
        Panel(
            "Heartbeats", "Heartbeats stored in the time shown: each installation sends one a day at most.",
            "short", [Query(rise("mcptelemetry_heartbeats_total", "$__range"))], "stat", 4, 4,
        ),
        Panel(
            "Refusals", "Documents and requests refused in the time shown, of any application.",
            "short", [Query(rise("mcptelemetry_refusals_total", "$__range", where=OF_JOB))], "stat", 4, 4, YELLOW,
        ),
        Panel(
            "Collectors up", "Addresses at which the last scrape was answered, of those that Prometheus knows.",
            "short", [Query(f"sum(up{{{OF_JOB}}})", "up"), Query(f"count(up{{{OF_JOB}}})", "known")], "stat", 4, 4, GREEN,
        ),
    ),
    "How it is going": (
        Panel(
            "Calls by status", "Calls stored a second, by whether they succeeded.",
            "cps", [Query(pace(CALLS, "status"), "{{status}}")], stacked=True,
        ),
        Panel(
            "Error rate over time", "Share of the calls stored at a time whose status is error.",
            "percentunit", [Query(share_of_errors(pace(ERRORS), pace(CALLS)), "error rate")], color=RED,
        ),
        Panel(
            "Durations", f"Durations that half, 95 and 99 of 100 calls did not exceed. {NOTE_BUCKETS}",
            "s", [Query(quantile(share, "$__rate_interval"), name) for share, name in QUANTILES],
        ),
        Panel(
            "Errors by type", "Failed calls stored a second, by the closed word for what went wrong.",
            "cps", [Query(pace(ERRORS, "error_type"), "{{error_type}}")], stacked=True,
        ),
    ),
    "What is called": (
        Panel(
            "Calls by tool", "The ten tools that were called most at a time. Beyond 2,000 series a process, tools are other.",
            "cps", [Query(f"topk(10, {pace(CALLS, 'tool')})", "{{tool}}")],
        ),
        Panel(
            "p95 by tool", f"The ten slowest tools at a time. {NOTE_BUCKETS}",
            "s", [Query(f"topk(10, {quantile(0.95, '$__rate_interval', 'tool')})", "{{tool}}")],
        ),
        Panel(
            "Tools", "Each tool in the time shown: calls, share of errors, durations that half and 95 of 100 calls did not exceed.",
            "short",
            [
                Query(rise(CALLS, "$__range", "tool"), "calls"),
                Query(share_of_errors(rise(ERRORS, "$__range", "tool"), rise(CALLS, "$__range", "tool")), "error rate"),
                Query(quantile(0.5, "$__range", "tool"), "p50"),
                Query(quantile(0.95, "$__range", "tool"), "p95"),
            ],
            "table", WIDTH, 10,
        ),
    ),
    "Who reports, and what is refused": (
        Panel(
            "Heartbeats by application", "Heartbeats stored, by the application that sent them.",
            "short", [Query(rise("mcptelemetry_heartbeats_total", "$__rate_interval", "app"), "{{app}}")], stacked=True,
        ),
        Panel(
            "Feedback by application", "Feedback stored, by the application that it is about.",
            "short", [Query(rise("mcptelemetry_feedback_total", "$__rate_interval", "app"), "{{app}}")], stacked=True,
        ),
        Panel(
            "Refusals by reason",
            "What was refused, of any application, by reason: document (it is not what it has to be), token, rate, slow, "
            "store (the store could not take it) and others. After rate, slow, busy and store it is sent again.",
            "short",
            [Query(rise("mcptelemetry_refusals_total", "$__rate_interval", "reason", OF_JOB), "{{reason}}")], stacked=True,
        ),
        Panel(
            "Up, by address", "Whether the scrape was answered. A wrong report token is down too: Prometheus was refused.",
            "short", [Query(f"max by (instance) (up{{{OF_JOB}}})", "{{instance}}")],
        ),
    ),
}


def defaults_of(panel: Panel) -> dict[str, Any]:
    """Return how the fields of *panel* are drawn."""
    fixed = {"mode": "fixed", "fixedColor": panel.color} if panel.color else {"mode": "palette-classic"}
    found: dict[str, Any] = {"unit": panel.unit, "min": 0, "color": fixed}
    if panel.unit == "percentunit":
        found["max"] = 1
    if panel.kind == "stat" and not panel.color:
        found["color"] = {"mode": "fixed", "fixedColor": GREY}
    if panel.kind == "timeseries":
        found["custom"] = {
            "drawStyle": "line", "lineWidth": 1, "fillOpacity": 20 if panel.stacked else 0, "showPoints": "never",
            "spanNulls": False, "stacking": {"group": "A", "mode": "normal" if panel.stacked else "none"},
        }
    return found


def options_of(panel: Panel) -> dict[str, Any]:
    """Return what the kind of *panel* has to be told."""
    if panel.kind == "stat":
        reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        return {"colorMode": "value", "graphMode": "none", "textMode": "auto", "justifyMode": "auto", "orientation": "auto", "reduceOptions": reduced}
    if panel.kind == "table":
        return {"showHeader": True, "cellHeight": "sm", "sortBy": [{"displayName": "calls", "desc": True}]}
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
    return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}


def table_of(panel: Panel) -> dict[str, Any]:
    """Return what makes one table of the queries of *panel*: a row for each tool, a column for each query."""
    columns = {f"Value #{letter_of(number)}": query.legend for number, query in enumerate(panel.queries)}
    units = {"error rate": "percentunit", "p50": "s", "p95": "s"}
    return {
        "transformations": [
            {"id": "merge", "options": {}},
            {"id": "organize", "options": {"excludeByName": {"Time": True}, "indexByName": {}, "renameByName": columns}},
        ],
        "fieldConfig": {
            "defaults": defaults_of(panel),
            "overrides": [
                {"matcher": {"id": "byName", "options": name}, "properties": [{"id": "unit", "value": unit}]}
                for name, unit in units.items()
            ],
        },
    }


def letter_of(number: int) -> str:
    """Return the letter by which the query of that *number* is known."""
    return chr(ord("A") + number)


def render_panel(panel: Panel, number: int, left: int, top: int) -> dict[str, Any]:
    """Return *panel* as Grafana has it, in its place."""
    at_once = panel.kind != "timeseries"
    targets = [
        {
            "refId": letter_of(index),
            "datasource": SOURCE,
            "expr": query.expr,
            "legendFormat": query.legend or "__auto",
            "instant": at_once,
            "range": not at_once,
            **({"format": "table"} if panel.kind == "table" else {}),
        }
        for index, query in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "interval": INTERVAL_MIN,
        "gridPos": {"x": left, "y": top, "w": panel.width, "h": panel.height},
        "fieldConfig": {"defaults": defaults_of(panel), "overrides": []},
        "options": options_of(panel),
        "targets": targets,
        **(table_of(panel) if panel.kind == "table" else {}),
    }


def render_panels() -> list[dict[str, Any]]:
    """Return every panel, row by row, from the left to the right."""
    found: list[dict[str, Any]] = []
    top = 0
    for title, panels in ROWS.items():
        place = {"x": 0, "y": top, "w": WIDTH, "h": 1}
        found.append({"id": len(found) + 1, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []})
        top, left, height = top + 1, 0, 0
        for panel in panels:
            if left + panel.width > WIDTH:
                top, left, height = top + height, 0, 0
            found.append(render_panel(panel, len(found) + 1, left, top))
            left, height = left + panel.width, max(height, panel.height)
        top += height
    return found


def values_of(name: str, label: str, description: str, query: str) -> dict[str, Any]:
    """Return a variable whose values Prometheus knows; all of them unless somebody chooses."""
    everything = {"selected": True, "text": ["All"], "value": ["$__all"]}
    return {
        "name": name, "type": "query", "label": label, "description": description, "datasource": SOURCE,
        "query": {"query": query, "refId": name}, "refresh": 2, "sort": 1, "hide": 0,
        "multi": True, "includeAll": True, "allValue": ".*", "current": everything, "options": [],
    }  # fmt: skip


def render_dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    ours = '{__name__=~"mcptelemetry_.+"}'
    of_apps = '{__name__=~"mcptelemetry_(calls|heartbeats|feedback)_total", job=~"$job"}'
    return {
        "version": 1, "schemaVersion": 39,
        "title": "mcptelemetry collector",
        "description": "What a collector of mcptelemetry takes in and refuses, from its /metrics. Made by tools/generate.",
        "tags": ["mcp", "mcptelemetry"],
        "editable": True, "graphTooltip": 1, "timezone": "", "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"},
        "timepicker": {"refresh_intervals": ["30s", "1m", "5m", "15m", "1h"]},
        "links": [], "annotations": {"list": []},
        "templating": {
            "list": [
                {
                    "name": "DS_PROMETHEUS", "type": "datasource", "label": "Data source", "query": "prometheus",
                    "description": "The Prometheus that scrapes the collector.", "hide": 0, "refresh": 1, "regex": "",
                    "multi": False, "includeAll": False, "current": {}, "options": [],
                },
                values_of("job", "Job", "The scrape job of the collector.", f"label_values({ours}, job)"),
                values_of("app", "Application", "The application that the calls belong to.", f"label_values({of_apps}, app)"),
            ]
        },
        "panels": render_panels(),
    }  # fmt: skip
