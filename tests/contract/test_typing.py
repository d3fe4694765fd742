"""
What editors say about the package: right use is accepted, and each slip is an error on its line.

The package is put where an installer would put it, in an environment of its own, so that both
checkers meet it as an author's do: typed, and from outside.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data" / "typing"
CHECKERS = ("mypy", "pyright")

pytestmark = [
    pytest.mark.heavy,  # the same on every interpreter: the checkers read the source, they do not run it
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return the directory of an environment in which the package is installed."""
    place = tmp_path_factory.mktemp("typing") / "environment"
    venv.create(place, with_pip=False, symlinks=os.name == "posix")
    # A folder that can be vendored is installed by being there.
    (packages,) = [path for path in place.rglob("site-packages") if path.is_dir()]
    shutil.copytree(ROOT / "mcptelemetry", packages / "mcptelemetry", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("use.py", "misuse.py"):
        shutil.copy(DATA / name, place / name)
    return place


def run(checker, installed, *arguments):
    """Return what *checker* prints about the package as *installed*."""
    binaries = installed / ("Scripts" if os.name == "nt" else "bin")
    environ = {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}", "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", checker, *arguments], cwd=installed, env=environ, capture_output=True, text=True, timeout=500
    )
    if f"No module named {checker}" in done.stderr:
        pytest.fail(f'{checker} is not installed; run {sys.executable} -m pip install ".[typing]" in {ROOT}')
    assert done.stdout, done.stderr
    return done.stdout


def errors_of(checker, installed, name):
    """Return the lines of the file *name* that *checker* calls errors, each with what it says."""
    if checker == "mypy":
        python = shutil.which("python", path=str(installed / ("Scripts" if os.name == "nt" else "bin")))
        said = run("mypy", installed, "--strict", "--python-executable", python, "--no-pretty", name)
        found = re.findall(rf"^{re.escape(name)}:(\d+): error: (.*)$", said, re.MULTILINE)
        assert said.count(": error:") == len(found), said
        return {int(line): message for line, message in found}
    report = json.loads(run("pyright", installed, "--outputjson", name))
    assert report["summary"]["filesAnalyzed"] == 1
    return {
        one["range"]["start"]["line"] + 1: one["message"]
        for one in report["generalDiagnostics"]
        if one["severity"] == "error"
    }


@pytest.mark.parametrize("checker", CHECKERS)
def test_right_use_is_accepted(installed, checker):
    """Nothing in the file of typed use is an error."""
    assert errors_of(checker, installed, "use.py") == {}


@pytest.mark.parametrize("checker", CHECKERS)
def test_each_misuse_is_an_error_on_its_line(installed, checker):
    """Every marked line of the other file is an error, and no line that is not marked."""
    lines = (DATA / "misuse.py").read_text().splitlines()
    marked = {number for number, line in enumerate(lines, 1) if line.endswith("# error")}
    found = errors_of(checker, installed, "misuse.py")
    assert len(marked) > 50
    assert {number: lines[number - 1] for number in marked - found.keys()} == {}
    assert {number: found[number] for number in found.keys() - marked} == {}


def test_the_type_of_everything_public_is_known(installed):
    """`pyright --verifytypes` finds no public name whose type an editor would have to guess."""
    said = json.loads(run("pyright", installed, "--verifytypes", "mcptelemetry", "--ignoreexternal", "--outputjson"))
    completeness = said["typeCompleteness"]
    assert completeness["pyTypedPath"].startswith(str(installed))
    guessed = [one["name"] for one in completeness["symbols"] if one["isExported"] and not one["isTypeKnown"]]
    assert guessed == []
    assert completeness["completenessScore"] == 1
