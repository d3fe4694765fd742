"""
`check`: would what is sent arrive, now, from here?

It asks each endpoint and says what came of it, an endpoint a line: what else is learned only
after a day of heartbeats or at the end of a session, when it is too late.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..config import load_config
from ._command import Command, Console
from ._subject import telemetry_for

if TYPE_CHECKING:
    from ..client import EndpointCheck

__all__ = ["COMMANDS"]


def _run(args: argparse.Namespace, console: Console) -> int:
    telemetry = telemetry_for(args, console)
    load_config(telemetry.switches.config_path)  # what cannot be understood wants mending first
    found = telemetry.check_endpoints()
    if args.json:
        console.say_json([{**one._asdict(), "unset_variables": list(one.unset_variables)} for one in found])
    else:
        for one in found:
            console.say(_line(one))
    if not found:
        console.note("note: no endpoint is configured, so nothing is sent")
    waits_for = None if telemetry.heartbeat is None else telemetry.heartbeat.why_not()
    if waits_for is not None:
        console.note(f"note: no heartbeat is sent now: {waits_for}")
    return 1 if any(one.verdict == "lost" for one in found) else 0


def _line(one: EndpointCheck) -> str:
    """Return endpoint, owner, variables, answer and mend in one line."""
    facts = [f"the {one.owner}'s"]
    if one.token_variable is not None:
        facts.append(f"token in {one.token_variable}, {'set' if one.is_token_set else 'not set'}")
    facts += [f"{name} is not set" for name in one.unset_variables if name != one.token_variable]
    said = f"{one.stream} to {one.endpoint} ({'; '.join(facts)}): {one.verdict}: {one.answer}"
    return f"{said}; {one.mend}" if one.mend else said


COMMANDS: tuple[Command, ...] = (
    Command("check", "ask each endpoint whether what is sent there would arrive", _run),
)
