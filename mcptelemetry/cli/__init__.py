"""The command line: what the person, the operator and the maintainer type."""

from __future__ import annotations

from ._command import Console
from ._main import add_telemetry_commands, main

__all__ = ["Console", "add_telemetry_commands", "main"]
