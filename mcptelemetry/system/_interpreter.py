"""
How a person starts the interpreter that runs now, and a package in it, from any shell.

An instruction that cannot work is worse than none: in a frozen application `sys.executable`
starts the application again, in a server that embeds Python it starts the server, and a
package that only this process's own search path leads to is not found by another one. So
nothing is named unless a fresh interpreter, started anywhere, is known to understand it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator

__all__ = ["install_hint", "module_command", "module_words", "quoted"]

# python3.13t, python_d.exe, pythonw.exe, python3-intel64, pypy3.10
_INTERPRETER = r"(?i:(?:python|pypy)w?[\d.]*t?(?:_?d)?(?:-(?:intel|arm)?(?:32|64))?(?:\.exe)?)"
# What means something to a shell even between quotation marks.
_MEANINGFUL = frozenset('"$`!\\' if os.sep == "/" else '"%')
_PATH_FILE_LIMIT_BYTES = 64 * 1024


def quoted(text: str) -> str | None:
    """Return *text* as one word for a shell, None when it cannot be typed as it stands."""
    return f'"{text}"' if text.isprintable() and _MEANINGFUL.isdisjoint(text) else None


def module_command(package: str, file: str) -> str | None:
    """
    Return the command that runs *package*, None where a fresh interpreter would not find it.

    *file* is the `__file__` of that package's `__init__`.
    """
    python = _python_command()
    if python is None or not _is_found_anew(package, file):
        return None
    return f"{python} -m {package}"


def module_words(package: str, file: str) -> list[str] | None:
    """
    Return the program and the arguments that run *package* for whoever starts it without a shell, from any folder.

    Unlike `module_command` it need not be typed, and so it also serves a package that only this
    process's search path leads to. None where no interpreter is known, as in a frozen application.
    """
    python = _python_path()
    if python is None:
        return None
    # The folder it is started in is a stranger's: a `logging.py` there must not be taken for Python's.
    safe = [python, *(["-P"] if sys.version_info >= (3, 11) else [])]
    if _is_found_anew(package, file):
        return [*safe, "-m", package]
    place, name = _root_of(package, file), f"{package!r}, run_name='__main__', alter_sys=True"
    return [*safe, "-c", f"import runpy, sys; sys.path.append({place!r}); runpy.run_module({name})"]


def install_hint(*names: str) -> str:
    """Return the mend for packages *names* that are missing: a command, or who else can mend it."""
    python = _python_command()
    if python is None:
        return f"it belongs into the application ({' '.join(names)}): ask whoever built that"
    return f"run {python} -m pip install {' '.join(names)}"


def _is_found_anew(package: str, file: str) -> bool:
    """Return whether a fresh interpreter, started anywhere, finds *package* where *file* is."""
    if not os.path.isfile(file):  # inside an archive, or only compiled in
        return False
    root, top = _root_of(package, file), package.partition(".")[0]
    return _is_same_place(root, _site_directories()) or _is_installed_editable(top, root)


def _root_of(package: str, file: str) -> str:
    """Return the directory, or the archive, in which *package* is looked for."""
    root = os.path.abspath(file)
    for _ in range(package.count(".") + 2):
        root = os.path.dirname(root)
    return root


def _python_command() -> str | None:
    """Return what starts this interpreter; None when `sys.executable` is something else, or cannot be typed."""
    path = _python_path()
    return None if path is None else quoted(path)


def _python_path() -> str | None:
    """Return this interpreter's file; None when `sys.executable` is something else."""
    path = sys.executable or ""
    if getattr(sys, "frozen", False) or re.fullmatch(_INTERPRETER, os.path.basename(path)) is None:
        return None
    return path if os.path.isfile(path) else None


def _site_directories() -> Iterator[str]:
    """Yield the directories that every start of this interpreter searches for installed packages."""
    import site  # loaded by every start of an interpreter that has it

    own = list(getattr(site, "getsitepackages", list)())  # some that embed Python have a smaller one
    if getattr(site, "ENABLE_USER_SITE", False):
        own.append(site.getusersitepackages())
    for directory in own:
        yield directory
        yield from _named_by_path_files(directory)


def _named_by_path_files(directory: str) -> Iterator[str]:
    """Yield the directories that the ``.pth`` files of *directory* add, as an editable installation's does."""
    try:
        names = [name for name in os.listdir(directory) if name.endswith(".pth")]
    except OSError:
        return
    for name in names:
        try:
            with open(os.path.join(directory, name), encoding="utf-8", errors="replace") as file:
                lines = file.read(_PATH_FILE_LIMIT_BYTES).splitlines()
        except OSError:
            continue
        for line in lines:
            if line.strip() and not line.startswith(("#", "import ", "import\t")):
                yield os.path.join(directory, line.strip())


def _is_same_place(directory: str, places: Iterator[str]) -> bool:
    wanted = os.path.normcase(os.path.realpath(directory))
    return any(os.path.normcase(os.path.realpath(place)) == wanted for place in places)


def _is_installed_editable(top: str, root: str) -> bool:
    """Return whether *top*, below *root*, is found by the finder that setuptools installs for a checkout."""
    for name, module in list(sys.modules.items()):
        if name.startswith("__editable___"):
            places = getattr(module, "MAPPING", None)
            if isinstance(places, dict) and places.get(top) == os.path.join(root, top):
                return True
    return False
