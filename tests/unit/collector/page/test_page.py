"""What stands on a page: its order, its marks, its tables, and that it is whole HTML."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcptelemetry.collector import DEMO_UNTIL, REPORT_TABLES, Filter, SqliteStore, StoreError, compile_report, render_csv
from mcptelemetry.collector.page import ASSETS, Page
from mcptelemetry.testing import FakeClock
from mcptelemetry.vocabulary import UNKNOWN_TOOL

NOW = DEMO_UNTIL - 5.5 * 3600  # near the end of what came


def sections_of(page: Any) -> list[str]:
    """Return the parts of a page in their order."""
    return [section["id"] for section in page.find("section") if section["id"]]


@pytest.fixture(scope="module", params=["overview", "tool", "inbox", "empty", "sign_in", "trouble", "public"])
def rendering(request: pytest.FixtureRequest, stores: dict[str, SqliteStore]) -> str:
    """Return each page that there is."""
    clock = FakeClock(NOW)
    page = Page(stores["whole"], clock)
    query = page.read([("tool", "get_issues")] if request.param == "tool" else [("client", "vscode"), ("since", "7d")])
    makers: dict[str, Any] = {
        "overview": lambda: page.overview(query),
        "tool": lambda: page.tool(query),
        "inbox": lambda: page.inbox(query),
        "empty": lambda: Page(stores["empty"], clock).overview(query, "https://collector.example"),
        "sign_in": lambda: page.sign_in("/inbox", "That is not the token."),
        "trouble": lambda: page.trouble("since='x' is no moment"),
        "public": lambda: Page(stores["whole"], clock, is_public=True).overview(query),
    }
    return "".join(makers[request.param]())


def test_every_reference_leads_to_an_element(rendering: str, reading: Any) -> None:
    """Ids stand once, and what is named by one is there: for a screen reader, a label and a link."""
    root = reading([rendering])
    ids = [one["id"] for one in root.walk() if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    for one in root.walk():
        for name in ("aria-labelledby", "aria-describedby", "for"):
            assert set(one[name].split()) <= set(ids), (one.tag, name, one[name])
        if one.tag == "a" and one["href"].startswith("#"):
            assert one["href"][1:] in ids


def test_nothing_that_the_policy_forbids(rendering: str, reading: Any) -> None:
    """There is no style attribute, no script or style in the page, no handler, and no address elsewhere."""
    root = reading([rendering])
    for one in root.walk():
        assert "style" not in one.attributes
        assert not [name for name in one.attributes if name.startswith("on")]
        assert one.tag not in ("style", "iframe", "object", "img")
        if one.tag == "script":
            assert one["src"].startswith("/static/page.js?v=")
            assert not one.text.strip()
        for name in ("href", "src", "action"):
            assert one[name] == "" or one[name].startswith(("/", "#"))
            assert not one[name].startswith("//")


def test_every_table_says_what_it_is(rendering: str, reading: Any) -> None:
    """A table has a caption, its heads have a scope, and every row one head and as many cells as the table columns."""
    for table in reading([rendering]).find("table"):
        assert len(table.find("caption")) == 1
        columns = table.find("th", scope="col")
        assert columns
        assert {head["scope"] for head in table.find("th")} <= {"col", "row"}
        for row in table.find("tr")[1:]:
            assert len(row.find("th", scope="row")) == 1
            assert len(row.find("th")) + len(row.find("td")) == len(columns)


def test_a_page_has_its_landmarks(rendering: str, reading: Any) -> None:
    """There is one main part with a way straight to it, one first heading, a language and a title."""
    root = reading([rendering])
    assert [one["id"] for one in root.find("main")] == ["content"]
    assert [one["class"] for one in root.find("a", href="#content")] == ["skip"]
    assert len(root.find("h1")) == 1
    assert root.find("html")[0]["lang"] == "en"
    assert root.find("title")[0].text.strip()


def test_every_control_has_a_name(rendering: str, reading: Any) -> None:
    """A field has a label, a button and a link have words."""
    root = reading([rendering])
    labels = {one["for"] for one in root.find("label")}
    for one in root.walk():
        if one.tag in ("select", "input") and one["type"] != "hidden":
            is_inside = one.parent is not None and one.parent.tag == "label"
            assert is_inside or one["id"] in labels
        if one.tag in ("a", "button", "summary", "option"):
            assert one.text.strip()


def test_numbers_come_with_their_definition(stores: dict[str, SqliteStore], clock: FakeClock, reading: Any) -> None:
    """Every part and every tile has the sentence that says what its numbers are."""
    page = Page(stores["whole"], clock)
    root = reading(page.overview(page.read([])))
    parts = [one for one in root.find("section") if one["class"] == "sheet"] + root.find("div", class_="tile")
    assert len(parts) > 15
    for part in parts:
        about = part.find("details", class_="about")
        assert len(about) == 1, part["id"]
        assert len(about[0].find("p")[0].text) > 20


def test_both_streams_stand_in_the_order_of_the_questions(stores: dict[str, SqliteStore], clock: FakeClock, reading: Any) -> None:
    """How it is going comes first, then tools, then who calls, who is there, who stays, and the data's own health at the end."""
    page = Page(stores["whole"], clock)
    order = sections_of(reading(page.overview(page.read([]))))
    wanted = ["summary", "calls_over_time", "tools", "clients", "versions", "retention", "funnel", "people", "feedback", "health"]
    assert [name for name in order if name in wanted] == wanted


