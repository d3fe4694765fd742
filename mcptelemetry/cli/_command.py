"""
What one command of the command line is: a row of a table.

A command group's file offers `COMMANDS`; the door puts the tables together. A command
prints its result on `Console.out` and everything else on `Console.err`, and returns the
exit status: 0 done, 1 failed. What goes wrong is raised, with the mend in its one line.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TextIO

from ..errors import TelemetryError
from ..system import printable

__all__ = ["Command", "CommandFailed", "Console", "WrongUse"]

_LINES = "\n"  # the one control character that output has of its own


class CommandFailed(TelemetryError):
    """The command could not do what it was asked; exit status 1."""


class WrongUse(TelemetryError):
    """The command line itself makes no sense; exit status 2."""


@dataclass(frozen=True)
class Console:
    """
    Where a command reads and writes: streams, environment, and how it was called.

    *prog* is what a person types to reach this command line, for use in mends. Whatever is
    said comes out as printable text: strangers name tools, paths and clients. *is_program* says
    that the process is this command line's own.
    """

    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    prog: str = "mcptelemetry"
    is_program: bool = False

    def say(self, text: str) -> None:
        """Print *text* as one line of the result."""
        self.out.write(printable(text) + "\n")

    def say_lines(self, text: str) -> None:
        """Print the lines of *text* as a result."""
        self.out.write(printable(text, keep=_LINES) + "\n")

    def say_json(self, document: Any) -> None:  # any JSON document
        """Print *document* as indented JSON, as a result."""
        self.say_lines(json.dumps(document, indent=2, ensure_ascii=False))

    def note(self, text: str) -> None:
        """Print *text* as one line beside the result, on the error stream."""
        self.err.write(printable(text) + "\n")

    def note_lines(self, text: str) -> None:
        """Print the lines of *text* beside the result."""
        self.err.write(printable(text, keep=_LINES) + "\n")

    @contextmanager
    def hearing(
        self, logger_name: str, level: int, *, renamed: Mapping[str, str] | None = None
    ) -> Iterator[list[str]]:
        """
        Have what is logged below *logger_name* from *level* up printed beside the result; give the lines so far.

        *renamed* are words of the log for which the person typed another one.
        """
        handler = _Lines(self, renamed or {})
        handler.setLevel(level)
        logger = logging.getLogger(logger_name)
        logger.addHandler(handler)
        try:
            yield handler.lines
        finally:
            logger.removeHandler(handler)


class _Lines(logging.Handler):
    def __init__(self, console: Console, renamed: Mapping[str, str]) -> None:
        super().__init__()
        self._console = console
        self._renamed = renamed
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = record.getMessage()
            for word, typed in self._renamed.items():
                line = line.replace(word, typed)
            self.lines.append(line)
            self._console.note(line)
            if record.exc_info:
                self._console.note_lines(logging.Formatter().formatException(record.exc_info))
        except Exception:  # noqa: BLE001  as every handler: a stream that is gone harms nobody
            self.handleError(record)


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
