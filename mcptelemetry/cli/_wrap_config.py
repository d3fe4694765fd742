"""
The command `wrap-config`: `wrap` before a server's command in an MCP client's own configuration.

Only that entry changes, and `--undo` gives the file back to the byte. What is written works
for whoever starts it from anywhere, which a client does, and holds no secret.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from ..application import Application
from ..clientfile import (
    CLIENTS,
    ClientFile,
    Server,
    find_client_files,
    find_servers,
    read_client_file,
    unwrap_server,
    wrap_server,
)
from ..config import check_endpoint
from ..privacy import refuse_token
from ..system import module_words
from ._command import Command, CommandFailed, Console, WrongUse

__all__ = ["COMMANDS"]

_PACKAGE = __name__.rpartition(".cli.")[0]
_PACKAGE_FILE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "__init__.py")
_VARIABLE_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")


class _Change(NamedTuple):
    """What is to become of one file: its new *text*, and what is said of each server in it."""

    file: ClientFile
    text: str
    said: list[tuple[str, str]]

    @property
    def is_one(self) -> bool:
        return self.text != self.file.text


def _configure(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--client", choices=CLIENTS, help="whose files: the person's, and those of the project in this folder"
    )
    where.add_argument("--file", metavar="FILE", help="the file itself, with mcpServers or servers in it")
    parser.add_argument(
        "--server",
        metavar="NAME",
        action="append",
        help="which server; may be given again (default: the only one, or with --undo all that are wrapped)",
    )
    parser.add_argument("--undo", action="store_true", help="take wrap out again")
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    parser.add_argument("--endpoint", metavar="URL", help="where events go; wrap's own option")
    parser.add_argument("--token-env", metavar="NAME", help="the variable that holds its token; wrap's own option")


def _run(args: argparse.Namespace, console: Console) -> int:
    options = _options(args)
    files = _files(args, console)
    _check_names(args.server, files, undo=args.undo)
    chosen = [(file, _chosen(args.server, file, undo=args.undo)) for file in files]
    changes = [_change(file, servers, options, undo=args.undo) for file, servers in chosen if servers]
    if not args.dry_run:
        for change in changes:
            _write(change)
    if args.json:
        console.say_json([_document(change, args) for change in changes])
    else:
        for change in changes:
            _say(change, args, console)
    if not changes:
        console.note("note: no server is wrapped there")
    if args.token_env and any(change.is_one for change in changes) and not args.undo:
        console.note(f"note: {args.token_env} is read from the environment that the client gives its servers")
    return 0


# -- what is asked for --------------------------------------------------------------------


def _options(args: argparse.Namespace) -> list[str]:
    """Return the options of `wrap` to be written, checked now: nobody looks when the client starts it."""
    if args.token_env is not None and args.endpoint is None:
        msg = "--token-env belongs to --endpoint; give both, or set token_key in telemetry.toml"
        raise WrongUse(msg)
    if args.token_env is not None and _VARIABLE_NAME.fullmatch(args.token_env) is None:
        msg = "--token-env takes the name of a variable and not the token, which must not stand in the file"
        raise WrongUse(msg)
    try:
        if args.app is not None:
            Application(args.app)
        if args.endpoint is not None:
            refuse_token("--endpoint", check_endpoint(args.endpoint, argument="--endpoint"))
            refuse_token("--token-env", args.token_env or "")
    except ValueError as error:
        raise WrongUse(str(error)) from None
    data_dir = None if args.data_dir is None else os.path.abspath(args.data_dir)
    given = {"--app": args.app, "--data-dir": data_dir, "--endpoint": args.endpoint, "--token-env": args.token_env}
    return [word for option, value in given.items() if value is not None for word in (option, value)]


def _files(args: argparse.Namespace, console: Console) -> list[ClientFile]:
    """Return the files that are meant and hold servers."""
    if args.file is not None:
        file = read_client_file(args.file)
        if file is None:
            msg = f"{args.file}: it holds no mcpServers and no servers; name an MCP client's configuration"
            raise WrongUse(msg)
        return [file]
    paths, places = find_client_files(args.client, console.environ, os.getcwd())
    files = [file for file in map(read_client_file, paths) if file is not None]
    if not files:
        msg = f"no configuration of {args.client} with servers in it is here (looked at: {', '.join(places)}); name it with --file"
        raise WrongUse(msg)
    return files


def _check_names(names: Sequence[str] | None, files: Sequence[ClientFile], *, undo: bool) -> None:
    """Raise `WrongUse` when it is not clear which servers of which file are meant."""
    known = sorted({server.name for file in files for server in file.servers})
    for name in names or ():
        places = [file.path for file in files if any(server.name == name for server in file.servers)]
        if not places:
            there = f"there are {', '.join(known)}" if known else "there are none"
            msg = f"no server is called {name!r} in {', '.join(file.path for file in files)}; {there}"
            raise WrongUse(msg)
        if len(places) > 1 and not undo:
            msg = f"a server {name!r} stands in {', '.join(places)}; name one of them with --file"
            raise WrongUse(msg)
    if names or undo:
        return
    count = sum(len(file.servers) for file in files)
    if count != 1:
        msg = f"which server? there are {', '.join(known)}; name one with --server" if known else "there are no servers"
        raise WrongUse(msg)


def _chosen(names: Sequence[str] | None, file: ClientFile, *, undo: bool) -> list[Server]:
    if names:
        return [server for server in file.servers if server.name in names]
    return [server for server in file.servers if server.own_words or not undo]


# -- the change ---------------------------------------------------------------------------


def _change(file: ClientFile, chosen: Sequence[Server], options: Sequence[str], *, undo: bool) -> _Change:
    """Return what becomes of *file* when the servers *chosen* are wrapped, or no longer are."""
    text, said = file.text, []
    for before in chosen:
        if before.obstacle is not None:
            msg = f"the server {before.name!r} in {file.path} cannot be changed: {before.obstacle}"
            raise CommandFailed(msg)
        index = file.servers.index(before)
        server = find_servers(text)[index]  # each change moves what stands behind it
        if undo:
            text = unwrap_server(text, server) if server.own_words else text
            said.append((_name(server), "unwrapped" if server.own_words else "not wrapped"))
        elif server.own_words and not options:
            said.append((_name(server), "wrapped already"))
        else:
            bare = unwrap_server(text, server) if server.own_words else text
            new = wrap_server(bare, find_servers(bare)[index], _words(options))
            said.append((_name(server), "wrapped" if new != text else "wrapped already"))
            text = new
    return _Change(file, text, said)


def _name(server: Server) -> str:
    return f"{server.name} (for {server.project})" if server.project else server.name


def _words(options: Sequence[str]) -> list[str]:
    """Return what is put before a server's command."""
    start = module_words(_PACKAGE, _PACKAGE_FILE)
    if start is None:
        msg = (
            "no Python is known that a client could start wrap with (this is a frozen or embedding application); "
            "install mcptelemetry into a Python and run wrap-config there"
        )
        raise CommandFailed(msg)
    words = [*start, "wrap", *options, "--"]
    try:
        "".join(words).encode()
    except UnicodeEncodeError:
        msg = "the path of this Python or of --data-dir is no text, so no file can hold it; use one that is"
        raise CommandFailed(msg) from None
    return words


