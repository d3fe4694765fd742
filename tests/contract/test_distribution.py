"""What is published: the sources are whole and can be tested where they are unpacked, the wheel holds the package and no more."""

from __future__ import annotations

import configparser
import fnmatch
import importlib.util
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What lies about in a checkout and is no part of it.
LEFT_OUT = (".git", ".venv*", "*.egg-info", "build", "dist", "__pycache__", ".*_cache", ".hypothesis", ".coverage*")
TOOLS = ("build", "wheel", "twine", "check_wheel_contents", "validate_pyproject")


def test_the_folder_holds_the_licence_of_the_whole():
    """Whoever copies the folder has copied its licence, and it is the same one."""
    assert (ROOT / "mcptelemetry" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_every_file_that_is_no_module_is_named_for_the_wheel():
    """A template or a style that nobody named would be in the checkout, and missing where the package is installed."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    named = {
        f"{package.replace('.', '/')}/{pattern}"
        for package, patterns in parser["options.package_data"].items()
        for pattern in patterns.split()
    }
    files = {f"mcptelemetry/{name}" for name in files_below(ROOT / "mcptelemetry") if not name.endswith(".py")}
    assert any(name.endswith(".html") for name in files)
    assert sorted(name for name in files if not any(fnmatch.fnmatch(name, pattern) for pattern in named)) == []
    assert sorted(pattern for pattern in named if not fnmatch.filter(files, pattern)) == []


def test_extras_that_scripts_and_papers_name_exist():
    """No script installs, and no paper names, an extra that is not there."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = set(parser["options.extras_require"])
    named = set()
    for path in ("tools/test", "tools/demo", "tools/mutate", "tools/soak"):
        for line in (ROOT / path).read_text(encoding="utf-8").splitlines():
            if line.startswith("use_environment "):
                named.update(line.split()[1:])
    for path in (".ci/run", "README.md", "CONTRIBUTING.md"):
        for part in (ROOT / path).read_text(encoding="utf-8").split("[")[1:]:
            before_end = part.split("]")[0]
            if f".[{before_end}]'" in (ROOT / path).read_text(encoding="utf-8"):
                named.update(before_end.split(","))
    assert {"test", "collector", "mcp", "frozen", "packaging", "completion"} <= named
    assert named <= extras


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """Return the archive of the sources, and the wheel that was built from it, out of a copy of the checkout."""
    missing = [name for name in TOOLS if importlib.util.find_spec(name) is None]
    if missing:
        pytest.fail(f'{missing} are not installed; run {sys.executable} -m pip install ".[packaging]" in {ROOT}')
    place = tmp_path_factory.mktemp("distribution")
    shutil.copytree(ROOT, place / "checkout", ignore=shutil.ignore_patterns(*LEFT_OUT))
    run("build", "--no-isolation", "--outdir", place / "dist", place / "checkout", cwd=place)
    (sources,) = (place / "dist").glob("*.tar.gz")
    (wheel,) = (place / "dist").glob("*.whl")
    return sources, wheel


def run(*command, cwd, limit_secs=120):
    """Run the module and arguments of *command*, and return what it printed; it must end well."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=cwd, capture_output=True, text=True, timeout=limit_secs)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def files_below(place):
    """Return the files below *place* that belong to a checkout, as relative paths."""
    ignore = shutil.ignore_patterns(*LEFT_OUT)
    found, waiting = set(), [place]
    while waiting:
        folder = waiting.pop()
        names = [path.name for path in folder.iterdir()]
        for path in (folder / name for name in set(names) - ignore(str(folder), names)):
            if path.is_dir():
                waiting.append(path)
            else:
                found.add(path.relative_to(place).as_posix())
    return found


@pytest.fixture(scope="module")
def unpacked(distributions, tmp_path_factory):
    """Return the folder of the unpacked sources."""
    place = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(distributions[0]) as archive:
        archive.extractall(place)
    (folder,) = place.iterdir()
    return folder


@pytest.mark.heavy
@pytest.mark.timeout(300)
def test_the_sources_hold_the_whole_checkout(unpacked):
    """Tests, documents, tools and contracts are in it, and nothing that merely lay about."""
    assert files_below(unpacked) - {"PKG-INFO"} == files_below(ROOT)


@pytest.mark.heavy
@pytest.mark.timeout(300)
def test_the_wheel_holds_the_package_and_nothing_else(distributions):
    """Every file of the folder is in it, the licence and the mark of types among them."""
    with zipfile.ZipFile(distributions[1]) as wheel:
        inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert inside == {f"mcptelemetry/{name}" for name in files_below(ROOT / "mcptelemetry")}


@pytest.mark.heavy
@pytest.mark.timeout(300)
def test_judges_of_distributions_have_nothing_to_say(distributions, unpacked):
    """The index's own check, strictly, and the checks of the wheel's contents and of the build's settings pass."""
    run("twine", "check", "--strict", *distributions, cwd=unpacked)
    run("check_wheel_contents", "--config", unpacked / "pyproject.toml", distributions[1], cwd=unpacked)
    run("validate_pyproject", unpacked / "pyproject.toml", cwd=unpacked)


@pytest.mark.heavy
@pytest.mark.timeout(300)
def test_the_metadata_names_the_licence_in_the_words_of_the_field(distributions):
    """An SPDX expression and the file, keywords, and extras named for what a user wants."""
    with zipfile.ZipFile(distributions[1]) as wheel:
        (path,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = message_from_bytes(wheel.read(path))
    assert (metadata["License-Expression"], metadata["License-File"]) == ("MIT", "LICENSE")
    assert "mcp" in metadata["Keywords"].split(",")
    assert {"collector", "completion", "dev"} <= set(metadata.get_all("Provides-Extra"))


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_the_unit_suite_passes_inside_the_unpacked_sources(unpacked):
    """Whoever packages it for a system can test what they unpacked, and it is that copy which is tested."""
    where = subprocess.run(
        [sys.executable, "-c", "import mcptelemetry; print(mcptelemetry.__file__)"],
        cwd=unpacked, check=True, capture_output=True, text=True, timeout=60,
    ).stdout
    assert Path(where.strip()).parent == unpacked / "mcptelemetry"
    run("pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not heavy", "tests/unit", cwd=unpacked, limit_secs=800)
