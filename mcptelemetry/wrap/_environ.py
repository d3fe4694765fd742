"""
The environment that a wrapped command gets: ours as it was given to us, before anybody here touched it.

What starts us adds to it for our own sake (Python in a bare locale, PyInstaller where we are
frozen), and a server must not inherit that: it would load our libraries for its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection

__all__ = ["environment_without"]

# Where a frozen program finds its libraries, first of all; what stood there before is kept beside it.
_LIBRARY_PATHS = ("LD_LIBRARY_PATH", "LIBPATH")
_PACKAGERS_OWN = "_PYI_"


def environment_without(withheld: Collection[str]) -> dict[str, str]:
    """
    Return the environment that we were given, but for *withheld*.

    Python sets LC_CTYPE for itself in a bare C locale, which is what MCP clients start a
    server in; the child must not inherit that. Only Linux tells what was there before.
    """
    environment = dict(os.environ)
    for name in withheld:
        environment.pop(name.upper() if sys.platform == "win32" else name, None)
    packagers_folder = getattr(sys, "_MEIPASS", None)
    if packagers_folder is not None:
        _take_packagers_words_out(environment, packagers_folder)
    try:
        with open("/proc/self/environ", "rb") as file:
            given = file.read()
    except OSError:
        return environment
    if not given.startswith(b"LC_CTYPE=") and b"\0LC_CTYPE=" not in given:
        environment.pop("LC_CTYPE", None)
    return environment


def _take_packagers_words_out(environment: dict[str, str], folder: str) -> None:
    """Put *environment* as it was before PyInstaller's starter led it to the libraries in *folder*."""
    for name in [name for name in environment if name.startswith(_PACKAGERS_OWN)]:
        del environment[name]
    for name in _LIBRARY_PATHS:
        if environment.get(name, "").split(os.pathsep)[0] != folder:
            continue
        before = environment.pop(f"{name}_ORIG", None)
        del environment[name]
        if before is not None:
            environment[name] = before