def _write(change: _Change) -> None:
    if not change.is_one:
        return
    try:
        change.file.replace(change.text)
    except OSError as error:
        msg = f"{change.file.path} is left as it was: {error.strerror or error}; see to that and run this again"
        raise CommandFailed(msg) from None


# -- what is said -------------------------------------------------------------------------


def _say(change: _Change, args: argparse.Namespace, console: Console) -> None:
    if args.dry_run:
        if change.is_one:
            console.say_lines(_diff(change))
        else:
            console.note(f"note: nothing would change in {change.file.path}")
        return
    kept = f" (as it was: {change.file.copy_path})" if change.is_one else ""
    for name, done in change.said:
        console.say(f"{name}: {done} in {change.file.path}{kept}")


def _diff(change: _Change) -> str:
    """Return what changes and nothing beside it: the next line may be another server's key."""
    old, new = (text.replace("\r\n", "\n").split("\n") for text in (change.file.text, change.text))
    path = change.file.path
    return "\n".join(difflib.unified_diff(old, new, path, f"{path} (changed)", n=0, lineterm=""))


def _document(change: _Change, args: argparse.Namespace) -> dict[str, object]:
    is_written = change.is_one and not args.dry_run
    return {
        "file": change.file.path,
        "servers": dict(change.said),
        "changed": is_written,
        "copy": change.file.copy_path if is_written else None,
        **({"diff": _diff(change)} if args.dry_run else {}),
    }


COMMANDS: tuple[Command, ...] = (
    Command("wrap-config", "put wrap before a server's command in an MCP client's configuration", _run, _configure),
)
