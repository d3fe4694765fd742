"""The house's law of imports, and what importing the package may cost."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = {"requests", "ssl", "sqlite3", "http.server", "argparse", "subprocess", "tomllib", "tomli", "tomli_w"}


def load_floors():
    spec = importlib.util.spec_from_file_location("floors", ROOT / "tools" / "floors.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_imports_go_down_and_enter_by_the_door():
    """No module of the package breaks the import law."""
    assert list(load_floors().find_breaches(ROOT / "mcptelemetry")) == []


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("counters/_x.py", "from ..heartbeat import y\n", "counters must not import heartbeat"),
        ("heartbeat/_x.py", "from ..events import y\n", "heartbeat must not import events"),
        ("installation/_x.py", "from ..counters import y\n", "installation must not import counters"),
        ("wire/_x.py", "def f():\n    from ..events import y\n", "wire must not import events"),
        ("events/_x.py", "from ..instrument import y\n", "events must not import instrument"),
        ("events/_x.py", "from ..wire._event import y\n", "enter wire by its door"),
        ("collector/_x.py", "from ..config import y\n", "collector must not import config"),
        ("client.py", "from .collector import y\n", "client must not import collector"),
        ("wire/_x.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..client import y\n", "must not"),
        ("wire/_x.py", "import mcptelemetry.errors\n", "relative import"),
        ("nowhere/_x.py", "", "on no floor"),
    ],
)
def test_each_breach_of_the_import_law_is_found(tmp_path, path, source, complaint):
    """The tool that holds the law complains about every way of breaking it."""
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source)
    breaches = list(load_floors().find_breaches(tmp_path))
    assert len(breaches) == 1
    assert complaint in breaches[0]


def test_a_circle_of_modules_is_found(tmp_path):
    """Two modules of one room that import each other are a breach."""
    (tmp_path / "wire").mkdir()
    (tmp_path / "wire" / "_a.py").write_text("from ._b import x\n")
    (tmp_path / "wire" / "_b.py").write_text("from ._a import y\n")
    assert any("a circle" in breach for breach in load_floors().find_breaches(tmp_path))


def modules_after(source):
    program = f"import sys\n{source}\nimport json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "source",
    [
        "import mcptelemetry",
        "from mcptelemetry import Telemetry, TelemetryEvent, Surface, ErrorCategory, ConfigError",
    ],
)
def test_import_loads_none_of_the_heavy_modules(source):
    """`import mcptelemetry` and the front door's names load no module that can wait."""
    assert modules_after("") & FORBIDDEN == set()
    assert modules_after(source) & FORBIDDEN == set()


def test_recording_loads_nothing():
    """The first record of a process imports no module at all on the host's thread."""
    environ = {"HOME": "/nonexistent", "ACME_MCP_EVENTS_ENDPOINT": "http://127.0.0.1:9/"}
    build = f"from mcptelemetry import Telemetry\nt = Telemetry('acme-mcp', '1.0', environ={environ!r})\n"
    before, after = modules_after(build), modules_after(build + "t.record('get_issues')")
    assert after - before == set()
    # The TOML reader comes with construction: the worker must not be importing it when a host forks.
    assert after & FORBIDDEN <= {"tomllib", "tomli"}


def test_every_name_of_the_front_door_can_be_had():
    """Each name that the package promises lazily exists, and unknown ones are an AttributeError."""
    import mcptelemetry

    for name in [*mcptelemetry.__all__, *mcptelemetry._ROOM_OF_NAME]:
        assert getattr(mcptelemetry, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = mcptelemetry.no_such_name


@pytest.mark.parametrize(
    ("room", "names"),
    [
        ("matching", ("RoutingReason", "RoutingStrategy")),
        ("environment", ("EnvKind", "LaunchSource")),
        ("events", ("TelemetryBatch", "TelemetryEvent", "TelemetryStatus", "UploadError")),
    ],
)
def test_words_that_a_room_speaks_stand_at_its_door(room, names):
    """What a room's functions take and return can be imported where they are, and is the same thing."""
    import mcptelemetry

    door = importlib.import_module(f"mcptelemetry.{room}")
    for name in names:
        assert name in door.__all__
        assert getattr(door, name) is getattr(mcptelemetry, name)


def documented_constants():
    """Return the names that are assigned in some module and have a text behind them that says what they are."""
    names = set()
    for path in (ROOT / "mcptelemetry").rglob("*.py"):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        for statement, behind in zip(body, body[1:]):
            is_text = isinstance(behind, ast.Expr) and isinstance(behind.value, ast.Constant) and behind.value.value
            if is_text and isinstance(statement, (ast.Assign, ast.AnnAssign)):
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                names.update(target.id for target in targets if isinstance(target, ast.Name))
    return names


def test_every_public_name_is_documented():
    """Every name of the front door, constants too, and every public member of its classes, has a docstring."""
    import inspect

    import mcptelemetry

    missing = []
    constants = documented_constants()
    for name in mcptelemetry._ROOM_OF_NAME:
        value = getattr(mcptelemetry, name)
        # A tuple or an alias has a text of its own, which says nothing about this one.
        is_code = inspect.isroutine(value) or (inspect.isclass(value) and value.__name__ == name)
        if not (inspect.getdoc(value) if is_code else name in constants):
            missing.append(name)
        if inspect.isclass(value):
            for member, attribute in vars(value).items():
                is_public = not member.startswith("_") and (callable(attribute) or isinstance(attribute, property))
                if is_public and not isinstance(attribute, type) and not inspect.getdoc(attribute):
                    missing.append(f"{name}.{member}")
    assert missing == []
