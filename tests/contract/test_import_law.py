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


# What only a worker, a command or a person's look needs: not loaded by `from mcptelemetry import Telemetry`.
LATE_OF_THE_LIBRARY = {"datetime", "hashlib", "json", "queue", "random", "selectors", "signal", "socket"}
LATE_ROOMS = {"cli", "collector", "environment", "feedback", "heartbeat", "matching", "status", "testing", "wrap"}
LATE_MODULES = {
    "counters._snapshot",
    "events._buffer",
    "events._delivery",
    "events._meter",
    "events._otlp_format",
    "events._pipeline",
    "events._uploader",
    "installation._surroundings",
    "instrument._middleware",
    "instrument._wsgi",
    "privacy._blocked_values",
    "privacy._client_names",
    "privacy._credentials",
    "privacy._event_names",
    "privacy._gate",
    "privacy._scanner",
    "privacy._spellings",
    "system._answers",
    "system._append",
    "system._session",
    "system._signals",
    "system._way",
    "wire._batch",
    "wire._check",
    "wire._encoding",
    "wire._feedback",
    "wire._heartbeat",
    "wire._otlp",
    "wire._otlp_metrics",
    "wire._walk",
}


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


def test_the_front_door_loads_only_what_recording_is_made_of():
    """`from mcptelemetry import Telemetry` loads no module that only a worker, a command or a look needs."""
    loaded = modules_after("from mcptelemetry import Telemetry")
    assert (loaded - modules_after("")) & LATE_OF_THE_LIBRARY == set()
    inside = {name.partition(".")[2] for name in loaded if name.startswith("mcptelemetry.")}
    assert {name.split(".")[0] for name in inside} & LATE_ROOMS == set()
    assert inside & LATE_MODULES == set()
    for name in LATE_MODULES:  # a module that was renamed would never be loaded
        assert importlib.util.find_spec(f"mcptelemetry.{name}") is not None


def test_constructing_what_counts_loads_no_module_of_ours(tmp_path):
    """A client that counts is made of what `import` loaded: it needs no free descriptor for that."""
    kept_in = str(tmp_path / "data")
    make = f"t = Telemetry('acme-mcp', '1.0', environ={{}}, heartbeat_endpoint='http://127.0.0.1:9', data_dir={kept_in!r})\n"
    before = modules_after("from mcptelemetry import Telemetry")
    after = modules_after("from mcptelemetry import Telemetry\n" + make)
    assert {name for name in after - before if name.startswith("mcptelemetry")} == set()
    assert (after - before) & {"random", "selectors", "socket"} == set()


def test_only_who_keeps_events_on_the_disk_loads_what_does_it(tmp_path):
    """A started client without `spool` that records, says its status and ends loads no module of the spool."""
    environ = {"ACME_MCP_EVENTS_ENDPOINT": "http://127.0.0.1:9/e"}
    run = (
        "from mcptelemetry import Telemetry, UploadError\n"
        f"t = Telemetry('acme-mcp', '1.0', environ={environ}, data_dir={str(tmp_path / 'data')!r})\n"
        "t.start(); t.record('a'); t.status(); t.shutdown()\n"
    )
    names = {name for name in modules_after(run) if "spool" in name}
    assert names == {"mcptelemetry.client._spool", "mcptelemetry.client._spool_delivery"}  # which ask whether there is one
    assert "sqlite3" not in modules_after("import mcptelemetry.client._spool, mcptelemetry.client._spool_delivery")


