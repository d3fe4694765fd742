"""
A small server packaged in every way that a person meets it: it works, and what its notice says to type works too.

Installed, vendored, beside its script, in an archive, frozen: each records, delivers, shows its
status and can be switched off; and where no command could do that, none is named.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
import venv
import zipapp
from pathlib import Path

import pytest

from mcptelemetry.testing import InProcessCollector

ROOT = Path(__file__).resolve().parents[2]
SERVER = ROOT / "tests" / "data" / "scripts" / "small_server.py"
LIMIT_SECS = 60
READER = () if sys.version_info >= (3, 11) else ("tomli",)
# What the package needs at run time, and what that needs.
NEEDED = ("requests", "urllib3", "idna", "certifi", "charset_normalizer", "tomli_w", *READER)
NO_CACHES = shutil.ignore_patterns("__pycache__")
COMMAND = re.compile(r"^To switch it off: (.+)$", re.MULTILINE)
LINES = re.compile(r"^To switch it off, write the line (.+) below the line (.+) in (.+)$", re.MULTILINE)


class Person:
    """Who runs the application *command*, with a home of their own."""

    def __init__(self, command, home):
        self.command = [str(word) for word in command]
        self.home = home
        home.mkdir(exist_ok=True)

    def run(self, *arguments, **environ):
        """Return how the application, run with *arguments*, ended."""
        return self.type([*self.command, *arguments], **environ)

    def type(self, command, **environ):
        """Return how *command*, words or a line for the shell, ended: run from a folder of the person's."""
        # As an MCP client starts a server: with little more than this.
        own = {"HOME": str(self.home), "PATH": os.environ["PATH"], "ACME_MCP_TELEMETRY": "1", **environ}
        return subprocess.run(
            command, shell=isinstance(command, str), env=own, cwd=self.home, capture_output=True, text=True, timeout=LIMIT_SECS
        )

    def mode(self):
        """Return the mode and the row that decides it, as the application's own command tells them."""
        done = self.run("telemetry", "status", "--json")
        assert done.returncode == 0, done.stderr
        status = json.loads(done.stdout)
        return status["mode"], status["row"]


def serve(person, **environ):
    """Return what the server printed, as an object, and what it wrote beside it."""
    done = person.run("serve", **environ)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def copy_packages(place, names):
    """Copy the packages *names*, which the tests run with, into the folder *place*."""
    for name in names:
        (found,) = importlib.util.find_spec(name).submodule_search_locations
        shutil.copytree(found, place / name, ignore=NO_CACHES)


def environment(tmp_path):
    """Return the interpreter and the folder of packages of a new virtual environment."""
    place = tmp_path / "environment"
    venv.create(place, with_pip=False, symlinks=os.name == "posix")
    (packages,) = [path for path in place.rglob("site-packages") if path.is_dir()]
    copy_packages(packages, READER)
    return place / ("Scripts/python.exe" if os.name == "nt" else "bin/python"), packages


def vendored_server(folder):
    """Write the server below *folder* as the package acme, with a vendored copy, and a script; return the script."""
    acme = folder / "acme"
    copy_packages(acme / "_vendor", ["mcptelemetry"])
    for name in ("__init__.py", "_vendor/__init__.py"):
        (acme / name).write_text("")
    source = SERVER.read_text(encoding="utf-8").replace("from mcptelemetry", "from acme._vendor.mcptelemetry")
    (acme / "server.py").write_text(source, encoding="utf-8")
    return acme / "server.py"


def installed(tmp_path):
    """The package in an environment, the server a script."""
    python, packages = environment(tmp_path)
    copy_packages(packages, ["mcptelemetry"])
    return [python, SERVER]


def vendored_installed(tmp_path):
    """A server with a vendored copy, in an environment."""
    python, packages = environment(tmp_path)
    vendored_server(packages)
    return [python, "-m", "acme.server"]


def vendored_beside(tmp_path):
    """A server with a vendored copy that only its own script knows where to find."""
    python, _ = environment(tmp_path)
    folder = tmp_path / "code"
    vendored_server(folder)
    script = folder / "run.py"
    script.write_text("import sys\nfrom acme.server import main\nsys.exit(main())\n")
    return [python, script]


