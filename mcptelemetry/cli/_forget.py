"""
`forget`: what is remembered of an installation is erased, and it goes on as another one.

What a person said about sending stays as it is: to forget is neither a no nor a yes.
"""

from __future__ import annotations

import argparse

from ._command import Command, Console
from ._subject import telemetry_for

__all__ = ["COMMANDS"]


def _run(args: argparse.Namespace, console: Console) -> int:
    telemetry = telemetry_for(args, console)
    telemetry.forget()
    status = telemetry.status()
    identity = status["identity"]
    if args.json:
        console.say_json({"app": status["app"], "mode": status["mode"], "reason": status["reason"], "identity": identity})
        return 0
    if identity is None:
        console.say(f"{status['app']}: nothing is remembered here; the mode stays {status['mode']}")
    else:
        console.say(
            f"{status['app']}: counts, milestones and sent documents are erased; the anonymous id is now "
            f"{identity['anonymous_id']}; the mode stays {status['mode']}"
        )
    return 0


COMMANDS: tuple[Command, ...] = (
    Command("forget", "draw a new anonymous id and erase what is remembered here; the mode stays", _run),
)