def late_doors():
    """Return each door with names that are loaded late: its room, its tree and those names by module."""
    for path in sorted((ROOT / "mcptelemetry").glob("*/__init__.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "late_names"]
        if calls:
            table = ast.literal_eval(calls[0].args[1])
            yield path.parent.name, tree, {module: set(names) for module, names in table.items()}


@pytest.mark.parametrize(("room", "tree", "table"), list(late_doors()), ids=lambda value: value if isinstance(value, str) else "")
def test_a_late_name_is_imported_where_packagers_and_type_checkers_look(room, tree, table):
    """What a door loads late is what it imports under `TYPE_CHECKING`, and every name of it can be had."""
    (typed,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    shown = {"." * (node.level - 1) + node.module: {alias.name for alias in node.names} for node in typed.body}
    assert shown == table
    door = importlib.import_module(f"mcptelemetry.{room}")
    for name in door.__all__:
        assert getattr(door, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = door.no_such_name


def statically_imported(path):
    """Yield what *path*, a file of the package, imports by a statement: modules and names, dotted, from the package's root."""
    package = path.relative_to(ROOT / "mcptelemetry").parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = (*package[: len(package) - (node.level - 1)], *(node.module or "").split("."))
            for names in (base, *((*base, alias.name) for alias in node.names)):
                yield ".".join(name for name in names if name)


def test_a_packager_that_follows_statements_finds_every_module():
    """From the front door and that of `testing` import statements lead to every module: a frozen application is whole."""
    files = {}
    for path in (ROOT / "mcptelemetry").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT / "mcptelemetry").with_suffix("").parts)
        files[module.removesuffix("__init__").rstrip(".")] = path
    found, waiting = {"", "__main__", "testing"}, [files[""], files["testing"]]
    while waiting:
        for name in statically_imported(waiting.pop()):
            if name in files and name not in found:
                found.add(name)
                waiting.append(files[name])
    # Nothing of the package uses that one, only tests of the scanner do.
    assert set(files) - found <= {"privacy._credentials"}


def test_a_module_is_named_by_a_string_only_where_a_table_stands_beside_statements():
    """`import_module` serves the late names of doors and the table of commands; everything else is imported by statement."""
    named = {}
    for path in (ROOT / "mcptelemetry").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
        found = [call for call in calls if call.startswith(("import_module(", "importlib.", "__import__("))]
        if found:
            named[str(path.relative_to(ROOT / "mcptelemetry"))] = found
    assert named == {
        "__init__.py": ["import_module(f'.{room}', __name__)"],
        "_late.py": ["import_module(f'.{module}', package)"],
        "cli/_main.py": ["import_module(group.module, __package__)"],
    }


def test_a_worker_loads_nothing_that_a_fork_could_cut_in_two(tmp_path):
    """After `start()`, delivering events, storing counts and sending a heartbeat load no module but sqlite3's."""
    source = f"""
from mcptelemetry import Answer, Telemetry
sent = []
class Clock:  # so that the delay after the notice passes at once, by both of its clocks
    now = 1_780_000_000.0
    def time(self): return self.now
    def monotonic(self): return self.now
class Transport:  # the doubles would load what is to be looked for
    def post(self, request):
        sent.append(request.url)
        return Answer(202, {{}}, b"")
    def after_fork(self): ...
    def close(self): ...
telemetry = Telemetry(
    "acme-mcp", "1.0.0", tools=["search"], notice=lambda text: True, clock=Clock(), transport=Transport(),
    heartbeat_endpoint="https://t.invalid", events_endpoint="https://t.invalid/events", environ={{"HOME": {str(tmp_path)!r}}},
)
telemetry.start()
Clock.now += 100_000
print(*sys.modules, sep="\\n", file=sys.stderr)
telemetry.record("search", status="error", error_type="timeout", client="cursor")
telemetry.flush(30)  # or it was sent already: the interval has passed too
telemetry.heartbeat.send_now()
assert sorted(sent) == ["https://t.invalid/events", "https://t.invalid/heartbeat"], sent
telemetry.shutdown()
"""
    program = f"import sys\n{source}\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    new = set(done.stdout.split()) - set(done.stderr.split())
    # Importing sqlite3 is waited for by every fork, see `system`.
    assert {name for name in new if name.split(".")[0].strip("_") != "sqlite3"} == set()


OF_OPENTELEMETRY = {"events._meter", "events._otlp_format", "wire._otlp", "wire._otlp_metrics"}


@pytest.mark.parametrize("format", ["json", "otlp"])
def test_spans_are_loaded_by_whoever_sends_them_and_before_the_worker(format):
    """Without that format no module of it is loaded; with it all are there before the worker takes a turn."""
    source = f"""
from mcptelemetry import Answer, PipelineConfig, TelemetryEvent, TelemetryPipeline
class Transport:  # the doubles would load what is to be looked for
    def post(self, request):
        return Answer(200, {{}}, b'{{"partialSuccess":{{"rejectedSpans":"0"}}}}')
    def after_fork(self): ...
    def close(self): ...
config = PipelineConfig(endpoint="https://t.invalid", format={format!r}, metrics={format == "otlp"})
pipeline = TelemetryPipeline(config, app="acme-mcp", environ={{}}, transport=Transport())
pipeline.start()
print(*sys.modules, sep="\\n", file=sys.stderr)
pipeline.buffer.record(TelemetryEvent("search", "local_only"))
assert pipeline.flush(30) == 1
pipeline.shutdown()
"""
    program = f"import sys\n{source}\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    before, after = set(done.stderr.split()), set(done.stdout.split())
    assert after - before == set()
    loaded = {name for name in OF_OPENTELEMETRY if f"mcptelemetry.{name}" in after}
    assert loaded == (OF_OPENTELEMETRY if format == "otlp" else set())


def test_recording_loads_nothing(tmp_path):
    """The first record of a process imports no module at all on the host's thread."""
    environ = {"HOME": str(tmp_path), "ACME_MCP_EVENTS_ENDPOINT": "http://127.0.0.1:9/"}
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
