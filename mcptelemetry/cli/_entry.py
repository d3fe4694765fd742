"""
The way into the command line: `wrap` in its usual form at once, everything else by the frame.

A client waits for the server behind `wrap`, so that one starts before parser, settings and
telemetry are loaded, wherever a short look shows that nobody said anything that would change
how. In any doubt the frame does it, with all that there is to ask.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from ._command import Console

__all__ = ["main"]


def main(argv: Sequence[str] | None = None, console: Console | None = None, *, prog: str | None = None) -> int:
    """
    Run the command line *argv* (default: this process's) and return its exit status.

    0 done, 1 failed, 2 wrong use or configuration, 130 interrupted; `wrap` returns the
    wrapped command's own. Results go to the console's *out*, everything else to its *err*;
    nothing is raised. *prog* is what a person typed to come here, where no *console* says it.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    is_program = argv is None and console is None
    status = None
    if is_program and arguments[:1] == ["wrap"]:
        from ._wrap_at_once import wrap_at_once

        status = wrap_at_once(arguments[1:])
    if status is None:
        from ._command import Console
        from ._main import run_command_line

        status = run_command_line(arguments, console or Console(prog=prog or Console.prog, is_program=is_program))
    if is_program and "wrap" in arguments:
        _leave(status)
    return status


def _leave(status: int) -> NoReturn:
    """End the process here: a signal during the interpreter's own end would change its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    os._exit(status)
