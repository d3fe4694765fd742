"""What the page's script adds for whoever has a pointer: tables that sort, a tip on the trend, filters that need no button."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from .conftest import TOKEN, Site

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

ENTER = "\ue007"
VALUES_OF_COLUMN = """
    const [table, column] = [document.querySelector(arguments[0]), arguments[1]];
    return [...table.tBodies[0].rows].map((row) => row.cells[column].dataset.value ?? null);
"""


@pytest.fixture
def opened(window: Any) -> Callable[..., None]:
    """Return the function that signs the window in and opens the page of a collector."""

    def open_page(site: Site, **setting: Any) -> None:
        window.set_up()
        window.forget_cookies()
        window.open(f"{site.url}/?token={TOKEN}")
        window.set_up(**setting)
        window.open(f"{site.url}/")

    return open_page


def test_tables_sort_by_any_of_their_numbers(window: Any, opened: Callable[..., None], year: Site) -> None:
    """The head of a column sorts its table by number, first the most and then the least, says so, and loses no row."""
    opened(year)
    rows = sorted(window.attributes("#tools tbody tr", "data-row"))
    columns = window.run(
        "return [...document.querySelectorAll('#tools thead th')].map((head, index) => head.querySelector('button') ? index : -1).filter((index) => index > 0)"
    )
    numbers = [column for column in columns if any(window.run(VALUES_OF_COLUMN, "#tools table", column))]
    assert len(numbers) >= 5
    for column in numbers:
        button = window.find(f"#tools thead th:nth-child({column + 1}) button")[0]
        for order, sign in (("descending", -1), ("ascending", 1)):
            button.send_keys(ENTER)
            values = window.run(VALUES_OF_COLUMN, "#tools table", column)
            told = [float(value) for value in values if value]
            assert told == sorted(told, key=lambda number: sign * number), (column, order)
            assert not any(values[len(told) :]), "what has no number stands last"
            assert window.attributes("#tools thead th[aria-sort]", "aria-sort") == [order]
            assert order in window.texts(".said")[0]
        assert sorted(window.attributes("#tools tbody tr", "data-row")) == rows


def test_tables_sort_by_name(window: Any, opened: Callable[..., None], year: Site) -> None:
    """The head of the names sorts by them, from the first to the last and back."""
    opened(year)
    button = window.find("#tools thead th:first-child button")[0]
    button.send_keys(ENTER)
    names = window.texts("#tools tbody th")
    assert names == sorted(names, key=str.casefold)
    button.send_keys(ENTER)
    assert window.texts("#tools tbody th") == names[::-1]


def test_without_scripts_nothing_offers_to_sort(window: Any, opened: Callable[..., None], year: Site) -> None:
    """What only a script can do is not offered without one; the filters keep their button, and each point its words."""
    opened(year, has_scripts=False)
    assert window.find("#tools thead button") == []
    assert [button.is_displayed() for button in window.find("[data-needless]")] == [True]
    assert len(window.find(".trend .point title")) == len(window.find(".trend .point")) > 20


@pytest.mark.parametrize("width", [390, 1280])
def test_a_point_tells_its_numbers_to_a_pointer(window: Any, opened: Callable[..., None], year: Site, width: int) -> None:
    """Over each point of the trend a tip shows its numbers, whole and within the picture; it goes when the pointer does."""
    from selenium.webdriver.common.action_chains import ActionChains

    opened(year, width=width)
    plot, points = window.find(".trend-plot")[0], window.find(".trend .point")
    for place in (0, len(points) // 2, len(points) - 1):
        ActionChains(window.driver).move_to_element(points[place]).perform()
        lines = window.wait_for("return [...document.querySelectorAll('.tip text')].map((line) => line.textContent)")
        calls = points[place].get_attribute("data-calls")
        assert lines[0].startswith(points[place].get_attribute("data-label"))
        assert lines[1].replace("\u202f", "").split()[0] == calls
        outside = window.run(
            """
            const [plot, tip] = ['.trend-plot', '.tip'].map((one) => document.querySelector(one).getBoundingClientRect());
            return [plot.left - tip.left, tip.right - plot.right, plot.top - tip.top, tip.bottom - plot.bottom].filter((over) => over > 1);
            """
        )
        assert outside == []
        assert len(window.find(".tip")) == len(window.find(".cross")) == 1
    ActionChains(window.driver).move_to_element(window.find("h1")[0]).perform()
    window.wait_for("return !document.querySelector('.tip, .cross')")
    assert window.find("[style]") == []
    assert plot.get_attribute("role") == "img"


def test_a_filter_chosen_by_pointer_needs_no_button(window: Any, opened: Callable[..., None], year: Site) -> None:
    """With scripts the button is away; a choice made by pointer is put on at once, and what is not chosen is not in the address."""
    from selenium.webdriver.support.select import Select

    opened(year)
    assert [button.is_displayed() for button in window.find("[data-needless]")] == [False]
    chooser = Select(window.find("select[name=client]")[0])
    client = next(option.get_attribute("value") for option in chooser.options if option.get_attribute("value"))
    chooser.select_by_value(client)
    window.wait_for("return location.search.includes('client=')")
    window.wait_for("return document.readyState === 'complete'")
    fields = parse_qs(urlsplit(window.driver.current_url).query, keep_blank_values=True)
    assert fields.pop("client") == [client]
    assert "" not in [value for values in fields.values() for value in values]
    assert Select(window.find("select[name=client]")[0]).first_selected_option.get_attribute("value") == client
