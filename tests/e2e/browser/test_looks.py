"""The page in a real browser: how it lies, what it asks for, what it says in the console, who can read it."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import pytest

from .conftest import TOKEN, Site

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

WIDTHS = (390, 1280, 1920)
SCHEMES = ("light", "dark")
# Which collector, and where on its page.
LOOKS = (
    ("year", "/"),
    ("year", "/?period=24h"),
    ("year", "/?period=365d"),
    ("year", "/?period=90d&version=v1.4.0&client=vscode&env_kind=all"),
    ("year", "/?since=2025-03-01&until=2025-03-09&tool=get_issues"),
    ("year", "/tool?tool=run_pipeline&period=90d"),
    ("year", "/inbox?period=365d"),
    ("year", "/?app=nobody"),
    ("year", "/?period=nonsense"),
    ("nothing", "/"),
    ("nothing", "/inbox"),
    ("harmed", "/"),
    ("harmed", "/?period=365d&env_kind=all"),
    ("harmed", f"/tool?tool={quote('W' * 128)}"),
    ("harmed", f"/tool?tool={quote(chr(0xFDFD) * 128)}&app={quote('<script>window.harmed = 1</script>')}&version={quote(chr(0x202E) + 'gpj.exe')}"),
    ("harmed", "/inbox"),
)


def name_of(look: tuple[str, str]) -> str:
    """Return what a look is called among the tests."""
    return re.sub(r"%..", "", f"{look[0]}:{look[1]}")[:60]


@pytest.fixture
def admitted(window: Any) -> Callable[[Site], None]:
    """Return the function that gives the window the cookie of a collector."""

    def admit(site: Site) -> None:
        window.set_up()
        window.forget_cookies()
        window.open(f"{site.url}/?token={TOKEN}")

    return admit


@pytest.mark.parametrize("has_scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("look", LOOKS, ids=name_of)
def test_the_page_lies_well_and_asks_nobody_else(
    window: Any, admitted: Callable[[Site], None], request: pytest.FixtureRequest, look: tuple[str, str], has_scripts: bool
) -> None:
    """On a phone, a desk and a wide screen nothing overflows or lies on text; the console is empty, and no other machine is asked."""
    site = request.getfixturevalue(look[0])
    admitted(site)
    window.set_up(width=WIDTHS[0], has_scripts=has_scripts)
    window.open(site.url + look[1])
    faults = []
    for width in WIDTHS:
        window.set_up(width=width, has_scripts=has_scripts)
        faults += [f"{width}: {fault}" for fault in window.look()]
    window.set_up(width=WIDTHS[0], has_scripts=has_scripts)
    window.run("for (const one of document.querySelectorAll('details:not(.about)')) one.open = true;")
    faults += [f"{WIDTHS[0]}, with all of it open: {fault}" for fault in window.look()]
    console = [line for line in window.take_console() if "status of 400" not in line]  # of the page that was asked for wrongly
    assert not faults, "\n".join(faults)
    assert console == []
    requests = window.take_requests()
    assert any(urlsplit(url).path.startswith("/static/") for url in requests)
    assert [url for url in requests if not url.startswith(site.url + "/")] == []
    assert window.run("return window.harmed === undefined && document.getElementById('harmed') === null")


class Markup(HTMLParser):
    """What of a page could run, or be fetched, or go against the policy."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self.links: list[str] = []
        self._is_in_script = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        given = dict(attrs)
        self.faults += [f"<{tag} {name}={value!r}>" for name, value in attrs if name == "style" or name.startswith("on")]
        self.faults += [f"<{tag}>" for _ in [tag] if tag in ("style", "iframe", "object", "embed", "base")]
        self._is_in_script = tag == "script"
        if tag == "script" and "src" not in given:
            self.faults.append("a script in the page")
        for name in ("href", "src", "action", "formaction", "poster", "data"):
            value = given.get(name)
            if value is not None and not value.startswith(("/", "#", "?")):
                self.faults.append(f"<{tag} {name}={value!r}>")
            elif value is not None and tag == "a":
                self.links.append(value)
            elif value is not None and value.startswith("//"):
                self.faults.append(f"<{tag} {name}={value!r}>")

    def handle_data(self, data: str) -> None:
        """Look at one text."""
        if self._is_in_script and data.strip():
            self.faults.append("text in a script")


