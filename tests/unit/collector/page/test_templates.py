"""That the templates come late, and say what they need."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from mcptelemetry.collector import SqliteStore
from mcptelemetry.collector.page import Page
from mcptelemetry.errors import TelemetryError
from mcptelemetry.testing import FakeClock


def test_a_missing_jinja_names_the_command(stores: dict[str, SqliteStore], clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes a page without Jinja2 is told how to install it."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(TelemetryError, match=r"Jinja2.*not installed.*jinja2"):
        Page(stores["empty"], clock)


def test_missing_files_name_what_a_packager_has_to_be_told(
    stores: dict[str, SqliteStore], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the modules were taken along without their files, the page says so, and how to have them."""

    def find_nothing(*_: object) -> bytes:
        raise FileNotFoundError(2, "no such file")

    monkeypatch.setattr("pkgutil.get_data", find_nothing)
    with pytest.raises(TelemetryError, match="--collect-data mcptelemetry"):
        Page(stores["empty"], clock)


@pytest.mark.parametrize("script", ["import mcptelemetry.collector", "import mcptelemetry.collector.page"])
def test_a_collector_that_nobody_looks_at_loads_no_templates(script: str, pytestconfig: Any) -> None:
    """Jinja2 is loaded when a page is made, and not before."""
    code = f"import sys; {script}; sys.exit('jinja2' in sys.modules or 'markupsafe' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60, cwd=pytestconfig.rootpath).returncode == 0