def archived(tmp_path):
    """The server, the package and what it needs in one zip archive."""
    place = tmp_path / "archive"
    copy_packages(place, ["mcptelemetry", *NEEDED])
    shutil.copy(SERVER, place / "small_server.py")
    zipapp.create_archive(place, tmp_path / "acme.pyz", main="small_server:main", compressed=True)
    python, _ = environment(tmp_path)
    return [python, "-I", tmp_path / "acme.pyz"]


@pytest.mark.parametrize("build", [installed, vendored_installed], ids=lambda build: build.__name__)
def test_the_command_in_the_notice_switches_the_application_off(build, tmp_path):
    """Typed as it stands in any shell, from any folder, it does what the notice says."""
    person = Person(build(tmp_path), tmp_path / "home")
    _, notice = serve(person)
    typed = person.type(COMMAND.search(notice).group(1))
    assert (typed.returncode, typed.stderr) == (0, "")
    assert person.mode() == ("off", 6)
    assert serve(person)[0]["mode"] == "off"


def test_a_command_that_only_one_process_could_run_is_not_named(tmp_path):
    """Where a fresh interpreter would not find the package, the notice says what to write where, and that works."""
    person = Person(vendored_beside(tmp_path), tmp_path / "home")
    _, notice = serve(person)
    assert COMMAND.search(notice) is None
    say_no_by_hand(person, notice)
    assert person.mode() == ("off", 5)
    assert serve(person)[0]["mode"] == "off"


def test_a_search_path_of_the_environment_is_no_installation(tmp_path):
    """A package that PYTHONPATH leads to is not there in the shell in which the command would be typed."""
    python, _ = environment(tmp_path)
    copy_packages(tmp_path / "path", ["mcptelemetry"])
    person = Person([python, SERVER], tmp_path / "home")
    _, notice = serve(person, PYTHONPATH=str(tmp_path / "path"))
    assert COMMAND.search(notice) is None
    assert "ACME_MCP_TELEMETRY=off" in notice


def say_no_by_hand(person, notice):
    """Do what the *notice* says: write the line below the heading into the file."""
    line, heading, path = LINES.search(notice).groups()
    file = Path(path.replace("~", str(person.home), 1))
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{heading}\n{line}\n")


# Says on its error stream what it was given, and answers calls on the other.
ECHO = """
import json, os, sys
os.write(2, json.dumps({name: value for name, value in os.environ.items() if name != "LC_CTYPE"}).encode())
for line in sys.stdin:
    os.write(1, json.dumps({"id": json.loads(line)["id"], "result": {"content": []}}).encode() + b"\\n")
raise SystemExit(5)
"""


def assert_wraps(person, **environ):
    """Have the application's `wrap` carry a session of another server, with something to record for and without."""
    call = json.dumps({"id": 1, "method": "tools/call", "params": {"name": "add"}}) + "\n"
    given = {"HOME": str(person.home), "PATH": os.environ["PATH"], **environ}
    sink = person.home / "wrapped.jsonl"
    sink.unlink(missing_ok=True)
    for options in (["--endpoint", sink.as_uri()], []):
        done = subprocess.run(
            [*person.command, "wrap", *options, "--", sys.executable, "-S", "-c", ECHO],
            input=call,
            env=given,
            cwd=person.home,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECS,
        )
        assert (done.returncode, json.loads(done.stdout)["id"]) == (5, 1), done.stderr
        got = json.loads(done.stderr)
        got.pop("MCPTELEMETRY_WRAPPED", None)  # the one word that is ours
        assert got == given
        assert [json.loads(line)["tool"] for line in sink.read_text().splitlines()] == ["add"]