@pytest.mark.parametrize("look", LOOKS, ids=name_of)
def test_nothing_in_the_page_could_run_or_lead_away(request: pytest.FixtureRequest, look: tuple[str, str]) -> None:
    """As served, no element has a style or a handler, no script has text, and every address is one of the collector's own."""
    answer = request.getfixturevalue(look[0]).browse(look[1])
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert Markup(answer.text).faults == []


@pytest.mark.parametrize("look", [("year", "/"), ("year", "/tool?tool=get_issues"), ("year", "/inbox"), ("harmed", "/"), ("nothing", "/")], ids=name_of)
def test_every_link_leads_somewhere(request: pytest.FixtureRequest, look: tuple[str, str]) -> None:
    """Each address that stands on the page answers, and each place in the page that is pointed to is there."""
    site = request.getfixturevalue(look[0])
    text = site.get(look[1]).text
    links = set(Markup(text).links)
    assert links
    broken = {}
    # Of the many rows alike, the first ones.
    by_kind: dict[str, list[str]] = {}
    for link in sorted(links):
        if link.startswith("#"):
            if link != "#" and not re.search(rf'\bid="{re.escape(link[1:])}"', text):
                broken[link] = "no such place"
            continue
        kind = urlsplit(link).path + re.sub(r"=[^&]*", "", urlsplit(link).query)
        by_kind.setdefault(kind, []).append(link)
    for kind, alike in by_kind.items():
        for link in alike[:2] if look[0] == "year" else alike[:12]:
            target = urlsplit(urljoin(look[1], link))
            answer = site.get(f"{target.path}?{target.query}")
            if answer.status_code != 200:
                broken[link] = str(answer.status_code)
    assert not broken, "\n".join(f"{link}: {why}" for link, why in broken.items())


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("look", [one for one in LOOKS if "nobody" not in one[1] and "365d" not in one[1]], ids=name_of)
def test_everybody_can_read_it(
    window: Any, axe: str, admitted: Callable[[Site], None], request: pytest.FixtureRequest, look: tuple[str, str], scheme: str
) -> None:
    """axe-core finds nothing against WCAG 2.2 AA or its best practices, in either scheme; no colour speaks without a text beside it."""
    site = request.getfixturevalue(look[0])
    admitted(site)
    window.set_up(scheme=scheme)
    window.open(site.url + look[1])
    violations = window.find_violations(axe)
    assert not violations, "\n".join(violations)
    silent = window.run(
        """
        const isSilent = (element) => !element.textContent.trim() && !element.getAttribute('aria-label') && !element.querySelector('svg');
        return [...document.querySelectorAll('[class*=heat-], .better, .worse, .bad, .error')].filter(isSilent).map((one) => one.outerHTML.slice(0, 200));
        """
    )
    assert silent == []
    assert window.run("return [...document.querySelectorAll('svg:not(svg svg)')].every((one) => one.getAttribute('aria-hidden') === 'true' || one.getAttribute('aria-label') || one.getAttribute('aria-labelledby'))")
    page = window.run("return [document.documentElement.lang, document.title, document.querySelectorAll('h1').length, document.querySelectorAll('main').length]")
    assert page == ["en", page[1], 1, 1]
    assert page[1]


def test_the_page_can_be_printed(window: Any, admitted: Callable[[Site], None], year: Site) -> None:
    """On paper there is the whole page, in black on white, without what can only be clicked, and nothing is cut off."""
    admitted(year)
    window.set_up(scheme="dark", width=1280)
    window.open(year.url + "/")
    window._ask("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    window._ask("Emulation.setDeviceMetricsOverride", width=720, height=1000, deviceScaleFactor=1, mobile=False)
    try:
        background = window.run("return [getComputedStyle(document.documentElement).backgroundColor, getComputedStyle(document.body).backgroundColor]")
        assert set(background) <= {"rgba(0, 0, 0, 0)", "rgb(255, 255, 255)"}
        faults = window.look()
        assert not faults, "\n".join(faults)
        assert window.run("return [...document.querySelectorAll('form')].every((one) => !one.checkVisibility())")
        document = window.print_to_pdf()
    finally:
        window._ask("Emulation.setEmulatedMedia", media="", features=[])
    assert document.startswith(b"%PDF-")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b(?!s)", document)) <= 12
