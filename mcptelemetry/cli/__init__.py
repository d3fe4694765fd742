"""The command line: what the person, the operator and the maintainer type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._late import late_names
from ._entry import main

if TYPE_CHECKING:
    from ._command import Console
    from ._main import add_telemetry_commands

__all__ = ["Console", "add_telemetry_commands", "main"]

if not TYPE_CHECKING:
    __getattr__ = late_names(
        globals(),
        {
            "_command": ("Console",),
            "_main": ("add_telemetry_commands",),
        },
    )
