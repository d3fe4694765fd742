"""The files made from the table of fields, the public API, the panels of the dashboard and the definitions are those of the source as it stands."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mcptelemetry
from mcptelemetry.collector.stores import DEFINITIONS

ROOT = Path(__file__).resolve().parents[2]
FRONT_DOOR = "mcptelemetry/__init__.py"
PAGE = "docs/page.md"
FILES = ("contracts/heartbeat-v3.json", "docs/TELEMETRY.md", PAGE, "contracts/grafana-dashboard.json", "contracts/api.txt", FRONT_DOOR)


@pytest.fixture
def checkout(tmp_path):
    """Return a copy of what tools/generate reads and writes."""
    shutil.copytree(ROOT / "mcptelemetry", tmp_path / "mcptelemetry", ignore=shutil.ignore_patterns("__pycache__"))
    for file in (*FILES, "tools/generate", "tools/api.py", "tools/dashboard.py", "tools/paper.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes((ROOT / file).read_bytes())
    return tmp_path


def generate(root, *arguments):
    command = [sys.executable, str(root / "tools" / "generate"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def load_tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_files_are_not_stale():
    """The contracts, the documentation and the typed half of the front door are what tools/generate would write."""
    done = generate(ROOT, "--check")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", FILES)
def test_generate_names_a_stale_file(checkout, name):
    """A file that was edited by hand is named, and writing mends it."""
    text = (checkout / name).read_text()
    edited = {
        FRONT_DOOR: re.sub(r"\n    from \.client import .*", "", text),
        PAGE: text.replace("> `apps`: Calls", "> `apps`: All calls"),
    }.get(name, f"{text}edited\n")
    assert edited != text
    (checkout / name).write_text(edited)
    checked = generate(checkout, "--check")
    assert checked.returncode == 1
    assert checked.stdout == f"{name} is stale; run tools/generate\n"
    assert generate(checkout).returncode == 0
    assert (checkout / name).read_text() == text


def test_the_page_has_every_definition_once():
    """Whatever the report defines is explained with the part that shows it, and nothing else is quoted there."""
    text = (ROOT / PAGE).read_text()
    names = load_tool("paper").quoted_names(text)
    assert sorted(names) == sorted(DEFINITIONS)
    assert len(re.findall(r"(?:^|\n)>.*(?:\n>.*)*", text)) == len(names)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("mcptelemetry/errors.py", "retryable: bool = False", "retryable: bool = True"),
        ("mcptelemetry/vocabulary/_words.py", 'TRAY = "tray"\n    UNKNOWN', 'TRAY = "dock"\n    UNKNOWN'),
        ("mcptelemetry/matching/_report.py", "def is_empty(self) -> bool", "def is_empty(self) -> object"),
        ("mcptelemetry/client/_streams.py", "timeout: float | None = None) -> int", "timeout: float | None = 1) -> int"),
        ("mcptelemetry/collector/_server.py", "self.url: str", "self.address: str"),
    ],
)
def test_a_change_of_the_public_api_makes_its_file_stale(checkout, file, old, new):
    """A default, a word, a result, a name: whatever is changed about the API shows in its file."""
    text = (checkout / file).read_text()
    assert text.count(old) == 1
    (checkout / file).write_text(text.replace(old, new))
    assert "contracts/api.txt is stale" in generate(checkout, "--check").stdout


def test_every_type_in_a_public_signature_can_be_imported():
    """What a public function or class takes, returns or holds is a name of the front door, or of the same wing."""
    api = load_tool("api")
    assert api.unreachable_types(api.Source(ROOT), mcptelemetry._ROOM_OF_NAME) == []


def test_a_type_that_cannot_be_imported_is_named():
    """Taken out of the table, a type is named with a signature that it stands in."""
    api = load_tool("api")
    table = {name: room for name, room in mcptelemetry._ROOM_OF_NAME.items() if name != "SentDocument"}
    (line,) = api.unreachable_types(api.Source(ROOT), table)
    assert line.startswith("state._sent.SentDocument in mcptelemetry.")
    assert any(word in line for word in ("sent_documents()", "keep_sent", "Journal.document("))


def test_the_typed_half_of_the_front_door_names_what_can_be_had():
    """Each name of the table has one line for type checkers, and no other name has."""
    text = (ROOT / FRONT_DOOR).read_text()
    typed = re.findall(r"^    from \.(\w+) import (\w+) as \2$", text, re.MULTILINE)
    assert sorted(typed) == sorted((room, name) for name, room in mcptelemetry._ROOM_OF_NAME.items())
