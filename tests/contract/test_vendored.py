"""The package copied into a host's own folder works there unchanged, also twice in one process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from mcptelemetry.collector.page import ASSETS

ROOT = Path(__file__).resolve().parents[2]

HOST = """
import json, sys, urllib.request
from host._vendor.mcptelemetry import PipelineConfig, TelemetryEvent, TelemetryPipeline
from host._vendor.mcptelemetry.collector import SqliteStore, serve
from other._vendor.mcptelemetry import Telemetry

assert "mcptelemetry" not in sys.modules
store = SqliteStore(sys.argv[1])
with serve(store, report_token="r3ader") as server:
    endpoint = server.url + "/api/telemetry/tool-invocations"
    pipeline = TelemetryPipeline(PipelineConfig(endpoint=endpoint), environ={}, app="first")
    pipeline.start()
    pipeline.buffer.record(TelemetryEvent.now("from_first", "local_only"))
    environ = {"HOME": sys.argv[2], "SECOND_EVENTS_ENDPOINT": endpoint}
    with Telemetry("second", "1.0", environ=environ) as telemetry:
        telemetry.record("from_second")
        delivered = [pipeline.flush(10), telemetry.flush(10)]
    pipeline.shutdown()
    # Templates and style lie beside the modules, under whatever name the package has.
    for path, expected in (("/", "from_second"), ("/static/page.css", "--ink")):
        request = urllib.request.Request(server.url + path, headers={"Authorization": "Bearer r3ader"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert expected in answer.read().decode()
tools = sorted(outcome.tool for outcome in store.count_outcomes())
print(json.dumps([delivered, tools, sorted(name for name in sys.modules if name.startswith("mcptelemetry"))]))
"""


def test_vendored_copies_deliver_side_by_side(tmp_path):
    """Two copies in one process, neither installed, each deliver their own events."""
    for host in ("host", "other"):
        vendor = tmp_path / "code" / host / "_vendor"
        shutil.copytree(ROOT / "mcptelemetry", vendor / "mcptelemetry", ignore=shutil.ignore_patterns("__pycache__"))
        (vendor / "__init__.py").write_text("")
        (vendor.parent / "__init__.py").write_text("")
    # Isolated from the checkout: no current directory, no PYTHONPATH, and the installed
    # package, if there is one, must not be what is found (the host asserts that).
    program = f"import sys; sys.path.insert(0, {str(tmp_path / 'code')!r})\n{HOST}"
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, str(tmp_path / "c.db"), str(tmp_path / "home")],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[1, 1], ["from_first", "from_second"], []]
    assert done.stderr == ""


def test_page_files_are_read_from_an_archive_too(tmp_path):
    """What the page is made of is asked of whatever loaded the package: it may lie in a zip file."""
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", ROOT, "mcptelemetry"))
    program = f"""
import sys
sys.path.insert(0, {str(archive)!r})
from mcptelemetry.collector import SqliteStore
from mcptelemetry.collector.page import ASSETS, Page
from mcptelemetry.system import SystemClock
assert ASSETS.__class__.__module__ in sys.modules and {str(archive)!r} in sys.modules["mcptelemetry.collector.page"].__file__
page = Page(SqliteStore({str(tmp_path / "c.db")!r}), SystemClock())
print(len(ASSETS["page.css"].body), "".join(page.overview(page.read([])))[:15])
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.lower() == f"{len(ASSETS['page.css'].body)} <!doctype html>\n"


def test_package_uses_no_installed_metadata():
    """No module looks its own distribution up, which a vendored copy does not have."""
    for path in (ROOT / "mcptelemetry").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "importlib.metadata" not in source
        assert "pkg_resources" not in source
