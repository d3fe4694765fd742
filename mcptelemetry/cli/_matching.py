"""
`match`: which tools of some saved catalogues exist on both sides, and whether they fit.

The catalogues are files, never live servers: a comparison can be repeated, attached to a
review, and starts nothing. What does not fit is a finding, not a failure.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Iterable, Sequence

from ..matching import MatchReport, ToolMatch, build_report
from ..system import printable
from ..vocabulary import TOOL_NAME_PATTERN
from ._command import Command, Console, WrongUse

__all__ = ["COMMANDS"]

_MEND = "save a server's answer to tools/list there, or a plain array of its tools"
_COLUMNS = ("TOOL", "VERDICT", "UPSTREAM", "REMARK")
_GAP = "  "

# The verdicts in the order of the summary line, each with the report's own selection.
_VERDICTS = (
    ("compatible", MatchReport.routable_locally),
    ("incompatible", MatchReport.incompatible_pairs),
    ("local only", MatchReport.local_only),
    ("remote only", MatchReport.remote_only),
)


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "local",
        metavar="LOCAL.json",
        help="the local tools: a tools/list answer, its result, or an array of tools",
    )
    parser.add_argument(
        "upstream",
        metavar="UPSTREAM.json",
        nargs="+",
        help="an upstream's tools, as FILE or PREFIX=FILE; the prefix is otherwise the file's stem",
    )


def _run_match(args: argparse.Namespace, console: Console) -> int:
    local = _read_tools(args.local, console)
    upstream = [(prefix, _read_tools(path, console)) for prefix, path in _sources(args.upstream)]
    report = build_report(local, upstream)
    if args.json:
        console.say_json(_document(report))
        return 0
    for line in _table(report):
        console.say(line)
    for problem in report.problems:
        console.note(f"problem: {problem}")
    return 0


COMMANDS: tuple[Command, ...] = (
    Command(
        name="match",
        summary="compare local tools with those of upstream servers",
        run=_run_match,
        configure=_configure,
    ),
)


def _sources(arguments: Sequence[str]) -> list[tuple[str, str]]:
    """Return the prefix and the path of every FILE or PREFIX=FILE."""
    sources: dict[str, str] = {}
    for argument in arguments:
        prefix, path = _source(argument)
        if re.fullmatch(TOOL_NAME_PATTERN, prefix) is None:
            msg = (
                f"{prefix!r} cannot be an upstream's prefix, which is part of its tools' names: "
                "use letters, digits, '_', '.' and '-', as in PREFIX=FILE"
            )
            raise WrongUse(msg)
        if prefix in sources:
            msg = (
                f"{sources[prefix]} and {path} both have the prefix "
                f"{prefix!r}: name one of them as PREFIX=FILE"
            )
            raise WrongUse(msg)
        sources[prefix] = path
    return list(sources.items())


def _source(argument: str) -> tuple[str, str]:
    prefix, equals, path = argument.partition("=")
    # A prefix is no path: in ./a=b.json the sign belongs to the file's name.
    if not equals or os.path.basename(prefix) != prefix:
        return os.path.splitext(os.path.basename(argument))[0], argument
    if not prefix or not path:
        msg = f"{argument}: write an upstream as FILE or PREFIX=FILE"
        raise WrongUse(msg)
    return prefix, path


def _read_tools(path: str, console: Console) -> list[object]:
    """Return the tool definitions in the file at *path*; `WrongUse` names it and the mend."""
    document = _read_json(path)
    if isinstance(document, dict) and isinstance(document.get("result"), dict):
        document = document["result"]
    if isinstance(document, dict):
        if document.get("nextCursor") and isinstance(document.get("tools"), list):
            console.note(f"{path} is one page of a longer list (nextCursor): join the pages into one array")
        tools = document.get("tools")
    else:
        tools = document
    if not isinstance(tools, list):
        msg = f"{path} holds no list of tools: {_MEND}"
        raise WrongUse(msg)
    if tools and not any(isinstance(tool, dict) for tool in tools):
        msg = f"{path} holds a list of something else than tools: {_MEND}"
        raise WrongUse(msg)
    return tools


def _read_json(path: str) -> object:
    try:
        with open(path, "rb") as file:
            # An editor's byte order mark is no reason to refuse a file.
            text = file.read().decode("utf-8-sig")
        return json.loads(text)
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror or type(error).__name__}): {_MEND}"
    except UnicodeDecodeError:
        msg = f"{path} is not UTF-8 text: save it as UTF-8"
    except json.JSONDecodeError as error:
        msg = f"{path} is not JSON (line {error.lineno}, column {error.colno}: {printable(error.msg)}): {_MEND}"
    except (ValueError, RecursionError) as error:
        msg = f"{path} is not usable JSON ({type(error).__name__}): {_MEND}"
    raise WrongUse(msg)


def _document(report: MatchReport) -> dict[str, object]:
    return {
        "tools": [_row(match) for match in report.matches.values()],
        "summary": {verdict.replace(" ", "_"): len(select(report)) for verdict, select in _VERDICTS},
        "problems": list(report.problems),
    }


def _row(match: ToolMatch) -> dict[str, object]:
    return {
        "tool_name": match.tool_name,
        "local_present": match.local_present,
        "remote_present": match.remote_present,
        "schema_compatible": match.schema_compatible,
        "upstream_prefix": match.upstream_prefix,
        "schema_mismatch": match.schema_mismatch,
        "routable_local": match.is_routable_local(),
        "prefixed_remote_name": match.prefixed_remote_name(),
    }


def _table(report: MatchReport) -> Iterable[str]:
    counts: list[str] = []
    verdict_of: dict[str, str] = {}
    for verdict, select in _VERDICTS:
        selected = select(report)
        counts.append(f"{len(selected)} {verdict}")
        verdict_of.update((match.tool_name, verdict) for match in selected)
    rows = [
        (
            printable(match.tool_name),
            verdict_of[match.tool_name],
            printable(match.upstream_prefix or "-"),
            printable(match.schema_mismatch or ""),
        )
        for match in report.matches.values()
    ]
    if rows:
        widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows)]
        for row in (_COLUMNS, *rows):
            yield _GAP.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
        yield ""
    yield f"{len(report)} tool{'' if len(report) == 1 else 's'}: {', '.join(counts)}"
