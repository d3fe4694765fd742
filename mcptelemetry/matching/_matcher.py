"""
From catalogues to a match report.

A name belongs to the first upstream that advertises it, and the verdict on its schema is
made against that upstream alone, since that is where a call would go. Each definition is
read once, so the work grows with the number of tools and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from ._report import SEPARATOR, MatchReport, ToolMatch
from ._signatures import Signature, check_schema_compat, quoted, read_signature

__all__ = ["build_report"]

_PAIR = 2

# Each upstream's first definition of a name, with the prefix it came under.
Advertised = Mapping[str, "tuple[str, Signature]"]


def build_report(local: Iterable[object], upstream: Iterable[tuple[str, Iterable[object]]]) -> MatchReport:
    """
    Compare the *local* tools with those of every *upstream*.

    *local* is an iterable of tool definitions, mappings or objects with ``name`` and
    ``inputSchema`` or ``input_schema``; *upstream* is an iterable of ``(prefix, tools)``, the
    tools under their unprefixed names, the preferred upstream first. A malformed definition
    never raises: it is left out, or what makes no sense in its schema reads as empty, and
    `MatchReport.problems` says so. Of two tools of one name on one side the first counts.
    Arguments that are no catalogues at all raise `TypeError`, an empty prefix `ValueError`.
    """
    problems: list[str] = []
    ours = {
        signature.name: signature
        for signature in _signatures(_tools(local, "local"), "local", problems)
    }
    advertised: dict[str, tuple[str, Signature]] = {}
    prefixes: dict[str, None] = {}
    for prefix, tools in _upstreams(upstream):
        owner = f"upstream {quoted(prefix)}"
        if prefix in prefixes:
            problems.append(f"{owner} is given twice: of two tools of one name the first counts")
        elif f"{prefix}{SEPARATOR}".index(SEPARATOR) != len(prefix):
            problems.append(
                f"{owner} cannot be asked by prefixed names, which are split at their first "
                f"'{SEPARATOR}': choose a prefix without it"
            )
        prefixes[prefix] = None
        for signature in _signatures(tools, owner, problems):
            # Only the first advertiser's is kept: the others need no memory beyond their turn.
            if signature.name not in advertised:
                advertised[signature.name] = (prefix, signature)
    problems.extend(_shadowed(ours, advertised, prefixes))
    names = dict.fromkeys((*ours, *advertised))
    matches = {name: _match(name, ours.get(name), advertised.get(name)) for name in names}
    return MatchReport(matches, tuple(problems), tuple(prefixes))


def _match(name: str, local: Signature | None, remote: tuple[str, Signature] | None) -> ToolMatch:
    if remote is None:
        return ToolMatch(name, local_present=True)
    prefix, signature = remote
    if local is None:
        return ToolMatch(name, remote_present=True, upstream_prefix=prefix)
    check = check_schema_compat(local, signature)
    return ToolMatch(
        name,
        local_present=True,
        remote_present=True,
        schema_compatible=check.is_compatible,
        upstream_prefix=prefix,
        schema_mismatch=check.mismatch,
    )


def _signatures(tools: Iterable[object], owner: str, problems: list[str]) -> Iterator[Signature]:
    """Yield the signature of each usable tool, the first of a name only."""
    seen: set[str] = set()
    for position, tool in enumerate(tools, start=1):
        signature = read_signature(tool, owner, position, problems)
        if signature is None:
            continue
        if signature.name in seen:
            problems.append(f"{owner} tool {quoted(signature.name)} is defined twice: the first counts")
            continue
        seen.add(signature.name)
        yield signature


def _shadowed(
    ours: Mapping[str, Signature], advertised: Advertised, prefixes: Collection[str]
) -> Iterator[str]:
    """Yield a line for every tool whose own name reads as another upstream's prefixed one."""
    for name in ours:
        prefix = _prefix_in(name, prefixes)
        if prefix:
            yield (
                f"local tool {quoted(name)} is out of reach: its name asks upstream "
                f"{quoted(prefix)} for a tool; rename the tool or the upstream"
            )
    for name, (owner, _signature) in advertised.items():
        if _prefix_in(name, prefixes):
            yield (
                f"upstream {quoted(owner)} tool {quoted(name)} can only be asked for as "
                f"{quoted(owner + SEPARATOR + name)}: its own name reads as a prefixed one"
            )


def _prefix_in(name: str, prefixes: Collection[str]) -> str:
    left, _separator, right = name.partition(SEPARATOR)
    return left if right and left in prefixes else ""


def _tools(tools: Iterable[object], argument: str) -> Iterable[object]:
    """Return *tools*, unless it is so plainly no catalogue that it must be a slip of the caller's."""
    if isinstance(tools, (str, bytes, Mapping)) or not isinstance(tools, Iterable):
        msg = f"{argument} must be an iterable of tool definitions, not {type(tools).__name__}"
        raise TypeError(msg)
    return tools


def _upstreams(upstream: Iterable[tuple[str, Iterable[object]]]) -> Iterator[tuple[str, Iterable[object]]]:
    if isinstance(upstream, (str, bytes, Mapping)) or not isinstance(upstream, Iterable):
        msg = f"upstream must be an iterable of (prefix, tools) pairs, not {type(upstream).__name__}"
        raise TypeError(msg)
    for position, pair in enumerate(upstream, start=1):
        if not isinstance(pair, (tuple, list)) or len(pair) != _PAIR:
            msg = f"upstream number {position} must be a pair (prefix, tools), not {type(pair).__name__}"
            raise TypeError(msg)
        prefix, tools = pair
        if not isinstance(prefix, str):
            msg = f"the prefix of upstream number {position} must be a str, not {type(prefix).__name__}"
            raise TypeError(msg)
        if not prefix:
            msg = f"the prefix of upstream number {position} is empty: give it a name such as 'cloud'"
            raise ValueError(msg)
        yield prefix, _tools(tools, f"the tools of upstream {quoted(prefix)}")
