"""
The applications of this machine, and whoever is told of them after a slip.

An application is known by what lies in its folder under the home directory, or by a
variable. A name that nothing is known of may be new, or misspelt: what was asked is done
all the same, and the names that are known are said.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..application import Application, home_directory
from ..config import CONFIG_FILE, STATE_FILE
from ..state import DATABASE_FILE
from ._command import Console

__all__ = ["find_applications", "note_if_unknown"]

_ENDPOINT_ENDING = "_EVENTS_ENDPOINT"
_FILES = (CONFIG_FILE, STATE_FILE, DATABASE_FILE)
_NAMES_SAID_MAX = 20


def find_applications(environ: Mapping[str, str]) -> list[Application]:
    """Return the applications with a folder of their own under the home directory, or a variable, by name."""
    names = {
        variable[: -len(_ENDPOINT_ENDING)].lower().replace("_", "-")
        for variable in environ
        if variable.endswith(_ENDPOINT_ENDING)
    }
    home = home_directory(environ)
    try:
        folders = os.listdir(home) if home else []
    except OSError:
        folders = []
    names.update(folder[1:] for folder in folders if folder.startswith(".") and _is_used(os.path.join(home, folder)))
    found = []
    for name in sorted(names):
        try:
            found.append(Application(name))
        except ValueError:
            continue  # a folder of somebody else's
    return found


def note_if_unknown(application: Application, data_dir: str | None, console: Console) -> None:
    """Say which applications are known when nothing is known of *application*; nothing when none is at all."""
    if data_dir is not None or _is_used(application.data_directory(console.environ)):
        return
    known = [other.name for other in find_applications(console.environ)]
    if known and application.name not in known:
        names = ", ".join(known[:_NAMES_SAID_MAX])
        more = f" and {len(known) - _NAMES_SAID_MAX} more" if len(known) > _NAMES_SAID_MAX else ""
        console.note(f"note: nothing is known of {application.name} on this machine, but of {names}{more}")


def _is_used(folder: str) -> bool:
    return bool(folder) and any(os.path.lexists(os.path.join(folder, file)) for file in _FILES)
