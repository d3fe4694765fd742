"""
`show-payload`, `sent`, `fields`, `privacy`: everything there is to see about the heartbeat.

What is shown is what is sent: the same builder, the same table, the bytes that were kept.
Looking changes no file and needs no network.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..config import load_config
from ..privacy import Stream
from ..state import SentDocument, format_moment
from ..system import url_without_secrets
from ..wire import FIELDS, render_fields, render_privacy_paragraph
from ._command import Command, Console
from ._deliveries import describe_delivery, stream_name
from ._subject import telemetry_for

__all__ = ["COMMANDS"]

_SAID_BY_PERSON = (4, 5, 6)  # the rows of the switches that hold for every process, not for this one
_HEADINGS = {
    "heartbeat": "heartbeat",
    "feedback": "feedback",
    "author_events": "the last batch of the author's events",
    "operator_events": "the operator's events",
}
_FATES = {"delivered": "delivered", "later": "not accepted, to be sent again", "rejected": "rejected"}


def _run_show_payload(args: argparse.Namespace, console: Console) -> int:
    telemetry = telemetry_for(args, console)
    load_config(telemetry.switches.config_path)  # what cannot be understood wants mending first
    preview = telemetry.heartbeat_service().preview()
    # Not one byte more or less than would leave, whatever the stream thinks of line ends.
    console.out.write(preview.payload.encode().decode("ascii"))
    console.out.flush()
    for note in preview.notes:
        console.note(f"note: {note}")
    if args.telemetry is None:
        console.note(
            "note: what the running application says about itself (servers, flags, uptime) and what it counted "
            "in the last 30 seconds is not known here"
        )
    decision = telemetry.switches.decide(Stream.HEARTBEAT)
    if not decision.may_send:
        console.note(f"note: it is not sent: {decision.mode} ({decision.reason})")
    elif telemetry.heartbeat is None:
        console.note("note: it is not sent: no endpoint is known here")
    return 0


def _run_sent(args: argparse.Namespace, console: Console) -> int:
    telemetry = telemetry_for(args, console)
    found = telemetry.sent_documents()
    status = telemetry.status()
    totals = status["deliveries"]
    if args.json:
        console.say_json({"documents": [_as_json(document) for document in found], "totals": totals})
    else:
        for document in found:
            console.say(_heading(document))
            console.say_lines(document.body.removesuffix("\n"))
        for one in totals:
            console.say(f"in all  {stream_name(one['stream'])}: {describe_delivery(one)}")
    if not found and not totals:
        console.note("nothing has been sent")
    if status["mode"] == "off" and status["row"] in _SAID_BY_PERSON:
        # Off, no file is changed: what leaves all the same is known to whoever set it up only.
        console.note(
            f"note: telemetry is off ({status['reason']}), and what is sent meanwhile, "
            "as feedback is, or the events of an operator, is not kept here"
        )
    return 0


def _heading(document: SentDocument) -> str:
    where = f" to {document.endpoint}" if document.endpoint else ""
    answer = f"HTTP {document.status}" if document.status else "no answer"
    return f"{format_moment(document.sent_at)}  {_HEADINGS[document.stream]}{where}: {_FATES[document.fate]}, {answer}"


def _run_fields(args: argparse.Namespace, console: Console) -> int:
    if not args.json:
        console.say_lines(render_fields())
        return 0
    console.say_json(
        [
            {
                "name": field.name,
                "is_omitted_when_empty": field.is_omitted_when_empty,
                "since": field.since,
                "holds": field.shape.to_json_schema(),
                "purpose": field.purpose,
            }
            for field in FIELDS
        ]
    )
    return 0


def _run_privacy(args: argparse.Namespace, console: Console) -> int:
    telemetry = telemetry_for(args, console)
    endpoint = None if telemetry.heartbeat is None else telemetry.heartbeat.endpoint
    text = render_privacy_paragraph(
        telemetry.app,
        switch_variable=telemetry.switch_variable,
        # What is pasted into a README is read by everybody.
        endpoint=None if endpoint is None else url_without_secrets(endpoint),
        # An application's own command line needs no name, and may be the only one there is.
        commands=console.prog if args.telemetry is not None else f"{console.prog} --app {telemetry.app}",
    )
    if args.json:
        console.say_json({"app": telemetry.app, "paragraph": text})
    else:
        console.say_lines(text)
    return 0


def _as_json(document: SentDocument) -> dict[str, Any]:
    try:
        body = json.loads(document.body)
    except ValueError:  # damaged on the disk
        body = document.body
    return {
        "sent_at": format_moment(document.sent_at),
        "stream": document.stream,
        "endpoint": document.endpoint or None,
        "fate": document.fate,
        "status": document.status or None,
        "document": body,
    }


COMMANDS: tuple[Command, ...] = (
    Command("show-payload", "print the exact heartbeat that would be sent now, and send nothing", _run_show_payload),
    Command("sent", "print what was sent, word for word, and what became of it", _run_sent),
    Command("fields", "print the table of everything that a heartbeat may hold, and why", _run_fields),
    Command("privacy", "print a paragraph on the heartbeat for a README", _run_privacy),
)