def test_who_gets_heartbeats_only_sees_no_part_of_calls(stores: dict[str, SqliteStore], clock: FakeClock, reading: Any) -> None:
    """Installations and the application's own tools lead, and nothing that only events tell is there."""
    page = Page(stores["heartbeats"], clock)
    root = reading(page.overview(page.read([])))
    order = sections_of(root)
    assert order[:3] == ["summary", "installations_over_time", "own_tools"]
    assert not {"calls_over_time", "tools", "clients", "calls_by_version", "sessions", UNKNOWN_TOOL} & set(order)
    assert [tile["data-figure"] for tile in root.find("div", class_="tile")] == ["active", "own_calls", "own_error_rate"]


def test_who_gets_events_only_sees_no_part_of_installations(stores: dict[str, SqliteStore], clock: FakeClock, reading: Any) -> None:
    """Calls lead, latencies have tiles, and nothing that only heartbeats tell is there, not even in a table's column."""
    page = Page(stores["events"], clock)
    root = reading(page.overview(page.read([])))
    order = sections_of(root)
    assert order[:3] == ["summary", "calls_over_time", "tools"]
    assert not {"own_tools", "versions", "retention", "funnel", "people", "feedback"} & set(order)
    assert [tile["data-figure"] for tile in root.find("div", class_="tile")] == ["calls", "error_rate", "p50_ms", "p95_ms"]
    assert "installations" not in [head.text for head in root.find("section", id="tools")[0].find("th", scope="col")]


class EventsOnly:
    """A store that answers questions about events only, as one of traces does."""

    def __init__(self, store: SqliteStore) -> None:
        for name in ("apps", "calls", "calls_over_time", "clients", "calls_by_version", "tools", "tool_trends", "errors_over_time", "close"):
            setattr(self, name, getattr(store, name))


def test_a_store_of_events_only_has_a_page(stores: dict[str, SqliteStore], clock: FakeClock, reading: Any) -> None:
    """A store that knows no installation is asked about none."""
    page = Page(EventsOnly(stores["whole"]), clock)
    order = sections_of(reading(page.overview(page.read([]))))
    assert order[:3] == ["summary", "calls_over_time", "tools"]
    assert "health" not in order
    assert page.has_documents()
    with pytest.raises(ValueError, match="no feedback"):
        page.inbox(page.read([]))


