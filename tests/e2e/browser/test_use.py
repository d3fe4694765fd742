"""The page in a person's hands: signing in, going from one view to the next by keyboard, marking as read, taking tables away."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mcptelemetry.collector import DEMO_UNTIL, EVENTS_PATH, HEARTBEAT_PATH, demo_documents, store_documents

from .conftest import FULL, NOW, TOKEN, Site

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

ENTER, SPACE, TAB, DOWN = "\ue007", " ", "\ue004", "\ue015"


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
            window.tab_to(field, most=5)
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


# -- tables ----------------------------------------------------------------------------


def test_tables_are_what_the_report_has(year: Site) -> None:
    """Each table of the page comes as CSV and as JSON, which hold what the report has, and the definition."""
    report = year.report(since="2025-11-21", until="2025-11-28", env_kind="all")
    fields = {"since": "2025-11-21", "until": "2025-11-28", "env_kind": "all"}
    for name, definition in report["definitions"].items():
        answer = year.get(f"/tables/{name}.json", **fields)
        assert answer.status_code == 200, name
        assert definition in answer.text or json.dumps(definition)[1:-1] in answer.text, name
        table = year.get(f"/tables/{name}.csv", **fields)
        assert table.headers["Content-Type"].startswith("text/csv"), name
        rows = list(csv.reader(io.StringIO(table.text)))
        assert len({len(row) for row in rows}) == 1, name
