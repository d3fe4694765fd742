"""The numbers on the page are the report's, by command and over HTTP, and both are what plain arithmetic makes of the documents."""

from __future__ import annotations

import importlib.util
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from mcptelemetry.cli import main
from mcptelemetry.collector import (
    DEMO_APP,
    DEMO_UNTIL,
    Filter,
    SqliteStore,
    compile_report,
    create_app,
    parse_filter,
    store_documents,
)

pytest.importorskip("jinja2", reason="the page needs Jinja2, of the collector extra")

TESTS = Path(__file__).parents[1]
HOUR, DAY = 3600, 86_400
NOW = DEMO_UNTIL - 10 * HOUR + 1800  # in the middle of an hour of the last day but its end
UNTIL = "2025-11-27T15:00"
TOKEN = "r3ader"
LIST_MAX, TABLE_MAX = 12, 50  # how many rows of lists and of tables stand on the page

LOOKS: tuple[dict[str, str], ...] = (
    {},
    {"period": "24h"},
    {"period": "7d"},
    {"period": "90d", "env_kind": "all"},
    {"period": "365d"},
    {"app": DEMO_APP},
    {"app": "other", "env_kind": "all"},
    {"app": "unknown", "period": "90d", "env_kind": "unknown"},
    {"app": "nobody"},
    {"version": "v1.3.1", "period": "365d"},
    {"version": "unknown", "period": "90d"},
    {"client": "vscode", "period": "90d"},
    {"client": "unknown", "period": "7d"},
    {"tool": "run_pipeline"},
    {"tool": "unknown_tool", "period": "365d", "client": "cursor"},
    {"env_kind": "automation", "period": "90d", "app": DEMO_APP},
    {"env_kind": "cloud_ide", "period": "365d"},
    {"since": "2025-11-01", "until": "2025-11-08"},
    {"since": "2025-11-08", "until": "2025-11-08T06:00", "env_kind": "all"},
    {"since": "60d", "app": DEMO_APP, "version": "v1.4.1", "client": "claude-desktop", "tool": "get_issues", "env_kind": "interactive"},
)


def load(path: Path) -> ModuleType:
    """Return the module in a file of the tests."""
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


class Collected(NamedTuple):
    """A year in small, taken in by a collector, and the same documents in memory."""

    path: Path
    app: Any
    plain: Any


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collected]:
    """Give what the contract of stores is held to."""
    documents = load(TESTS / "contract" / "test_stores.py").year(50, 100)
    path = tmp_path_factory.mktemp("numbers") / "collector.db"
    store = SqliteStore(path)
    store_documents(store, documents)
    app = create_app(store, report_token=TOKEN, clock=lambda: float(NOW))
    yield Collected(path, app, load(TESTS / "data" / "collector" / "plain_answers.py").PlainAnswers(documents))
    store.close()


def get(app: Any, path: str, fields: dict[str, str]) -> str:
    """Return the body of an answer to the reader."""
    statuses: list[str] = []
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": urlencode(fields), "HTTP_HOST": "127.0.0.1", "wsgi.url_scheme": "http",
        "REMOTE_ADDR": "127.0.0.1", "HTTP_AUTHORIZATION": f"Bearer {TOKEN}",
    }  # fmt: skip
    parts = app(environ, lambda status, _headers: statuses.append(status))
    body = b"".join(parts).decode()
    if hasattr(parts, "close"):
        parts.close()
    assert statuses == ["200 OK"], body
    return body


def words_of(look: dict[str, str]) -> dict[str, str]:
    """Return what a person says to the report for the page of *look*: its first and last moment in place of the period."""
    words = {name: value for name, value in look.items() if name != "period"}
    if "since" in words:
        # A length back from now is said as a moment here: the command has a clock of its own.
        return words if words["since"][:2] == "20" else {**words, "since": moment(NOW - 60 * DAY), "until": UNTIL}
    period = look.get("period", "30d")
    days = int(period[:-1])
    since = DEMO_UNTIL - days * DAY if period.endswith("d") else NOW + 1800 - days * HOUR
    return {**words, "since": moment(since), "until": UNTIL}