@pytest.mark.parametrize("fields", [[], [("period", "7d")], [("client", "vscode"), ("version", "v1.4.1")], [("env_kind", "automation")]])
def test_marks_carry_the_numbers_of_the_report(stores: dict[str, SqliteStore], clock: FakeClock, reading: Any, fields: Any) -> None:
    """What a machine reads beside a shown number is what the report says."""
    page = Page(stores["whole"], clock)
    query = page.read(fields)
    report = compile_report(stores["whole"], query.asked)
    root = reading(page.overview(query))
    totals = report["totals"]
    tiles = {tile["data-figure"]: tile["data-value"] for tile in root.find("div", class_="tile")}
    assert tiles["calls"] == str(totals["calls"])
    assert tiles["p95_ms"] == str(totals["p95_ms"])
    assert tiles["error_rate"] == repr(totals["errors"] / totals["calls"])
    assert tiles["active"] == str(report["installations"]["active"])
    rows = {row["data-row"]: row for row in root.find("section", id="tools")[0].find("tr") if row["data-row"]}
    assert [(row["tool"], str(row["calls"])) for row in report["tools"]] == [
        (name, row.find("td", data_figure="calls")[0]["data-value"]) for name, row in rows.items()
    ]
    clients = [row for row in root.find("section", id="clients")[0].find("tr") if row["data-row"]]
    assert [row["data-row"] for row in clients] == [row["client"] for row in report["clients"]][: len(clients)]
    steps = root.find("section", id="funnel")[0].find("td", data_figure="installations")
    assert [int(step["data-value"]) for step in steps] == [
        report["funnel"]["installed"],
        *(step["installations"] for step in report["funnel"]["steps"]),
    ]


@pytest.mark.parametrize("fields", [[], [("period", "7d"), ("app", "acme-mcp")], [("since", "2025-11-01"), ("env_kind", "all")]])
def test_tables_are_those_of_the_report(stores: dict[str, SqliteStore], clock: FakeClock, fields: Any) -> None:
    """Each table as JSON is what `report --json` has under its name, and as CSV what `report --csv` prints."""
    page = Page(stores["whole"], clock)
    query = page.read(fields)
    report = compile_report(stores["whole"], query.asked)
    for name in REPORT_TABLES:
        table = page.table(name, query)
        answer = {key: report[key] for key in ("apps", "rows", "totals", "left_out")} if name == "calls" else report[name]
        assert json.loads(json.dumps(table["answer"])) == json.loads(json.dumps(answer))
        assert table["definition"] == report["definitions"][name]
        assert table["asked"] == report["asked"]
        assert page.table_csv(name, query) == render_csv(report, name)


def test_a_table_that_is_none_is_named(stores: dict[str, SqliteStore], clock: FakeClock) -> None:
    """Whoever asks for another table is told which there are."""
    page = Page(stores["whole"], clock)
    with pytest.raises(KeyError, match="calls_over_time"):
        page.table("passwords", page.read([]))


def test_every_name_is_a_way_on(stores: dict[str, SqliteStore], clock: FakeClock, reading: Any) -> None:
    """A tool leads to its page and a client or version to its filter, with all other filters kept."""
    page = Page(stores["whole"], clock)
    root = reading(page.overview(page.read([("period", "90d"), ("version", "v1.4.1")])))
    links = {link["href"] for link in root.find("a")}
    assert "/tool?period=90d&version=v1.4.1&tool=get_issues" in links
    assert "/?period=90d&version=v1.4.1&client=vscode" in links


def test_a_filter_has_a_way_off(stores: dict[str, SqliteStore], clock: FakeClock, reading: Any) -> None:
    """Each filter that is on stands on the page, with a link to the same without it."""
    page = Page(stores["whole"], clock)
    root = reading(page.overview(page.read([("client", "vscode"), ("env_kind", "all"), ("since", "7d")])))
    chips = root.find("ul", class_="chips")[0]
    assert [link["href"] for link in chips.find("a")] == [
        "/?client=vscode&env_kind=all",
        "/?since=7d&env_kind=all",
        "/?since=7d&client=vscode",
    ]


def test_a_chooser_offers_what_is_not_chosen(stores: dict[str, SqliteStore], clock: FakeClock, reading: Any) -> None:
    """Who looks at one client or version can go straight to another."""
    page = Page(stores["whole"], clock)
    root = reading(page.overview(page.read([("client", "vscode"), ("version", "v1.4.1")])))
    for field, chosen in (("client", "vscode"), ("version", "v1.4.1")):
        options = root.find("select", name=field)[0].find("option")
        assert [option["value"] for option in options if "selected" in option.attributes] == [chosen]
        assert len(options) > 3


