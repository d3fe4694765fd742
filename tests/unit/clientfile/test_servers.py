"""The servers of a configuration: which lists are looked at, and what stands in the way of a change."""

from __future__ import annotations

import json

import pytest

from mcptelemetry.clientfile import Malformed, NoServers, Server, find_servers

STDIO = {"command": "uvx", "args": ["mcp-server-git"]}


def only(entry: object) -> Server:
    """Return the server that *entry* is read as."""
    (server,) = find_servers(json.dumps({"mcpServers": {"git": entry}}))
    return server


@pytest.mark.parametrize(
    ("document", "names"),
    [
        ({"mcpServers": {"a": STDIO, "b": STDIO}}, ["a", "b"]),
        ({"inputs": [], "servers": {"a": STDIO}}, ["a"]),
        ({"mcp": {"servers": {"a": STDIO}}, "editor.fontSize": 12}, ["a"]),
        ({"servers": {}}, []),
        ({"mcpServers": {"a": STDIO}, "servers": ["unrelated"]}, ["a"]),
        ({"mcpServers": {"a": STDIO}, "projects": {"/p": {"mcpServers": {"b": STDIO}}, "/q": 1}}, ["a", "b"]),
    ],
)
def test_servers_are_found_in_every_clients_list(document: object, names: list[str]) -> None:
    """Whichever client the file is for, its servers are found, in their order."""
    assert [server.name for server in find_servers(json.dumps(document))] == names


def test_a_server_of_one_project_says_which() -> None:
    """Claude Code keeps what was added for one folder beside what is for all."""
    document = {"mcpServers": {"a": STDIO}, "projects": {"/home/me/p": {"mcpServers": {"a": STDIO}}}}
    assert [server.project for server in find_servers(json.dumps(document))] == ["", "/home/me/p"]


@pytest.mark.parametrize("document", [{}, [], 1, {"servers": []}, {"mcpServers": None}, {"mcp": {"x": {}}}])
def test_a_file_of_something_else_is_told_apart(document: object) -> None:
    """JSON without a list of servers is no configuration, and no broken one."""
    with pytest.raises(NoServers):
        find_servers(json.dumps(document))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"mcpServers": {}, "mcpServers": {}}', "'mcpServers' twice"),
        ('{"mcpServers": {"a": {}, "\\u0061": {}}}', "'a' twice"),
        ('{"mcp": {"servers": {}}, "mcp": {}}', "'mcp' twice"),
    ],
)
def test_what_is_said_twice_on_the_way_to_a_server_is_refused(text: str, said: str) -> None:
    """Readers differ in which of two they take, so that neither can be changed."""
    with pytest.raises(Malformed, match=said):
        find_servers(text)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"type": "http", "url": "https://x"}, "at a URL"),
        ({"serverUrl": "https://x"}, "at a URL"),
        ({"httpUrl": "https://x"}, "at a URL"),
        ({}, "no command"),
        (None, "no object"),
        ("uvx", "no object"),
        ({"command": 1}, "no text"),
        ({"command": " "}, "no text"),
        ({"command": ["uvx"]}, "no text"),
        ({"command": "uvx", "args": "mcp-server-git"}, "no list"),
        ({"command": "uvx", "args": None}, "no list"),
        ({"command": "npx -y foo"}, "whole line"),
    ],
)
def test_an_entry_that_cannot_be_wrapped_says_why(entry: object, said: str) -> None:
    """An address, no command, or one that no system could start as it stands."""
    server = only(entry)
    assert server.obstacle is not None
    assert said in server.obstacle


def test_an_entry_that_says_something_twice_says_so() -> None:
    """The other servers of the file can still be changed."""
    text = '{"mcpServers": {"a": {"command": "x", "env": {}, "env": {}}, "b": {"command": "x"}}}'
    assert [server.obstacle for server in find_servers(text)] == ["it says 'env' twice; leave one", None]


@pytest.mark.parametrize("command", ["/Program Files/x", "C:\\Program Files\\x.exe", "./my server"])
def test_a_path_may_hold_a_blank(command: str) -> None:
    """It is one word to a client, and to the wrapper."""
    assert only({"command": command}).obstacle is None


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("/v/bin/python", ["-P", "-m", "mcptelemetry", "wrap", "--"]),
        ("/v/bin/python", ["-m", "acme._vendor.mcptelemetry", "wrap", "--endpoint", "x", "--"]),
        ("/v/bin/python", ["-c", "runpy.run_module('mcptelemetry')", "wrap", "--"]),
        ("mcptelemetry", ["wrap", "--"]),
        ("C:\\v\\Scripts\\mcptelemetry.EXE", ["--app", "x", "wrap", "--"]),
        ("/v/bin/python", ["/v/bin/mcptelemetry", "wrap", "--"]),
        ("uvx", ["mcptelemetry", "wrap", "--token-env", "X", "--"]),
    ],
)
def test_a_wrapped_server_is_known_however_wrap_is_started(command: str, words: list[str]) -> None:
    """Ours and a person's own ways to start it; its words end with the separator."""
    server = only({"command": command, "args": [*words, "npx", "--", "wrap"]})
    assert (server.obstacle, server.own_words) == (None, len(words))


@pytest.mark.parametrize(
    "words",
    [
        ["docker", "run", "-i", "image", "mcptelemetry", "wrap", "--", "x"],
        ["env", "A=1", "mcptelemetry", "wrap", "--", "x"],
        ["mcptelemetry", "wrap", "uvx", "x"],
        ["mcptelemetry", "wrap", "--"],
        ["mcptelemetry", "wrap", "--", ""],
    ],
)
def test_a_wrap_that_cannot_be_taken_out_is_not_wrapped_again(words: list[str]) -> None:
    """What a person put elsewhere is left to that person."""
    obstacle = only({"command": words[0], "args": words[1:]}).obstacle
    assert obstacle is not None
    assert obstacle.startswith("it is wrapped already, by hand")


@pytest.mark.parametrize(
    "words",
    [["mcptelemetry", "collect"], ["gift", "wrap", "--", "x"], ["x", "--", "mcptelemetry", "wrap"], ["python", "-m", "mcptelemetry", "--", "wrap"]],
)
def test_another_command_is_not_taken_for_wrap(words: list[str]) -> None:
    """Neither another of our commands nor another's `wrap`."""
    server = only({"command": words[0], "args": words[1:]})
    assert server.own_words == 0
