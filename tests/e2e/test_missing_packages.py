"""A vendored copy without the packages that it needs: it says which, once, and a no works all the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from mcptelemetry.testing import InProcessCollector

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECS = 60

HOST = """
import json, logging, sys
from acme.vendored.mcptelemetry import Telemetry

logging.basicConfig(level="WARNING")
searches = []
class Watch:
    def find_spec(self, name, path=None, target=None):
        searches.append(name)
sys.meta_path.insert(0, Watch())

telemetry = Telemetry("acme-mcp", "1.0", heartbeat_endpoint=sys.argv[1], notice=lambda text: True)
with telemetry:
    for number in range(3):
        telemetry.record("get_issues")
        try:
            telemetry.flush(5)
        except Exception as error:
            print(error)
print(json.dumps({"searches": searches.count("requests"), "reason": telemetry.status()["events"]["stats"]["last_error"]}))
"""


DAILY = """
import logging, sys
from acme.vendored.mcptelemetry import Telemetry
from acme.vendored.mcptelemetry.testing import FakeClock

logging.basicConfig(level="WARNING")
clock = FakeClock()
telemetry = Telemetry(
    "acme-mcp", "1.0", tools=["get_issues"], heartbeat_endpoint=sys.argv[1], notice=lambda text: True, clock=clock
)
with telemetry:
    telemetry.registry.record_builtin_tool("get_issues")
    for day in range(3):
        clock.advance(100_000)
        assert not telemetry.heartbeat.send_now()
    print(telemetry.status()["last_error"])
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """Return the interpreter of an environment that holds a vendored copy and no other package."""
    place = tmp_path_factory.mktemp("bare") / "environment"
    venv.create(place, with_pip=False, symlinks=os.name == "posix")
    (packages,) = [path for path in place.rglob("site-packages") if path.is_dir()]
    vendored = packages / "acme" / "vendored"
    shutil.copytree(ROOT / "mcptelemetry", vendored / "mcptelemetry", ignore=shutil.ignore_patterns("__pycache__"))
    return place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run(bare, home, *arguments, **environ):
    """Return how the interpreter, run with *arguments*, ended."""
    own = {"HOME": str(home), "PATH": os.environ["PATH"], "ACME_MCP_TELEMETRY": "1", **environ}
    return subprocess.run([bare, *arguments], env=own, cwd=home, capture_output=True, text=True, timeout=LIMIT_SECS)


def command(bare, home, *arguments):
    """Return how the command line of the vendored copy ended."""
    return run(bare, home, "-m", "acme.vendored.mcptelemetry", "--app", "acme-mcp", *arguments)


def test_a_missing_requests_is_named_once_and_looked_for_once(bare, tmp_path):
    """One line names the package and the mend; the next attempts neither repeat it nor search for the package again."""
    with InProcessCollector() as collector:
        done = run(bare, tmp_path, "-c", HOST, collector.url, ACME_MCP_EVENTS_ENDPOINT=collector.events_url)
        assert collector.request_count == 0
    assert done.returncode == 0, done.stderr
    mend = f'the package requests is missing; run "{bare}" -m pip install requests'
    said = [line for line in done.stderr.splitlines() if "requests" in line]
    assert len(said) == 1, done.stderr
    assert mend in said[0]
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert outcome["searches"] == 1
    assert mend in outcome["reason"]


def test_a_heartbeat_that_cannot_be_sent_is_told_once_as_a_warning(bare, tmp_path):
    """Whoever sends nothing but heartbeats hears it too: waiting will not mend it, as it mends an endpoint that is away."""
    with InProcessCollector() as collector:
        done = run(bare, tmp_path, "-c", DAILY, collector.url)
        assert collector.request_count == 0
    assert done.returncode == 0, done.stderr
    mend = f'the package requests is missing; run "{bare}" -m pip install requests'
    assert [line.startswith("WARNING:") and mend in line for line in done.stderr.splitlines()] == [True]
    assert mend in done.stdout


@pytest.mark.parametrize("before", ["", 'mode = "on"\nsince = "2026-01-01T00:00:00Z"\n'])
def test_off_works_without_the_package_that_writes(bare, tmp_path, before):
    """A no is written and holds, whatever is not installed and whatever was said before."""
    state = tmp_path / ".acme-mcp" / "telemetry-state.toml"
    if before:
        state.parent.mkdir()
        state.write_text(before)
    done = command(bare, tmp_path, "off")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("acme-mcp: off since ")
    assert state.read_text().startswith('mode = "off"\nsince = "')
    again = state.read_text()
    assert command(bare, tmp_path, "off").returncode == 0
    if sys.version_info >= (3, 11):  # before, no TOML reader comes with Python, and nobody can know what is there
        assert state.read_text() == again
    status = json.loads(command(bare, tmp_path, "status", "--json").stdout)
    assert status["mode"] == "off"


@pytest.mark.skipif(sys.version_info >= (3, 11), reason="a TOML reader comes with Python")
def test_settings_that_cannot_be_read_for_want_of_a_package_are_a_no(bare, tmp_path):
    """Without tomli nobody knows what the file says: telemetry is off, and the package is named."""
    settings = tmp_path / ".acme-mcp" / "telemetry.toml"
    settings.parent.mkdir()
    settings.write_text("[telemetry]\nenabled = true\n")
    done = command(bare, tmp_path, "status", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["mode"] == "off"
    assert "the package tomli is missing" in done.stderr
    assert len(done.stderr.splitlines()) == 1


COLLECTOR = """
import io, sys
from acme.vendored.mcptelemetry.collector import SqliteStore, create_app
app = create_app(SqliteStore(sys.argv[1]), report_token="r")
def ask(method, path, body=b"", accept="text/html"):
    seen = []
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_AUTHORIZATION": "Bearer r", "HTTP_ACCEPT": accept, "HTTP_HOST": "t.acme.dev",
               "SERVER_NAME": "t.acme.dev", "SERVER_PORT": "80", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    text = b"".join(app(environ, lambda status, headers: seen.append(status))).decode()
    print(path, seen[0], " ".join(text.split()))
event = b'{"app": "acme-mcp", "events": [{"tool": "get_issues", "routing_decision": "local_only", "status": "success", "latency_ms": 1, "timestamp_secs": 1}]}'
ask("POST", "/events", event)
ask("GET", "/api/report", accept="application/json")
ask("GET", "/")
ask("GET", "/tables/tools.csv", accept="*/*")
ask("GET", "/sign-in")
"""


def test_a_collector_without_jinja2_takes_in_and_its_page_names_the_command(bare, tmp_path):
    """Documents are taken and the report is shown; the page says which command installs what it needs, and nothing breaks."""
    done = run(bare, tmp_path, "-c", COLLECTOR, str(tmp_path / "c.db"))
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    events, report, *pages = done.stdout.splitlines()
    assert events.startswith("/events 202 ")
    assert report.startswith("/api/report 200 ")
    assert '"calls": 1' in report
    assert len(pages) == 3
    for page in pages:
        assert " 501 " in page
        assert "-m pip install jinja2" in page