def assert_works(person, *, is_frozen):
    """Have the application do everything, and be told no in every way that its notice names."""
    with InProcessCollector() as collector:
        said, notice = serve(person, ACME_MCP_EVENTS_ENDPOINT=collector.events_url)
        assert said == {"delivered": 1, "is_frozen": is_frozen, "mode": "on"}
        assert [event.tool for event in collector.events()] == ["get_issues"]
    # Its own executable is no interpreter, and the archive no package: a command would start it again.
    assert COMMAND.search(notice) is None
    assert "-m mcptelemetry" not in notice
    assert person.mode() == ("on", 8)
    assert json.loads(person.run("telemetry", "show-payload").stdout)["app"] == "acme-mcp"
    assert "`acme-mcp telemetry off`" in " ".join(person.run("telemetry", "privacy").stdout.split())
    say_no_by_hand(person, notice)
    assert person.mode() == ("off", 5)
    (person.home / ".acme-mcp" / "telemetry.toml").unlink()
    done = person.run("telemetry", "off")
    assert done.returncode == 0
    # The endpoint that was used a moment ago is an operator's, and still is.
    assert done.stderr.startswith("note: events of acme-mcp still go to the operator's endpoint ")
    assert len(done.stderr.splitlines()) == 1
    assert person.mode() == ("off", 6)
    assert serve(person)[0]["mode"] == "off"
    assert_wraps(person)


@pytest.mark.parametrize("build", [installed, vendored_installed], ids=lambda build: build.__name__)
def test_an_application_can_offer_wrap_under_its_own_name(build, tmp_path):
    """Installed or as a vendored copy, as the application's command or as the package's own, it carries a server's session."""
    person = Person(build(tmp_path), tmp_path / "home")
    assert_wraps(person)
    package = "acme._vendor.mcptelemetry" if build is vendored_installed else "mcptelemetry"
    assert_wraps(Person([person.command[0], "-m", package], person.home))


@pytest.mark.heavy  # its sources are compiled anew at each start
def test_an_archive_does_everything(tmp_path):
    """A zipapp with the package and what it needs records, delivers, shows its status and can be switched off."""
    assert_works(Person(archived(tmp_path), tmp_path / "home"), is_frozen=False)


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    """Return the executable of a one-folder application that PyInstaller made of the server."""
    if importlib.util.find_spec("PyInstaller") is None:
        pytest.fail(f'PyInstaller is not installed; run {sys.executable} -m pip install ".[frozen]" in {ROOT}')
    place = tmp_path_factory.mktemp("frozen")
    options = [f"--{name}path={place / name}" for name in ("dist", "work", "spec")]
    done = subprocess.run(
        [sys.executable, "-m", "PyInstaller", "--onedir", "--noconfirm", "--log-level=ERROR", "--name=acme", "--collect-data=mcptelemetry", *options, f"--paths={ROOT}", SERVER],
        env={**os.environ, "PYINSTALLER_CONFIG_DIR": str(place / "cache")},
        cwd=place,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return place / "dist" / "acme" / "acme"


@pytest.mark.heavy
@pytest.mark.timeout(400)
def test_a_frozen_application_does_everything(frozen, tmp_path):
    """What PyInstaller makes of it, with no word about hidden imports, records, delivers, shows its status and can be switched off."""
    person = Person([frozen], tmp_path / "home")
    assert_works(person, is_frozen=True)
    assert_wraps(person, LD_LIBRARY_PATH="/nowhere")


@pytest.mark.heavy
@pytest.mark.timeout(400)
def test_a_frozen_collector_shows_its_page(frozen, tmp_path):
    """With the package's data collected, templates and style are in the application, and the page is the one of a checkout."""
    command = [str(frozen), "collect", "--db", str(tmp_path / "c.db"), "--report-token-env", "READER"]
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "READER": "r3ader"}
    process = subprocess.Popen(command, env=environ, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        url = re.search(r"listening on (\S+)", process.stderr.readline()).group(1)
        for path, expected in (("/", "heartbeat_endpoint"), ("/static/page.css", "--ink")):
            request = urllib.request.Request(url + path, headers={"Authorization": "Bearer r3ader", "Accept": "text/html"})
            with urllib.request.urlopen(request, timeout=LIMIT_SECS) as answer:
                assert expected in answer.read().decode()
    finally:
        process.terminate()
        process.communicate(timeout=LIMIT_SECS)


@pytest.mark.heavy
@pytest.mark.timeout(400)
def test_the_authors_command_of_a_frozen_application_is_named_and_works(frozen, tmp_path):
    """An author who says what to type is believed, and the application's own command switches it off."""
    person = Person([frozen], tmp_path / "home")
    _, notice = serve(person, ACME_OFF_COMMAND=f'"{frozen}" telemetry off')
    typed = person.type(COMMAND.search(notice).group(1))
    assert (typed.returncode, typed.stderr) == (0, "")
    assert person.mode() == ("off", 6)
