"""
What the last start of an application on this machine set up, read from its memory.

For whoever knows the application by its name only. Looking makes no file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..application import Application
from ..installation import Setup, path_in
from ..state import DATABASE_FILE, Memory

__all__ = ["recall_setup"]


def recall_setup(application: Application, data_dir: str | None, environ: Mapping[str, str] | None) -> dict[str, Any]:
    """Return the arguments of `Telemetry` that are remembered, its version among them; what is not known is left out."""
    home = application.data_directory(os.environ if environ is None else environ)
    database = path_in(home if data_dir is None else data_dir, DATABASE_FILE)
    profile = dict(Memory(database).look().profile) if os.path.lexists(database) else {}
    return Setup.recalled(profile)