def moment(secs: int) -> str:
    """Return a full hour as it is typed."""
    return time.strftime("%Y-%m-%dT%H:00", time.gmtime(secs))


class Numbers(HTMLParser):
    """What stands on a page for a machine: each section's rows, each row's figures, each figure's values."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: dict[str, list[str]] = defaultdict(list)
        self.values: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        self.before: dict[str, str] = {}
        self._section = self._row = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        given = {name: value or "" for name, value in attrs}
        if tag == "section" and "id" in given:
            self._section, self._row = given["id"], ""
        if "data-row" in given:
            self._row = given["data-row"]
            self.rows[self._section].append(self._row)
        if "data-figure" in given:
            self.values[self._section, self._row, given["data-figure"]].append(given["data-value"])
        if "data-figure" in given and "data-before" in given:
            self.before[given["data-figure"]] = given["data-before"]


def written(value: object) -> str:
    """Return a number as it stands in an attribute."""
    return "" if value is None else str(value)


def ratio(part: int, whole: int) -> float | None:
    """Return how much *part* is of *whole*."""
    return part / whole if whole else None


class Told:
    """The numbers of a report, under the names that the page has for them."""

    def __init__(self, report: dict[str, Any]) -> None:
        self.rows: dict[str, list[str]] = {}
        self.values: dict[tuple[str, str, str], list[object]] = defaultdict(list)
        totals = report["totals"]
        for name, key, shown in (
            ("clients", "client", LIST_MAX), ("calls_by_version", "version", LIST_MAX), ("versions", "version", LIST_MAX),
            ("clients_seen", "name", LIST_MAX), ("launch_sources", "name", LIST_MAX), ("operating_systems", "name", LIST_MAX),
            ("pythons", "name", LIST_MAX), ("architectures", "name", LIST_MAX), ("own_tools", "tool", TABLE_MAX), ("tools", "tool", TABLE_MAX),
        ):  # fmt: skip
            self._add_rows(name, [(row[key], row) for row in report[name]][:shown])
        for name in ("surfaces", "error_categories"):  # most often first, by how often
            rows = sorted(report[name], key=lambda row: -row["total"])
            self._add_rows(name, [(row["name"], row) for row in rows][:LIST_MAX])
        self._add_rows("unknown_tool", [(row["client"], row) for row in report["unknown_tool"]["clients"]][:LIST_MAX])
        self._add_rows("upgrades", [(f"{row['previous']} {row['version']}", row) for row in report["upgrades"]][:LIST_MAX])
        self._add_rows("error_types", [(name, {"errors": count}) for name, count in totals["error_types"].items()][:LIST_MAX])
        self._add_rows("calls", [(row["routing_decision"], row) for row in report["rows"]] if report["asked"]["tool"] else [])
        self._add_kept(report)
        self._add_shares(report)
        self.tiles = self._tiles(report)

    def _add_rows(self, section: str, rows: list[tuple[str, dict[str, Any]]]) -> None:
        self.rows[section] = [key for key, _ in rows]
        for key, row in rows:
            for figure, value in row.items():
                if isinstance(value, int) or value is None:
                    self.values[section, key, figure].append(value)
            if "errors" in row and "calls" in row:
                self.values[section, key, "error_rate"].append(ratio(row["errors"], row["calls"]))
            for step in ("le_10ms", "le_100ms", "le_1s", "le_10s", "over_10s") if "durations" in row else ():
                self.values[section, key, step].append(ratio(row["durations"].get(step, 0), sum(row["durations"].values())))

    def _add_kept(self, report: dict[str, Any]) -> None:
        funnel, health, sessions = report["funnel"], report["health"], report["sessions"]
        self._add_rows("funnel", [("installed", {"installations": funnel["installed"]}), *((step["name"], step) for step in funnel["steps"])])
        for row in report["retention"]:
            key = str(row["start"])
            self.values["retention", key, "new"] = [row["active"][0]]
            self.values["retention", key, "active"] = list(row["active"])
        self.rows["retention"] = [str(row["start"]) for row in report["retention"]]
        people = report["people"]
        kinds = {"people": people["people"], "automation": people["automation"], **people["env_kinds"]}
        self._add_rows("people", [(name, {"installations": count}) for name, count in kinds.items()])
        for name in ("sessions", "p50_calls", "p95_calls"):
            self.values["sessions", name, name] = [sessions[name]]
        for name, value in health.items():
            if name != "refused":
                self.values["health", name, name] = [value]
                self.values["health", name, f"{name}_before"] = [report["before"]["health"][name]]
        self.values["health", "refused", "refused"] = [0]
        for name, count in health["refused"].items():
            self.values["health", name, "refused"] = [count]
        installations = {row["tool"]: row["installations"] for row in report["own_tools"]}
        for tool in self.rows["tools"]:
            self.values["tools", tool, "installations"] = [installations.get(tool)]

    def _add_shares(self, report: dict[str, Any]) -> None:
        active, totals = report["installations"]["active"], report["totals"]
        for name, figure, whole in (
            ("clients", "calls", totals["calls"]), ("error_types", "errors", totals["errors"]), ("funnel", "installations", report["funnel"]["installed"]),
            *((name, "installations", active) for name in ("operating_systems", "pythons", "launch_sources", "architectures", "clients_seen")),
        ):  # fmt: skip
            for key in self.rows[name]:
                (part,) = self.values[name, key, figure]
                assert isinstance(part, int)
                self.values[name, key, f"{figure}_share"] = [ratio(part, whole)]

    @staticmethod
    def _tiles(report: dict[str, Any]) -> dict[str, tuple[object, object]]:
        def figures(one: dict[str, Any]) -> dict[str, object]:
            totals, own, messages = one["totals"], one["own_tools"], one["feedback"]
            calls, errors = (sum(row[name] for row in own) for name in ("calls", "errors"))
            return {
                "active": one["installations"]["active"],
                "calls": totals["calls"],
                "error_rate": ratio(totals["errors"], totals["calls"]),
                "p50_ms": totals["p50_ms"],
                "p95_ms": totals["p95_ms"],
                "own_calls": calls,
                "own_error_rate": ratio(errors, calls),
                "installations": {row["tool"]: row["installations"] for row in own}.get(report["asked"]["tool"]),
                "unread": sum(row["unread"] for row in messages),
            }

        now, before = figures(report), figures(report["before"])
        return {name: (value, None if name == "unread" else before[name]) for name, value in now.items()}


IN_TIME = ("calls_over_time", "errors_over_time", "installations_over_time", "versions_over_time")


def name_of(look: dict[str, str]) -> str:
    """Return what a combination of filters is called among the tests."""
    return " ".join(look.values()) or "as it opens"


@pytest.mark.parametrize("look", LOOKS, ids=name_of)
def test_the_numbers_on_the_page_are_the_reports(collected: Collected, look: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """For each combination of filters: page, command, HTTP and plain arithmetic say the same."""
    words = words_of(look)
    asked = parse_filter(now=NOW, **words)
    counted = json.loads(json.dumps(compile_report(collected.plain, asked)))
    options = [part for name, value in words.items() for part in (f"--{name.replace('_', '-')}", value)]
    assert main(["report", "--db", str(collected.path), "--json", *options]) == 0
    assert json.loads(capsys.readouterr().out) == counted
    assert json.loads(get(collected.app, "/api/report", words)) == counted
    told = Told(counted)
    for path in ("/", *(["/tool"] if "tool" in look else [])):
        numbers = Numbers(get(collected.app, path, look))
        check_tiles(numbers, told, counted)
        check_rows(numbers, told, path)
        check_time(numbers, collected.plain, asked)


def check_tiles(numbers: Numbers, told: Told, report: dict[str, Any]) -> None:
    """Hold the tiles against the report: the number and the one of the period before; what is not there is none."""
    shown = {figure: values for (section, _, figure), values in numbers.values.items() if section == "summary"}
    assert shown == {figure: [written(told.tiles[figure][0])] for figure in shown}
    assert numbers.before == {figure: written(told.tiles[figure][1]) for figure in shown}
    for figure in {"calls", "active"} - shown.keys():
        assert told.tiles[figure][0] == 0 or (figure == "active" and report["asked"]["tool"]), figure


def check_rows(numbers: Numbers, told: Told, path: str) -> None:
    """Hold every number in a list or a table against the report, and see that none is missing."""
    for (section, row, figure), values in numbers.values.items():
        if section != "summary" and section not in IN_TIME:
            assert (section, row, figure, values) == (section, row, figure, [written(one) for one in told.values[section, row, figure]])
    sections = numbers.rows.keys() - IN_TIME - {"feedback", "health", "sessions", "summary"}
    for section in sections:
        # What runs where stands below people and automation, and not in the report's order.
        arrange = sorted if section == "people" else list
        assert arrange(numbers.rows[section]) == arrange(told.rows[section]), section
    if path == "/":
        calls = {"tools", "clients", "error_types", "unknown_tool", "calls_by_version"}
        missing = {name for name in told.rows.keys() - sections - {"calls"} if told.rows[name] and (name in calls or told.tiles["active"][0])}
        assert missing == set()


def check_time(numbers: Numbers, plain: Any, asked: Filter) -> None:
    """Hold what goes along time against plain arithmetic in the same steps."""
    questions = {
        "calls_over_time": ("calls", lambda step: {span.start: span.calls for span in plain.calls_over_time(asked, step)}),
        "errors_over_time": ("errors", lambda step: add_up((span.start, span.errors) for span in plain.errors_over_time(asked, step))),
        "installations_over_time": ("installations", lambda step: {span.start: span.active for span in plain.installations_over_time(asked, step)}),
        "versions_over_time": ("installations", lambda step: add_up((span.start, span.installations) for span in plain.versions_over_time(asked, step))),
    }
    for section, (figure, ask) in questions.items():
        starts = [int(row) for row in numbers.rows[section]]
        if not starts:
            continue
        step = starts[1] - starts[0] if len(starts) > 1 else DAY
        assert step in (HOUR, DAY, 7 * DAY), section
        expected = ask(step)
        shown = {start: sum(int(value) for value in numbers.values[section, str(start), figure]) for start in starts}
        assert shown == {start: expected.pop(start, 0) for start in starts}, section
        assert expected == {}, section
    if step_of_calls(numbers) == DAY and asked.since is not None and asked.until is not None:
        earlier = asked.before()
        length = asked.until - asked.since
        before = {span.start: span.calls for span in plain.calls_over_time(earlier, DAY)} if length % DAY == 0 else None
        for start in numbers.rows["calls_over_time"] if before is not None else ():
            assert numbers.values["calls_over_time", start, "calls_before"] in ([str(before.get(int(start) - length, 0))], [])


def step_of_calls(numbers: Numbers) -> int:
    """Return how long the steps of the trend are."""
    starts = [int(row) for row in numbers.rows["calls_over_time"][:2]]
    return starts[1] - starts[0] if len(starts) > 1 else 0


def add_up(pairs: Iterator[tuple[int, int]]) -> dict[int, int]:
    """Return the sum of the numbers at each moment."""
    sums: dict[int, int] = defaultdict(int)
    for start, number in pairs:
        sums[start] += number
    return sums


def test_the_looks_are_about_something(collected: Collected) -> None:
    """Of the combinations, all but one have calls or installations, and no two of them the same numbers."""
    reports = [compile_report(collected.plain, parse_filter(now=NOW, **words_of(look))) for look in LOOKS]
    assert sum(bool(one["totals"]["calls"] or one["installations"]["active"]) for one in reports) == len(LOOKS) - 1
    assert len({json.dumps([one["totals"], one["installations"], one["people"]]) for one in reports}) == len(LOOKS)