def test_the_form_keeps_what_it_does_not_offer(stores: dict[str, SqliteStore], clock: FakeClock, reading: Any) -> None:
    """Without a script too, choosing a client on a tool's page keeps the tool and the period."""
    page = Page(stores["whole"], clock)
    form = reading(page.tool(page.read([("tool", "get_issues"), ("period", "7d"), ("env_kind", "all")]))).find("form")[0]
    assert (form["method"], form["action"]) == ("get", "/tool")
    assert {(one["name"], one["value"]) for one in form.find("input", type="hidden")} == {
        ("tool", "get_issues"),
        ("period", "7d"),
        ("env_kind", "all"),
    }
    assert [one["name"] for one in form.find("select")] == ["version", "client"]


def test_a_tools_page_tells_its_calls_apart(stores: dict[str, SqliteStore], clock: FakeClock, reading: Any) -> None:
    """A tool's own page has its trend, its errors over time, its versions, clients, error types and routes."""
    page = Page(stores["whole"], clock)
    query = page.read([("tool", "search_documents")])
    root = reading(page.tool(query))
    assert sections_of(root) == ["summary", "calls_over_time", "errors_over_time", "calls_by_version", "clients", "error_types", "calls"]
    owners = {row["tool"]: row["installations"] for row in compile_report(stores["whole"], query.asked)["own_tools"]}
    assert root.find("div", data_figure="installations")[0]["data-value"] == str(owners["search_documents"])
    routes = root.find("section", id="calls")[0].find("td", data_figure="calls")
    rows = compile_report(stores["whole"], query.asked)["rows"]
    assert [int(cell["data-value"]) for cell in routes] == [row["calls"] for row in rows]


def test_a_tool_nobody_called_has_a_page_that_says_so(stores: dict[str, SqliteStore], clock: FakeClock, reading: Any) -> None:
    """A tool without calls in the period has no walls of noughts, but ways to more."""
    page = Page(stores["whole"], clock)
    root = reading(page.tool(page.read([("tool", "nobody"), ("client", "vscode")])))
    assert sections_of(root) == ["nothing"]
    links = [link["href"] for link in root.find("section", id="nothing")[0].find("a")]
    assert links == ["/tool?period=365d&client=vscode&tool=nobody", "/tool?tool=nobody"]


def test_a_tools_page_needs_a_tool(stores: dict[str, SqliteStore], clock: FakeClock) -> None:
    """The page of a tool that is not named cannot be had."""
    page = Page(stores["whole"], clock)
    with pytest.raises(ValueError, match="name a tool"):
        page.tool(page.read([]))


def test_an_empty_store_gives_three_lines_to_paste(stores: dict[str, SqliteStore], clock: FakeClock, reading: Any) -> None:
    """Before the first document the page says how to send one, and looks by itself whether one came."""
    page = Page(stores["empty"], clock)
    assert not page.has_documents()
    html = "".join(page.overview(page.read([]), "https://collector.example"))
    root = reading([html])
    lines = [line.text for line in root.find("pre")]
    assert len(lines) == 3
    assert all("https://collector.example" in line for line in lines)
    assert root.find("main")[0]["data-first-document"] == "/first-document"
    refresh = root.find("noscript")[0].find("meta")[0]
    assert refresh["http-equiv"] == "refresh"
    assert Page(stores["heartbeats"], clock).has_documents()
    assert Page(stores["events"], clock).has_documents()


def test_a_filter_that_nothing_fits_says_so(stores: dict[str, SqliteStore], clock: FakeClock, reading: Any) -> None:
    """Where documents came but none fits, the page says that, and does not offer lines to paste."""
    page = Page(stores["whole"], clock)
    root = reading(page.overview(page.read([("app", "nobody")])))
    assert "nothing" in sections_of(root)
    assert not root.find("pre")


def test_the_inbox_tells_read_from_unread(tmp_path: Any, clock: FakeClock, reading: Any) -> None:
    """Each unread message has a form that marks it, and all together one; a read one has none."""
    store = SqliteStore(tmp_path / "inbox.db")
    for number in range(3):
        store.add_feedback({"category": "bug", "message": f"message {number}", "context": {"os": "linux"}, "app": "acme"}, received_at=int(clock.time()) - 60 * number)
    numbers = [entry.number for entry in store.inbox(Filter())]
    store.mark_read(numbers[:1])
    page = Page(store, clock)
    root = reading(page.inbox(page.read([])))
    forms = [form for form in root.find("form") if form["action"] == "/inbox/read"]
    posted = [[one["value"] for one in form.find("input", name="number")] for form in forms]
    assert sorted(posted[0]) == sorted(str(number) for number in numbers[1:])
    assert posted[1:] == [[str(number)] for number in numbers[1:]]
    assert {one["value"] for form in forms for one in form.find("input", name="target")} == {"/inbox"}
    unread = reading(page.inbox(page.read([("show", "unread")])))
    assert [row["data-row"] for row in unread.find("li") if row["data-row"]] == [str(number) for number in numbers[1:]]


