"""
Running a stdio server behind the wrapper: process, pipes, signals, exit status.

Bytes pass first and looking comes second, in a process of its own beside this one. The
process's own standard streams are taken away for the child's bytes, so that nothing else can
ever be printed into the conversation.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence

from ._environ import environment_without
from ._signals import SignalRelay, restore_usual
from ._start import CAN_FORK, NoProcessLeft, become
from ._watch import Recording

__all__ = ["become_command", "run_wrapped", "take_standard_streams"]


def take_standard_streams() -> tuple[int, int]:
    """
    Return descriptors of the process's standard input and output, and detach the process from them.

    Afterwards descriptors 0 and 1 lead to the null device: whatever a library prints does
    not reach the client, and closing the returned ones is seen by it. For a main program
    only. The descriptors are not inherited by children.
    """
    if sys.stdout is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
    taken = []
    for descriptor, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY)):
        null = os.open(os.devnull, mode)
        try:
            copy = os.dup(descriptor)
        except OSError:  # closed when we were started: nothing to read, nobody to write to
            copy = os.dup(null)
        if null != descriptor:
            os.dup2(null, descriptor)
            os.close(null)
        taken.append(copy)
    return taken[0], taken[1]


def run_wrapped(
    command: Sequence[str],
    open_recording: Callable[[], Recording | None],
    *,
    client_input: int,
    client_output: int,
    signals: SignalRelay,
    say: Callable[[str], object],
    withheld: Collection[str] = (),
    added: Mapping[str, str] | None = None,
) -> int:
    """
    Run *command* with its standard input and output carried to and from the client.

    *open_recording* is called, in a process of its own (where there is no fork: in a thread),
    once the child runs: it gives what its calls are recorded with, or None. *client_input* and
    *client_output* are descriptors that this function closes. *withheld* are the environment variables that the child does not get,
    *added* those that only it gets. *say* takes lines for a person. Returns the exit status: the
    child's, or 128 and the number of the signal that ended it. Raises `CommandNotStarted` when
    there is no child. Every call has been recorded, and had its time to be delivered, when this
    returns.

    It returns when the child has ended and its output has been passed on. A grandchild
    that holds the output open is carried on for as long as it goes on writing; after half
    a second of silence nobody waits for it. Where no process is to be had the command takes
    the place of this one, and is not recorded.
    """
    environment = {**environment_without(withheld), **(added or {})}
    try:
        client = (client_input, client_output)
        if CAN_FORK:
            from ._posix import run_child

            return run_child(command, environment, client, signals, open_recording, say)
        from ._windows import run_child_in_threads

        return run_child_in_threads(command, environment, client, open_recording, say)
    except NoProcessLeft as error:
        say(f"mcptelemetry: this session is not recorded: {error}; the server runs all the same")
        os.dup2(client_input, 0)
        os.dup2(client_output, 1)
        become(command, withheld, signals.restore)
        raise  # never: it has become the command, or said that there is none


def become_command(command: Sequence[str], withheld: Collection[str] = ()) -> None:
    """
    Let *command* run in this process's place, where the platform can, with everything as it was found.

    Returns where it cannot. Raises `CommandNotStarted` when there is no such command.
    """
    if CAN_FORK:
        become(command, withheld, restore_usual)
