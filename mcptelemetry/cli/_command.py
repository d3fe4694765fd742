"""
What one command of the command line is: a row of a table.

A command group's file offers `COMMANDS`; the door puts the tables together. A command
prints its result on `Console.out` and everything else on `Console.err`, and returns the
exit status: 0 done, 1 failed. What goes wrong is raised, with the mend in its one line.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

from ..errors import TelemetryError

__all__ = ["Command", "CommandFailed", "Console", "WrongUse"]


class CommandFailed(TelemetryError):
    """The command could not do what it was asked; exit status 1."""


class WrongUse(TelemetryError):
    """The command line itself makes no sense; exit status 2."""


@dataclass(frozen=True)
class Console:
    """
    Where a command reads and writes: streams, environment, and how it was called.

    *prog* is what a person types to reach this command line, for use in mends.
    """

    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    prog: str = "mcptelemetry"

    def say(self, text: str) -> None:
        """Print *text* and a line end as a result."""
        self.out.write(text + "\n")

    def say_json(self, document: Any) -> None:  # any JSON document
        """Print *document* as indented JSON, as a result."""
        self.say(json.dumps(document, indent=2, ensure_ascii=False))

    def note(self, text: str) -> None:
        """Print *text* and a line end beside the result, on the error stream."""
        self.err.write(text + "\n")


@dataclass(frozen=True)
class Command:
    """
    One command: its *name*, one line of *summary*, its arguments and its deed.

    *configure* adds arguments to the command's own parser; *run* does the work and returns
    the exit status. Every command also has ``--app``, ``--data-dir`` and ``--json``, as
    ``args.app`` (str or None), ``args.data_dir`` (str or None) and ``args.json`` (bool).
    """

    name: str
    summary: str
    run: Callable[[argparse.Namespace, Console], int]
    configure: Callable[[argparse.ArgumentParser], None] = lambda _parser: None
    aliases: tuple[str, ...] = ()
