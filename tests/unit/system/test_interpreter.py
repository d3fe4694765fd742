"""What a person is told to type is a command only where a fresh interpreter would understand it."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import types
import zipfile

import pytest

from mcptelemetry.system import install_hint, module_command, module_words, quoted


@pytest.fixture
def interpreter(tmp_path, monkeypatch):
    """Return a function that lets this process have been started by a file of that name."""

    def start_as(name):
        path = tmp_path / name
        path.write_text("")
        monkeypatch.setattr(sys, "executable", str(path))
        return str(path)

    return start_as


def test_an_installed_package_is_run_by_the_interpreter_that_runs_now():
    """What lies where every start looks is found by the command, from another folder."""
    command = module_command("pytest", pytest.__file__)
    assert command == f'"{sys.executable}" -m pytest'
    done = subprocess.run(f"{command} --version", shell=True, cwd="/", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("package", ["acme", "acme._vendor.mcptelemetry"])
def test_a_package_that_only_this_process_finds_has_no_command(tmp_path, package):
    """Neither the script's folder nor a search path of the host's counts as installed."""
    file = tmp_path.joinpath(*package.split("."), "__init__.py")
    file.parent.mkdir(parents=True)
    file.write_text("")
    assert module_command(package, str(file)) is None


@pytest.mark.parametrize("package", ["acme", "acme._vendor.mcptelemetry"])
def test_a_folder_that_a_path_file_names_counts_as_installed(tmp_path, package, monkeypatch):
    """An editable installation of the older kind adds a line with the checkout's folder."""
    file = tmp_path.joinpath("checkout", *package.split("."), "__init__.py")
    file.parent.mkdir(parents=True)
    file.write_text("")
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "other.pth").write_text("# a comment\nimport sys\n\n/somewhere/else\n")
    (packages / "acme.pth").write_text(f"{tmp_path / 'checkout'}\n")
    monkeypatch.setattr(site, "getsitepackages", lambda: [str(tmp_path / "missing"), str(packages)])
    assert module_command(package, str(file)) == f'"{sys.executable}" -m {package}'


@pytest.mark.parametrize("folder", ["checkout", "another"])
def test_a_checkout_that_a_finder_leads_to_counts_as_installed(tmp_path, monkeypatch, folder):
    """An editable installation of the newer kind keeps a table; the package must be the one it names."""
    file = tmp_path / "checkout" / "acme" / "__init__.py"
    file.parent.mkdir(parents=True)
    file.write_text("")
    finder = types.SimpleNamespace(MAPPING={"acme": str(tmp_path / folder / "acme")})
    monkeypatch.setitem(sys.modules, "__editable___acme_1_0_finder", finder)
    command = module_command("acme", str(file))
    assert command == (f'"{sys.executable}" -m acme' if folder == "checkout" else None)


def test_what_is_not_on_the_disk_has_no_command():
    """In an archive, or compiled into a program, a module has a file's name and no file."""
    assert module_command("acme", os.path.join(site.getsitepackages()[0], "acme.pyz", "acme", "__init__.py")) is None


@pytest.mark.parametrize("name", ["python", "python3", "python3.13", "python3.13t", "python_d.exe", "pythonw.exe", "pypy3.10", "python3-intel64", "Python"])
def test_an_interpreter_is_known_by_its_name(interpreter, name):
    """Each of the names under which interpreters are installed is one."""
    path = interpreter(name)
    assert install_hint("requests", "tomli-w") == f'run "{path}" -m pip install requests tomli-w'


@pytest.mark.parametrize("name", ["uwsgi", "acme", "pythonista", "python-app", "gunicorn", "cost$1/python", "acme`x`/python"])
def test_a_program_that_is_no_interpreter_is_not_told_to_run(interpreter, name, tmp_path):
    """A program that embeds Python, or one whose path a shell would change, is in no command."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    interpreter(name)
    assert module_command("pytest", pytest.__file__) is None
    assert install_hint("requests") == "it belongs into the application (requests): ask whoever built that"


@pytest.mark.parametrize("executable", ["", "/nowhere/python3"])
def test_an_interpreter_that_is_not_there_is_not_named(monkeypatch, executable):
    """Some hosts leave the name empty, and some make one up."""
    monkeypatch.setattr(sys, "executable", executable)
    assert module_command("pytest", pytest.__file__) is None


def test_a_frozen_application_is_no_interpreter(monkeypatch):
    """Its executable starts the application again, whatever it is called."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert module_command("pytest", pytest.__file__) is None


def test_quoting_refuses_what_a_shell_would_read():
    """A word goes between quotation marks only if it means nothing more there."""
    assert quoted("/home/a b/c") == '"/home/a b/c"'
    assert [quoted(text) for text in ('a"b', "a`b`", "$HOME", "a\nb")] == [None] * 4


def run_from(folder, words, *more):
    """Return what a process started in *folder* with *words*, and nothing of this environment, prints."""
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    done = subprocess.run([*words, *more], cwd=folder, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_words_of_an_installed_package_start_it_from_any_folder(tmp_path):
    """Also where the folder holds files that are called like Python's own modules."""
    if sys.version_info >= (3, 11):
        (tmp_path / "logging.py").write_text("raise SystemExit('the folder was searched')")
    words = module_words("pytest", pytest.__file__)
    assert words[-2:] == ["-m", "pytest"]
    assert "pytest" in run_from(tmp_path, words, "--version")


@pytest.mark.parametrize("package", ["acme", "acme._vendor.mcptelemetry"])
def test_the_words_of_a_package_that_only_this_process_finds_say_where_it_is(tmp_path, package):
    """It is not typed, and so a longer command may be written: it runs as `-m` would."""
    folder = tmp_path.joinpath("it's here", *package.split("."))
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "__main__.py").write_text("import sys\nprint(__name__, __package__, sys.argv[1:])")
    words = module_words(package, str(folder / "__init__.py"))
    assert run_from(tmp_path, words, "a", "--b") == f"__main__ {package} ['a', '--b']\n"


def test_the_words_lead_into_an_archive_too(tmp_path):
    """What a zip file holds is found there."""
    archive = tmp_path / "app.pyz"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("acme/__init__.py", "")
        file.writestr("acme/__main__.py", "import sys\nprint(sys.argv[1:])")
    words = module_words("acme", str(archive / "acme" / "__init__.py"))
    assert run_from(tmp_path, words, "x") == "['x']\n"


def test_a_frozen_application_has_no_words(monkeypatch):
    """Its program starts the application again and no module."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert module_words("pytest", pytest.__file__) is None
