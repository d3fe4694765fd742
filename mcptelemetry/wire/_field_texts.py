"""
The table of fields in words: for a terminal, for a README, for the documentation.

All of it is generated, so that what is said about the heartbeat cannot differ from what is
in it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from ._fields import FIELDS, HEARTBEAT_BYTES_MAX, OPEN_MAP_ENTRIES_MAX, SCHEMA_VERSION, Field

__all__ = ["render_fields", "render_fields_markdown", "render_privacy_paragraph"]

_WIDTH = 100


def render_fields() -> str:
    """Return the table for a terminal, without a final line end."""
    return "\n".join(line for field in FIELDS for line in _lines_of(field))


def render_privacy_paragraph(app: str, *, switch_variable: str, endpoint: str | None, commands: str) -> str:
    """
    Return the paragraph on the heartbeat that an author can paste into a README, as Markdown.

    *commands* is what a person types before the name of a command.
    """
    where = f"to {endpoint}" if endpoint else "to its author"
    return "\n".join(
        textwrap.wrap(
            f"{app} sends one anonymous document a day {where}: version, system, counters, closed words and "
            f"names that its author declared, as listed in its table of {len(FIELDS)} fields. It holds no names of servers, "
            "people or machines, no paths, no addresses, no arguments, results or error texts. The first one leaves only after a notice "
            f"was shown. See the exact document with `{commands} show-payload`, all that was sent "
            f"with `{commands} sent`, and the table with `{commands} fields`. Switch it off with "
            f"`{commands} off`, `{switch_variable}=off` or `DO_NOT_TRACK=1`.",
            _WIDTH,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def render_fields_markdown() -> str:
    """Return `docs/TELEMETRY.md`."""
    rows = [
        f"| `{field.name}` | {_presence(field)} | {field.since} | {_cell(field.shape.expects)} | {_cell(field.purpose)} |"
        for field in FIELDS
    ]
    return "\n".join(
        [
            "# What a heartbeat holds",
            "",
            "This page is generated from the table of fields (`tools/generate`), from which the check before",
            "sending and the collector's check come too. A key that is not in the table cannot leave.",
            "",
            f"Schema version {SCHEMA_VERSION}; the same as JSON Schema: `contracts/heartbeat-v{SCHEMA_VERSION}.json`.",
            f"Of each open map the {OPEN_MAP_ENTRIES_MAX} largest entries leave by name and the others summed as `other`.",
            f"A document over {HEARTBEAT_BYTES_MAX // 1024} KiB is not sent.",
            "",
            "| field | present | since | holds | why |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def _lines_of(field: Field) -> Iterator[str]:
    yield f"{field.name}  ({_presence(field)}, since version {field.since})"
    for text in (field.purpose, f"Holds {field.shape.expects}."):
        yield from textwrap.wrap(text, _WIDTH, initial_indent="    ", subsequent_indent="    ")


def _presence(field: Field) -> str:
    return "when known" if field.is_omitted_when_empty else "always"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<")
