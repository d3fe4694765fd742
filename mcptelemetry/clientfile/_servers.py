"""
The servers that a client's configuration names, and what stands in the way of a change to one.

Any file is looked at in the same way, whichever client it is for: the clients agree on what
an entry says, and differ in what its list is called and where that stands.
"""

from __future__ import annotations

import ntpath
from collections.abc import Iterator
from typing import NamedTuple

from ._text import Malformed, Value, read_value

__all__ = ["NoServers", "Server", "find_servers"]

# What a list of servers is called, and below which key some clients keep it.
_LISTS = ("mcpServers", "servers")
_PARENTS = ("", "mcp")
_PROJECTS = "projects"  # Claude Code: what a person added for one folder only
_ADDRESSES = ("url", "serverUrl", "httpUrl")
_OURS = "mcptelemetry"
_WRAP = "wrap"
_SEPARATOR = "--"


class NoServers(ValueError):
    """The file is JSON, and no client's configuration of servers."""


class Server(NamedTuple):
    """
    One entry: the server's *name*, for which *project* (``""``: for all), and where its parts stand.

    *obstacle* says why its command cannot be changed, None when it can. *own_words* is how
    many of *arguments* belong to `wrap`, up to the separator; 0 when it is not wrapped.
    """

    name: str
    project: str
    command: Value | None
    arguments: Value | None
    obstacle: str | None
    own_words: int = 0


def find_servers(text: str) -> list[Server]:
    """Return the servers in *text*, in their order; raises `Malformed` or `NoServers`."""
    root = read_value(text)
    if root.is_a != "object":
        msg = "it is no object"
        raise NoServers(msg)
    lists = list(_lists_of(root))
    if not lists:
        msg = f"it holds no {' and no '.join(_LISTS)}"
        raise NoServers(msg)
    servers = []
    for project, listed in lists:
        names = [member.key for member in listed.members]
        for member in listed.members:
            if names.count(member.key) > 1:
                msg = f"it names the server {member.key!r} twice; leave one"
                raise Malformed(msg)
            servers.append(_read_server(member.key, project, member.value))
    return servers


def _lists_of(root: Value) -> Iterator[tuple[str, Value]]:
    """Yield each list of servers, with the project that it is for."""
    for parent in _PARENTS:
        place = _one_of(root, parent) if parent else root
        if place is not None and place.is_a == "object":
            yield from (("", listed) for listed in _lists_in(place))
    projects = _one_of(root, _PROJECTS)
    if projects is not None:
        for member in projects.members:
            yield from ((member.key, listed) for listed in _lists_in(member.value))


def _lists_in(place: Value) -> Iterator[Value]:
    for key in _LISTS:
        listed = _one_of(place, key)
        if listed is not None and listed.is_a == "object":
            yield listed


def _one_of(place: Value, key: str) -> Value | None:
    """Return what *place* says under *key*; who says it twice is understood differently by each reader."""
    found = place.values_of(key)
    if len(found) > 1:
        msg = f"it says {key!r} twice; leave one"
        raise Malformed(msg)
    return found[0] if found else None


def _read_server(name: str, project: str, entry: Value) -> Server:
    for key in sorted({member.key for member in entry.members}):
        if len(entry.values_of(key)) > 1:
            return Server(name, project, None, None, f"it says {key!r} twice; leave one")
    command, arguments = _one_of(entry, "command"), _one_of(entry, "args")
    own_words, obstacle = 0, _find_obstacle(entry, command, arguments)
    if obstacle is None and command is not None:
        own_words, obstacle = _find_wrap(command, arguments)
    return Server(name, project, command, arguments, obstacle, own_words)


def _find_obstacle(entry: Value, command: Value | None, arguments: Value | None) -> str | None:
    if entry.is_a != "object":
        return "its entry is no object"
    if command is None:
        if any(entry.values_of(key) for key in _ADDRESSES):
            return "it is reached at a URL and has no command that wrap could stand before"
        return "its entry says no command"
    if not (command.string or "").strip():
        return "its command is no text"
    first, *more = (command.string or "").split(None, 1)
    if more and arguments is None and not set(first) & set("/\\"):  # a path may hold a blank
        return "its command is a whole line; put what stands behind the first word into args"
    if arguments is not None and arguments.is_a != "array":
        return "its args are no list"
    return None


def _find_wrap(command: Value, arguments: Value | None) -> tuple[int, str | None]:
    """Return how many arguments are `wrap`'s, and why they could not be taken away."""
    items = () if arguments is None else arguments.items
    line = [command.string or "", *(item.string or "" for item in items)]
    ours = next((index for index, word in enumerate(line) if _starts_us(word)), None)
    if ours is None:
        return 0, None
    end = line.index(_SEPARATOR, ours) if _SEPARATOR in line[ours:] else len(line)
    if _WRAP not in line[ours:end]:
        return 0, None
    if end + 1 >= len(line) or not line[end + 1]:
        return 0, f"it is wrapped already, by hand: no command of its own stands behind {_SEPARATOR}"
    is_plain = ours == 0 or line[ours - 1] in ("-m", "-c") or ours == 1
    if not is_plain or any(not word.startswith("-") for word in line[1:ours]):
        return 0, "it is wrapped already, by hand, and inside another command"
    return end, None


def _starts_us(word: str) -> bool:
    """Return whether *word* is our command, our module, or a program that runs it."""
    name = ntpath.basename(word).lower()  # it knows both separators
    return name in (_OURS, f"{_OURS}.exe") or word.rpartition(".")[2] == _OURS or ("run_module" in word and _OURS in word)