class Failing:
    """A store some of whose questions fail."""

    def __init__(self, store: SqliteStore, *failing: str) -> None:
        self._store, self._failing = store, failing
        for name in dir(store):
            if not name.startswith("_") and name != "look":  # whose questions would be the store's own
                setattr(self, name, self._refuse if name in failing else getattr(store, name))

    def _refuse(self, *_args: object, **_named: object) -> Any:
        msg = "disk I/O error"
        raise StoreError(msg)


@pytest.mark.parametrize("failing", [("calls_over_time",), ("own_tools", "retention"), ("health",), ("calls",), ("installations",), ("calls", "installations"), ("apps", "installations_by", "clients", "versions")])
def test_a_store_that_fails_breaks_no_page(stores: dict[str, SqliteStore], clock: FakeClock, reading: Any, failing: tuple[str, ...]) -> None:
    """What cannot be answered is said in its place, and the page goes on to its end."""
    page = Page(Failing(stores["whole"], *failing), clock)
    html = "".join(page.overview(page.read([])))
    root = reading([html])
    assert root.find("p", role="alert")
    assert "disk I/O" not in html
    assert html.rstrip().endswith("</html>")


def test_parts_are_given_away_one_by_one(stores: dict[str, SqliteStore], clock: FakeClock) -> None:
    """What was answered can be sent before the next question is asked, and each wait is announced."""
    asked: list[str] = []

    class Watched(Failing):
        def __init__(self, store: SqliteStore) -> None:
            super().__init__(store)
            retention = store.retention

            def watch(*args: Any, **named: Any) -> Any:
                asked.append("retention")
                return retention(*args, **named)

            self.retention = watch

    page = Page(Watched(stores["whole"]), clock)
    pieces = page.overview(page.read([]))
    seen = ""
    while 'id="tools"' not in seen:
        seen += next(pieces)
    assert not asked
    assert seen.count('role="status"') >= 3
    rest = "".join(pieces)
    assert asked == ["retention"]
    assert "</html>" in rest


def test_assets_are_read_once_and_tagged() -> None:
    """The files beside the page have their kinds, and a tag that tells one content from another."""
    assert sorted(ASSETS) == ["icon.svg", "page.css", "page.js"]
    assert len({asset.etag for asset in ASSETS.values()}) == len(ASSETS) == 3
    assert ASSETS["page.css"] is ASSETS["page.css"]
    assert b"prefers-color-scheme: dark" in ASSETS["page.css"].body
    for asset in ASSETS.values():
        text = asset.body.decode()
        # Nothing but the name of the picture's own language is an address.
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "@import" not in text
        assert "url(" not in text


@pytest.mark.parametrize(
    "fields",
    [
        {"since": "1970-01-01"},
        {"until": "2025-11-20"},
        {"since": "1975-01-01", "until": "9000-01-01"},
        {"since": "2025-11-20", "until": "2025-11-20T01:00"},
        {"since": "2025-11-27T18:00"},
        {"since": "30d", "until": "2030-01-01"},
        {"since": "99999w"},
    ],
)
@pytest.mark.parametrize("kind", ["overview", "tool"])
def test_any_range_has_a_page(stores: dict[str, SqliteStore], clock: FakeClock, reading: Any, fields: dict[str, str], kind: str) -> None:
    """However long, open or short the range is, its page is whole, and says what the report says."""
    page = Page(stores["whole"], clock)
    query = page.read([*fields.items(), *([("tool", "get_issues")] if kind == "tool" else [])])
    root = reading((page.tool if kind == "tool" else page.overview)(query))
    assert not root.find("p", role="alert")
    calls = compile_report(stores["whole"], query.asked)["totals"]["calls"]
    tiles = [tile["data-value"] for tile in root.find("div", data_figure="calls")]
    assert tiles == ([str(calls)] if calls else [])
