"""
One Chromium for all tests of the page, and the collectors that it looks at.

The collectors are embedded servers on real files with a clock that stands still at the end of
the invented year, so that the page's "today" is the year's last day. Debian's packages
`chromium` and `chromium-driver`, and axe-core by npm, are asked for; without them the tests
are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from mcptelemetry.collector import (
    DEMO_UNTIL,
    EVENTS_PATH,
    FEEDBACK_PATH,
    HEARTBEAT_PATH,
    Listener,
    Server,
    SqliteStore,
    Store,
    create_app,
    demo_documents,
    store_documents,
)

from . import hostile

HERE = Path(__file__).parent
FULL = json.loads((HERE.parents[1] / "data" / "heartbeat" / "full.json").read_text(encoding="utf-8"))
TOKEN = "r3ader-of-the-page"
NOW = DEMO_UNTIL - 60
INSTALLATIONS = 400
INSTALL_MAY_TAKE_SECS = 300


class StillClock:
    """The last minute of the year, for good; what is measured goes on."""

    def time(self) -> float:
        """Return Unix seconds."""
        return float(NOW)

    def monotonic(self) -> float:
        """Return seconds that only ever rise."""
        return time.monotonic()


class Site(NamedTuple):
    """A collector that runs: its address, and what it keeps."""

    url: str
    store: Store
    path: Path

    def get(self, target: str, **fields: str) -> requests.Response:
        """Return the answer to a reader with the token."""
        return self.ask("GET", target, params=fields, headers={"Authorization": f"Bearer {TOKEN}"})

    def browse(self, target: str) -> requests.Response:
        """Return the answer to a person's browser with the cookie."""
        with requests.Session() as session:
            session.trust_env = False
            session.headers["Accept"] = "text/html,*/*;q=0.8"
            session.get(f"{self.url}/?token={TOKEN}", timeout=60, allow_redirects=False)
            return session.get(self.url + target, timeout=60)

    def report(self, **fields: str) -> dict[str, Any]:
        """Return the report as a program reads it."""
        answer = self.get("/api/report", **fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, document: dict[str, Any]) -> requests.Response:
        """Return the answer to a sender, who is a stranger."""
        return self.ask("POST", path, data=hostile.as_body(document))

    def ask(self, method: str, target: str, **options: Any) -> requests.Response:
        """Return the answer to a request that no proxy comes between."""
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, self.url + target, timeout=60, **options)


@pytest.fixture(scope="package")
def found_commands(environment_as_found: dict[str, str]) -> tuple[str, str]:
    """Return Chromium and its driver; skip where they are not."""
    pytest.importorskip("selenium", reason="selenium belongs to the browser extra and is not installed")
    found = []
    for names in (("chromium", "chromium-browser"), ("chromedriver",)):
        commands = [shutil.which(name, path=environment_as_found.get("PATH", "")) for name in names]
        if not any(commands):
            pytest.skip(f"{names[0]} is not here; Debian's packages chromium and chromium-driver have it")
        found.append(next(filter(None, commands)))
    return found[0], found[1]


@pytest.fixture(scope="package")
def window(
    found_commands: tuple[str, str], tmp_path_factory: pytest.TempPathFactory, environment_as_found: dict[str, str]
) -> Iterator[Any]:
    """Give the one browser; without the network's proxies, for it sees this machine only."""
    from .window import Window

    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.upper().endswith("_PROXY")]:
            patch.delenv(name)
        surroundings = {name: value for name, value in environment_as_found.items() if not name.upper().endswith("_PROXY")}
        opened = Window(*found_commands, tmp_path_factory.mktemp("chromium"), surroundings)
        try:
            yield opened
        finally:
            opened.close()


@pytest.fixture(scope="package")
def axe(environment_as_found: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the source of axe-core, installed by npm; skip where there is none."""
    npm = shutil.which("npm", path=environment_as_found.get("PATH", ""))
    if npm is None:
        pytest.skip("npm is not here, which axe-core comes by")
    folder = tmp_path_factory.mktemp("npm")
    shutil.copy(HERE / "package.json", folder)
    done = subprocess.run(
        [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error"],
        cwd=folder, env=environment_as_found, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_MAY_TAKE_SECS,
    )  # fmt: skip
    assert done.returncode == 0, f"npm could not install: {done.stderr[-2000:]}"
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[Site]:
    """Run a collector on a fresh store in *folder*."""
    path = folder / "collector.db"
    store = SqliteStore(path)
    with Server(create_app(store, report_token=TOKEN, clock=StillClock(), **options), Listener("127.0.0.1", 0)) as server:
        yield Site(server.url, store, path)
    store.close()


@pytest.fixture(scope="package")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give the collector that took the invented year in."""
    with running(tmp_path_factory.mktemp("year")) as site:
        store_documents(site.store, demo_documents(INSTALLATIONS))
        yield site


@pytest.fixture
def nothing(tmp_path: Path) -> Iterator[Site]:
    """Give a collector that nothing was ever sent to."""
    with running(tmp_path) as site:
        yield site


@pytest.fixture(scope="package")
def harmed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give the collector that somebody sent ill-meant documents to, each of which it took."""
    with running(tmp_path_factory.mktemp("hostile")) as site:
        for path, documents in (
            (EVENTS_PATH, hostile.batches(NOW)),
            (HEARTBEAT_PATH, hostile.heartbeats(FULL)),
            (FEEDBACK_PATH, hostile.feedback(FULL)),
        ):
            for document in documents:
                answer = site.post(path, document)
                assert answer.status_code == 202, (answer.text, document)
                assert "rejected" not in answer.json(), answer.text
        yield site


@pytest.fixture(scope="package", autouse=True)
def long_lived(window: Any, year: Site, harmed: Site) -> None:
    """Begin what lives as long as the package before it is looked at what a test leaves behind."""
