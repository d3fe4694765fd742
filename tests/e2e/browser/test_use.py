"""The page in a person's hands: signing in, going from one view to the next by keyboard, marking as read, taking tables away."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mcptelemetry.collector import (
    DEMO_UNTIL,
    EVENTS_PATH,
    FEEDBACK_PATH,
    HEARTBEAT_PATH,
    Filter,
    demo_documents,
    parse_filter,
    render_csv,
    store_documents,
)
from mcptelemetry.system import printable

from .conftest import FULL, NOW, TOKEN, Site, running

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

CONTEXT = {name: FULL[name] for name in ("version", "edition", "os", "arch", "server_count", "connected_server_count", "routing_mode")}
ENTER, SPACE, TAB = "\ue007", " ", "\ue004"


def fields_of(url: str) -> dict[str, str]:
    """Return the fields of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@pytest.fixture
def opened(window: Any) -> Callable[..., None]:
    """Return the function that signs the window in and opens a page."""

    def open_page(site: Site, target: str = "/", **setting: Any) -> None:
        window.set_up()
        window.forget_cookies()
        window.open(f"{site.url}/?token={TOKEN}")
        window.set_up(**setting)
        window.open(site.url + target)

    return open_page


# -- signing in ------------------------------------------------------------------------


@pytest.mark.parametrize("has_scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_person_signs_in_by_keyboard_and_out_again(window: Any, year: Site, has_scripts: bool) -> None:
    """The form has the focus or is the first to get it; a wrong token is said so, the right one leads to the page that was asked for."""
    window.set_up(has_scripts=has_scripts)
    window.forget_cookies()
    window.open(f"{year.url}/tool?tool=get_issues&period=7d")
    (field,) = window.find("input[name=token]")
    assert field.get_attribute("type") == "password"
    for token in ("wrong", TOKEN):
        (field,) = window.find("input[name=token]")
        if window.driver.switch_to.active_element != field:
            window.tab_to(field)
        window.press(token, ENTER)
        if token == "wrong":
            said = window.wait_for("return [...document.querySelectorAll('[role=alert]')].map((one) => one.textContent.trim()).join(' ')")
            assert "token" in said
            assert window.attributes("input[name=token]", "value") in ([None], [""])
    window.wait_for("return document.querySelector('input[name=token]') === null")
    assert urlsplit(window.driver.current_url).path == "/tool"
    assert fields_of(window.driver.current_url) == {"tool": "get_issues", "period": "7d"}
    (cookie,) = window.driver.get_cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert TOKEN not in cookie["value"]
    (button,) = window.find("form[action='/sign-out'] button")
    window.tab_to(button)
    window.press(ENTER)
    window.wait_for("return document.querySelector('input[name=token]')")
    assert window.driver.get_cookies() == []


def test_the_address_with_the_token_leaves_it_nowhere(window: Any, opened: Callable[..., None], year: Site) -> None:
    """What `collect` prints opens the page; the token is gone from the address and the history."""
    opened(year)
    window.open(f"{year.url}/?token={TOKEN}&period=7d")
    assert fields_of(window.driver.current_url) == {"period": "7d"}
    assert TOKEN not in window.run("return document.documentElement.outerHTML + location.href + document.referrer")


# -- the beginning ---------------------------------------------------------------------


def test_the_empty_page_notices_the_first_document(window: Any, opened: Callable[..., None], nothing: Site) -> None:
    """Before anything came there are the three lines to paste, with the collector's own address; the first document brings the page by itself."""
    opened(nothing)
    lines = window.texts("pre code, pre")
    assert any(nothing.url in line for line in lines)
    assert len(window.find("pre")) >= 1
    assert window.take_console() == []
    assert nothing.post(HEARTBEAT_PATH, FULL).status_code == 202
    window.wait_for("return document.querySelector('[data-figure=active]')", secs=20)
    assert window.attributes("[data-figure=active]", "data-value")[0] == "1"
    assert window.take_console() == []


def test_the_empty_page_says_what_to_do_without_scripts(window: Any, opened: Callable[..., None], nothing: Site) -> None:
    """Without scripts the three lines are there too, and how to look again."""
    opened(nothing, has_scripts=False)
    assert any(nothing.url in line for line in window.texts("pre"))
    nothing.post(EVENTS_PATH, {"app": "a", "events": [{"tool": "t", "routing_decision": "local_only", "status": "success", "latency_ms": 1, "timestamp_secs": NOW}]})
    window.driver.refresh()
    assert window.attributes("[data-figure=calls]", "data-value")[0] == "1"


# -- by keyboard -----------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/", "/tool?tool=get_issues&version=v1.4.0", "/inbox?period=365d"])
@pytest.mark.parametrize("width", [390, 1280])
def test_everything_is_reached_by_the_tab_key(window: Any, opened: Callable[..., None], year: Site, target: str, width: int) -> None:
    """The tab key reaches all that can be clicked, in the order of the page, and who has the focus can be seen."""
    opened(year, target, width=width)
    expected = window.focusable()
    steps = window.walk_by_tab()
    reached = [step["element"] for step in steps]
    missed = [one for one in expected if one not in reached]
    assert [one.get_attribute("outerHTML")[:200] for one in missed] == []
    in_order = list(dict.fromkeys(one.id for one in reached if one in expected))
    assert in_order == [one.id for one in expected]
    unseen = [step["element"].get_attribute("outerHTML")[:200] for step in steps if not (step["isShown"] and step["isInWindow"])]
    assert unseen == []


def choose(window: Any, field: str, value: str) -> None:
    """Choose *value* in a select by keyboard, as a person types its first letters, and go on to the button."""
    (select,) = window.find(f"select[name={field}]")
    label = window.run(
        "const one = [...arguments[0].options].find((option) => option.value === arguments[1]); return one && one.text", select, value
    )
    assert label is not None, f"{value!r} cannot be chosen as {field}"
    window.tab_to(select)
    window.press(*label)
    assert window.run("return arguments[0].value", select) == value
    (button,) = window.find("form.filters button:not([type=button])")
    window.tab_to(button)
    window.press(ENTER)


def shown(window: Any, figure: str) -> str:
    """Return the number that a tile of the page says."""
    return window.attributes(f".tile[data-figure={figure}]", "data-value")[0]


def count_calls(site: Site, **words: str) -> str:
    """Return what the report has as the number of calls."""
    return str(site.store.calls(parse_filter(now=NOW, **words)).totals.calls)


@pytest.mark.parametrize("has_scripts", [True, False], ids=["scripts", "no scripts"])
def test_every_filter_is_put_on_and_taken_off_by_keyboard(window: Any, opened: Callable[..., None], year: Site, has_scripts: bool) -> None:
    """Periods, a range, and each filter: chosen by keys they stand in the address, the numbers are the report's, and a link takes them off."""
    opened(year, has_scripts=has_scripts)
    for period, days in (("24h", 1), ("7d", 7), ("90d", 90), ("365d", 365), ("30d", 30)):
        (link,) = [one for one in window.find(".periods a") if period == fields_of(one.get_attribute("href")).get("period", "30d")]
        window.tab_to(link)
        window.press(ENTER)
        window.wait_for("return document.querySelector('.periods [aria-current]')?.href === arguments[0]", link_of(year, period))
        since = time.strftime("%Y-%m-%d", time.gmtime(DEMO_UNTIL - days * 86_400))
        assert shown(window, "calls") == count_calls(year, since=since, until="2025-11-28")
    asked = {"since": "2025-10-29", "until": "2025-11-28"}
    for field, value in (("version", "v1.4.1"), ("client", "cursor"), ("env_kind", "all")):
        choose(window, field, value)
        asked[field] = value
        window.wait_for("return new URL(location.href).searchParams.get(arguments[0]) === arguments[1]", field, value)
        assert shown(window, "calls") == count_calls(year, **asked)
    summary = window.find("form.filters summary")[0]
    window.tab_to(summary)
    window.press(ENTER)
    window.press(TAB, "2025-10-20", TAB, "2025-11-10", ENTER)
    window.wait_for("return new URL(location.href).searchParams.get('until') === '2025-11-10'")
    assert shown(window, "calls") == count_calls(year, **{**asked, "since": "2025-10-20", "until": "2025-11-10"})
    chips = len(window.find(".chips a"))
    assert chips >= 3
    for left in range(chips - 1, -1, -1):
        window.tab_to(window.find(".chips a")[0])
        window.press(ENTER)
        window.wait_for("return document.querySelectorAll('.chips a').length === arguments[0]", left)
    assert fields_of(window.driver.current_url) == {}
    assert window.take_console() == []


def link_of(site: Site, period: str) -> str:
    """Return the address of a period's page."""
    return f"{site.url}/" if period == "30d" else f"{site.url}/?period={period}"


def test_names_lead_on_by_keyboard(window: Any, opened: Callable[..., None], year: Site) -> None:
    """A tool's name leads to its page, a client's and a version's to the page with that filter, and back again."""
    opened(year)
    for section, row, path, fields in (
        ("tools", "run_pipeline", "/tool", {"tool": "run_pipeline"}),
        ("clients", "vscode", "/", {"client": "vscode"}),
        ("versions", "v1.4.1", "/", {"version": "v1.4.1"}),
        ("people", "automation", "/", {"env_kind": "automation"}),
    ):
        (link,) = window.find(f"#{section} tr[data-row={json.dumps(row)}] th a")
        window.tab_to(link)
        window.press(ENTER)
        window.wait_for("return location.search !== ''")
        assert (urlsplit(window.driver.current_url).path, fields_of(window.driver.current_url)) == (path, fields)
        assert window.find("main section")
        window.driver.back()
        window.wait_for("return location.search === ''")


def test_each_number_has_its_definition_at_hand(window: Any, opened: Callable[..., None], year: Site) -> None:
    """Beside each heading a key opens the sentence that the report has for it."""
    opened(year)
    definitions = year.report()["definitions"]
    sections = [one for one in window.attributes("main section[id]", "id") if one in definitions]
    assert len(sections) >= 15
    for name in sections:
        (summary,) = window.find(f"#{name} .heading details.about summary")
        said = window.texts(f"#{name} .heading details.about p")
        assert said == [definitions[name]], name
    window.tab_to(summary)
    window.press(ENTER)
    assert window.find(f"#{name} .heading details.about p")[0].is_displayed()
    tiles = window.find(".tile")
    assert len(tiles) == 5
    assert all(text in definitions.values() for text in window.texts(".tile details p"))


def test_the_trend_is_read_by_keyboard(window: Any, opened: Callable[..., None], year: Site) -> None:
    """With the focus on the chart, arrow keys go from day to day, and what each day was is said."""
    opened(year)
    (frame,) = window.find(".trend .chart-frame[tabindex='0']")
    window.tab_to(frame)
    window.press("\ue010")  # End
    last = window.wait_for("return document.querySelector('.said').textContent")
    calls = window.attributes(".trend .point", "data-calls")
    assert calls[-1] in last.replace("\u202f", "")
    window.press("\ue012")  # left
    assert calls[-2] in window.wait_for("return document.querySelector('.said').textContent").replace("\u202f", "")


# -- marks -----------------------------------------------------------------------------


@pytest.mark.parametrize("has_scripts", [True, False], ids=["scripts", "no scripts"])
def test_there_are_as_many_marks_as_the_report_has_numbers(window: Any, opened: Callable[..., None], year: Site, has_scripts: bool) -> None:
    """A point a day, a line of the trend for each new version, a row for each name, a spark for each tool, a cell for each week."""
    opened(year, has_scripts=has_scripts)
    report = year.report(since="2025-10-29", until="2025-11-28")
    points = dict(zip(map(int, window.attributes(".trend .point", "data-start")), window.attributes(".trend .point", "data-calls")))
    days = range(DEMO_UNTIL - 30 * 86_400, DEMO_UNTIL, 86_400)
    told = {row["start"]: row["calls"] for row in report["calls_over_time"]}
    assert points == {day: str(told.get(day, 0)) for day in days}
    assert sum(map(int, window.attributes(".trend .point", "data-errors"))) == report["totals"]["errors"]
    assert window.attributes(".trend", "data-points") == ["30"]
    new = {row["version"] for row in report["versions"] if DEMO_UNTIL - 30 * 86_400 <= row["first_at"]}
    marks = window.attributes(".trend .marks > [data-versions]", "data-versions")
    assert {name for names in marks for name in names.split(", ")} == new
    assert new
    tools = [row["tool"] for row in report["tools"]]
    assert window.attributes("#tools tbody tr", "data-row") == tools
    assert window.attributes("#tools .spark", "data-points") == ["30"] * len(tools)
    for name, key in (
        ("clients", "client"), ("versions", "version"), ("calls_by_version", "version"), ("own_tools", "tool"), ("operating_systems", "name"),
        ("pythons", "name"), ("architectures", "name"), ("launch_sources", "name"), ("clients_seen", "name"),
    ):  # fmt: skip
        assert window.attributes(f"#{name} tbody tr", "data-row") == [row[key] for row in report[name]][:12], name
    assert len(window.find("#retention td[data-figure=active]")) == sum(len(row["active"]) for row in report["retention"])
    assert len(window.find("#funnel tbody tr")) == 1 + len(report["funnel"]["steps"])
    assert len(window.find("#upgrades tbody tr")) == min(12, len(report["upgrades"]))
    bars = window.find("#clients .bar")
    assert len(bars) == len(report["clients"])


def test_what_was_sent_is_shown_as_it_is(window: Any, opened: Callable[..., None], harmed: Site) -> None:
    """Each hostile name stands on the page as text, with an escape for what cannot be seen, and isolated from what stands beside it."""
    opened(harmed, "/?app=many&period=365d&env_kind=all")
    rows = window.attributes("#tools tbody tr", "data-row")
    assert len(rows) == 50
    opened(harmed, "/?period=365d&env_kind=all")
    names = set(window.texts("bdi"))
    sent = {row["tool"] for row in harmed.report(since="2024-11-28", until="2025-11-28", env_kind="all")["tools"]}
    kept = set(window.attributes("#tools tbody tr", "data-row"))
    assert kept <= sent
    hostile_kept = {name for name in kept if not name.startswith("tool_")}
    assert len(hostile_kept) >= 20
    assert {printable(name).strip() for name in hostile_kept if name.strip() and name != "unknown_tool"} <= names
    turned = window.run(
        r"""
        const turning = /[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\u200b\ufeff]/;
        const found = [];
        const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node; node = walker.nextNode()) if (turning.test(node.data)) found.push(node.data.slice(0, 80));
        for (const element of document.querySelectorAll('*')) for (const attribute of element.attributes)
          if (!['value', 'href', 'data-row', 'data-name', 'data-versions'].includes(attribute.name) && turning.test(attribute.value)) found.push(attribute.name + '=' + attribute.value.slice(0, 80));
        return found;
        """
    )
    assert turned == []


# -- feedback --------------------------------------------------------------------------


@pytest.mark.parametrize("has_scripts", [True, False], ids=["scripts", "no scripts"])
def test_feedback_is_read_and_marked_by_keyboard(window: Any, opened: Callable[..., None], nothing: Site, has_scripts: bool) -> None:
    """What nobody has read is told apart; one message and then all are marked as read, and stay so."""
    for number in range(4):
        document = {"app": "acme-mcp", "category": "bug", "message": f"It stopped {number} times.\nTwice on Monday.", "context": CONTEXT}
        assert nothing.post(FEEDBACK_PATH, document).status_code == 202
    opened(nothing, "/", has_scripts=has_scripts)
    assert shown(window, "unread") == "4"
    opened(nothing, "/inbox", has_scripts=has_scripts)
    assert len(window.find(".messages li.unread")) == 4
    assert window.find(".messages li .message")[0].text == "It stopped 3 times.\nTwice on Monday."
    (button,) = window.find(".messages li:nth-child(2) form[action='/inbox/read'] button")
    window.tab_to(button)
    window.press(ENTER)
    window.wait_for("return document.querySelectorAll('.messages li.unread').length === 3")
    assert [entry.number for entry in nothing.store.inbox(Filter()) if entry.is_read] == [3]
    (unread,) = [one for one in window.find("main a") if fields_of(one.get_attribute("href")).get("show") == "unread"]
    window.tab_to(unread)
    window.press(ENTER)
    window.wait_for("return document.querySelectorAll('.messages li').length === 3")
    (button,) = window.find(".all form[action='/inbox/read'] button")
    window.tab_to(button)
    window.press(SPACE)
    window.wait_for("return document.querySelectorAll('.messages li').length === 0")
    assert not nothing.store.inbox(Filter(), is_unread_only=True)
    assert window.take_console() == []


# -- tables ----------------------------------------------------------------------------


def test_tables_are_what_the_report_has(window: Any, opened: Callable[..., None], year: Site) -> None:
    """Each table of the page comes as CSV and as JSON, which hold what the report has, and the definition."""
    report = year.report(since="2025-11-21", until="2025-11-28", env_kind="all")
    opened(year, "/?since=2025-11-21&until=2025-11-28&env_kind=all")
    links = [link for link in window.attributes("main a[href^='/tables/']", "href") if link]
    names = {urlsplit(link).path.partition("/tables/")[2].rpartition(".")[0] for link in links}
    assert len(names) >= 15
    assert len(links) == 2 * len(names)
    for link in links:
        text, kind = window.driver.execute_async_script(
            "const [link, done] = arguments; fetch(link).then(async (answer) => done([await answer.text(), answer.headers.get('Content-Type')]))", link
        )
        name, _, form = urlsplit(link).path.rpartition("/")[2].rpartition(".")
        if form == "csv":
            assert kind.startswith("text/csv"), name
            assert text == render_csv(report, name), name
        else:
            document = json.loads(text)
            whole = {key: report[key] for key in ("apps", "rows", "totals", "left_out")} if name == "calls" else report[name]
            assert (document["answer"], document["definition"]) == (whole, report["definitions"][name]), name


# -- open to everybody -----------------------------------------------------------------


def test_the_public_page_tells_nothing_of_few(window: Any, axe: str, year: Site, tmp_path: Path) -> None:
    """Without a token there is the page, without feedback, and no count of installations from one to four stands in it."""
    with running(tmp_path, public=True) as site:
        store_documents(site.store, demo_documents(60, 90))
        assert site.store.inbox(Filter())
        window.set_up()
        window.forget_cookies()
        for target in ("/", "/?period=90d&env_kind=all", "/tool?tool=get_issues"):
            window.open(site.url + target)
            assert window.take_console() == []
            few = [
                (figure, value)
                for figure, value in zip(window.attributes("[data-figure]", "data-figure"), window.attributes("[data-figure]", "data-value"))
                if figure in ("active", "new", "installations", "returning") and value in ("1", "2", "3", "4")
            ]
            assert few == [], target
            assert not window.find("#feedback, .messages, form[action='/inbox/read'], a[href*='/inbox']")
            faults = window.look()
            assert not faults, "\n".join(faults)
        window.open(f"{site.url}/?period=90d&env_kind=all")
        assert "fewer than 5" in window.run("return document.body.textContent")
        assert window.find_violations(axe) == []
        for target in ("/inbox", "/tables/feedback.csv", "/tables/feedback.json"):
            assert site.ask("GET", target).status_code in (401, 403, 404), target
        assert site.ask("GET", "/api/report").status_code == 401
