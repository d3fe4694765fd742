"""
One headless Chromium, and what a test asks of it.

Width, colour scheme and scripts are set by Chromium's own protocol, so that one window serves
all tests. It can look up no name but this machine's address: whatever a page would ask of
another machine fails, and stands in the log of requests.
"""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

HERE = Path(__file__).parent
PAGE_MAY_TAKE_SECS = 30
AXE_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")

_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # who tests is root in many containers
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--lang=en",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
# What a page asks of itself.
_OWN_SCHEMES = ("data:", "blob:", "about:", "chrome:", "devtools:")
# Records who gets the focus, and whether that can be seen there.
_WATCH_FOCUS = """
window.focusSeen = [];
const rest = new Map();
const looks = (element) => {
  const style = getComputedStyle(element);
  const outline = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 ? style.outline : '';
  return [outline, style.boxShadow, style.borderColor, style.backgroundColor, style.textDecoration].join('|');
};
for (const element of document.querySelectorAll('a, button, input, select, textarea, summary, [tabindex]')) rest.set(element, looks(element));
document.addEventListener('focusin', (event) => {
  const box = event.target.getBoundingClientRect();
  const parts = looks(event.target);
  window.focusSeen.push({
    element: event.target,
    isShown: parts !== rest.get(event.target),
    isInWindow: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight,
  });
});
"""
# From where the tab key goes on is kept by the browser, also when nothing has the focus any more.
_START_ANEW = """
document.body.tabIndex = -1;
document.body.focus();
document.body.removeAttribute('tabindex');
window.scrollTo(0, 0);
"""
_FOCUSABLE = """
return [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')].filter((element) =>
  element.tabIndex >= 0 && !element.disabled && element.type !== 'hidden' && element.checkVisibility({ checkVisibilityCSS: true }) &&
  !(element.closest('details:not([open])') && element !== element.closest('details').querySelector('summary')));
"""


class Window:
    """The browser; `close()` ends it. What was said and asked is kept since the last `open()`."""

    def __init__(self, chromium: str, driver: str, folder: Path, environment: dict[str, str]) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for option in (*_OPTIONS, f"--user-data-dir={folder}"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = Service(driver, env={**environment, "HOME": str(folder)}, log_output=str(folder / "driver.log"))
        self.driver = webdriver.Chrome(options=options, service=service)
        self.driver.set_page_load_timeout(PAGE_MAY_TAKE_SECS)
        self.driver.set_script_timeout(PAGE_MAY_TAKE_SECS)

    def close(self) -> None:
        """End the browser and its driver."""
        self.driver.quit()

    def set_up(self, *, width: int = 1280, height: int = 900, scheme: str = "light", has_scripts: bool = True) -> None:
        """Make the window as wide and high, prefer a colour scheme, and run scripts or not."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self._ask(
            "Emulation.setEmulatedMedia",
            features=[
                {"name": "prefers-color-scheme", "value": scheme},
                {"name": "prefers-reduced-motion", "value": "reduce"},
            ],
        )
        self._ask("Emulation.setScriptExecutionDisabled", value=not has_scripts)

    def open(self, url: str) -> None:
        """Go to *url* and forget what was said and asked before."""
        self.take_console()
        self.take_requests()
        self.driver.get(url)

    def take_console(self) -> list[str]:
        """Return what stands in the console as a warning or worse, a violation of the policy included."""
        return [f"{one['level']} {one['message']}" for one in self.driver.get_log("browser") if one["level"] in ("WARNING", "SEVERE")]

    def take_requests(self) -> list[str]:
        """Return the addresses that were asked for."""
        urls = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.append(message["params"]["request"]["url"])
        return [url for url in urls if not url.startswith(_OWN_SCHEMES)]

    def look(self) -> list[str]:
        """Return what is wrong with how the page lies: what overflows, and what lies on other text."""
        return self.run((HERE / "look.js").read_text(encoding="utf-8"))

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what *script* returns in the page; it runs also where the page's own scripts do not."""
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> list[WebElement]:
        """Return the elements that *selector* names."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """Return the texts of the elements that *selector* names, also of those that are not to be seen."""
        return self.run("return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent.trim())", selector)

    def attributes(self, selector: str, name: str) -> list[str | None]:
        """Return the attribute *name* of the elements that *selector* names."""
        return self.run("return [...document.querySelectorAll(arguments[0])].map((one) => one.getAttribute(arguments[1]))", selector, name)

    def find_violations(self, axe: str) -> list[str]:
        """Return what axe-core, whose source is *axe*, finds against the guidelines and its best practices."""
        result = self.driver.execute_async_script(
            axe
            + """
            const [tags, done] = arguments;
            axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']}).then(done, (error) => done({error: String(error)}));
            """,
            list(AXE_TAGS),
        )
        assert "error" not in result, result["error"]
        assert result["passes"], "axe-core looked at nothing"
        return [
            f"{one['id']}: {one['help']}: {node['html'][:200]} ({'; '.join(part['message'] for part in (*node['any'], *node['all'], *node['none']))})"
            for one in result["violations"]
            for node in one["nodes"][:3]
        ]

    def press(self, *keys: str) -> None:
        """Press *keys*, one after the other, wherever the focus is."""
        chain = ActionChains(self.driver)
        for key in keys:
            chain.send_keys(key)
        chain.perform()

    def focusable(self) -> list[WebElement]:
        """Return what the keyboard should reach, in the order of the document."""
        return self.run(_FOCUSABLE)

    def walk_by_tab(self) -> list[dict[str, Any]]:
        """Return what got the focus on the way through the whole page by the tab key."""
        self.run(_WATCH_FOCUS)
        self.run(_START_ANEW)
        count = len(self.focusable())
        for _ in range(0, count + 1, 50):
            self.press(*[Keys.TAB] * 50)
        return self.run("return window.focusSeen")

    def tab_to(self, element: WebElement) -> None:
        """Press the tab key from the beginning of the page until *element* has the focus."""
        self.run(_START_ANEW)
        place = self.focusable().index(element)
        self.press(*[Keys.TAB] * (place + 1))
        reached = self.driver.switch_to.active_element
        assert reached == element, f"the tab key leads to {reached.get_attribute('outerHTML')[:200]}, not to {element.get_attribute('outerHTML')[:200]}"

    def wait_for(self, script: str, *arguments: Any, secs: float = 10) -> Any:
        """Return what *script* returns once that is true."""
        ends_at = time.monotonic() + secs
        while True:
            found = self.run(script, *arguments)
            if found:
                return found
            assert time.monotonic() < ends_at, f"waited {secs} s in vain for {script}"
            time.sleep(0.05)

    def print_to_pdf(self) -> bytes:
        """Return the page as it would be printed."""
        return base64.b64decode(self._ask("Page.printToPDF", printBackground=True)["data"])

    def take_picture(self, path: Path, *, is_whole: bool = True) -> None:
        """Write what the window shows, or the whole page, as PNG."""
        picture = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=is_whole)
        path.write_bytes(base64.b64decode(picture["data"]))

    def forget_cookies(self) -> None:
        """Be a stranger again."""
        self._ask("Network.clearBrowserCookies")

    def _ask(self, command: str, **parameters: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, parameters)
