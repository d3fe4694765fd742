"""
`feedback`: a person tells the maintainer something, having seen the document first.

It obeys no switch, because typing it is the consent; so nothing is filled in that a person
does not see before it leaves.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

from ..feedback import FeedbackRequest, check_request
from ..system import url_without_secrets
from ..wire import FEEDBACK_CATEGORIES, FEEDBACK_CHARACTERS_MAX
from ._command import Command, CommandFailed, Console, WrongUse
from ._subject import telemetry_for

__all__ = ["COMMANDS"]


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("category", metavar="CATEGORY", help=f"what it is: {', '.join(FEEDBACK_CATEGORIES)}")
    parser.add_argument("message", metavar="MESSAGE", nargs="+", help="what to say; - reads it from standard input")
    parser.add_argument("--email", metavar="ADDRESS", help="where to answer, if an answer is wanted")


def _run(args: argparse.Namespace, console: Console) -> int:
    telemetry = telemetry_for(args, console)
    message = " ".join(args.message)
    if message == "-":
        message = sys.stdin.read(4 * FEEDBACK_CHARACTERS_MAX)
    request = FeedbackRequest(args.category, message, args.email)
    try:
        check_request(request)
        service = telemetry.feedback_service()
        document = service.compose(request)
    except ValueError as error:
        raise WrongUse(str(error)) from None
    console.note(f"sending to {url_without_secrets(service.url)}:")
    console.note_lines(document.decode("utf-8").rstrip("\n"))
    console.err.flush()
    response = service.submit(request)
    if args.json:
        console.say_json(asdict(response))
    elif response.success:
        console.say(f"sent; thank you. It can be followed at {response.issue_url}" if response.issue_url else "sent; thank you")
    if not response.success:
        msg = f"it was not taken: {response.error or 'no reason was given'}"
        raise CommandFailed(msg)
    return 0


COMMANDS: tuple[Command, ...] = (
    Command("feedback", "tell the maintainer something; the document is shown before it leaves", _run, _configure),
)
