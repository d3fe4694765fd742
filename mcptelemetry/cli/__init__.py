"""The command line: what the person, the operator and the maintainer type."""

from __future__ import annotations

from ._main import add_telemetry_commands, main

__all__ = ["add_telemetry_commands", "main"]
