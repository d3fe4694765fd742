"""`wrap` put into a configuration's text and taken out: what changes, and that nothing else does."""

from __future__ import annotations

import json

import pytest

from mcptelemetry.clientfile import find_servers, unwrap_server, wrap_server

WORDS = ["/v/bin/python", "-m", "mcptelemetry", "wrap", "--"]


def wrap(text: str) -> str:
    """Return *text* with its only server wrapped."""
    return wrap_server(text, find_servers(text)[0], WORDS)


def unwrap(text: str) -> str:
    """Return *text* with its only server as it was."""
    return unwrap_server(text, find_servers(text)[0])


def entry(text: str) -> str:
    """Return a configuration whose only server's entry is *text*."""
    return f'{{"mcpServers": {{"a": {text}}}}}'


OWN = '"-m", "mcptelemetry", "wrap", "--"'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"command": "x"}', f'{{"command": "/v/bin/python", "args": [ {OWN}, "x"]}}'),
        ('{"command": "x", "args": []}', f'{{"command": "/v/bin/python", "args": [{OWN}, "x"]}}'),
        ('{"args": [ ], "command": "x"}', f'{{"args": [{OWN}, "x" ], "command": "/v/bin/python"}}'),
        ('{"command": "x", "args": ["y", 1]}', f'{{"command": "/v/bin/python", "args": [{OWN}, "x", "y", 1]}}'),
        (
            '{\r\n\t"command": "\\u0078", // c\r\n\t"args": [ // d\r\n\t\t"y",\r\n\t],\r\n}',
            f'{{\r\n\t"command": "/v/bin/python", // c\r\n\t"args": [ // d\r\n\t\t{OWN}, "\\u0078", "y",\r\n\t],\r\n}}',
        ),
        ('{"command": "x" /* c */, }', f'{{"command": "/v/bin/python", "args": [ {OWN}, "x"] /* c */, }}'),
    ],
)
def test_wrap_goes_in_and_comes_out_of_each_shape_of_entry(before: str, after: str) -> None:
    """The command moves as it is spelt; comments, blanks and the other keys stay; and back to the byte."""
    assert wrap(entry(before)) == entry(after)
    assert unwrap(entry(after)) == entry(before)


@pytest.mark.parametrize("args", [None, [], ["y"], ["-y", "--", "z"]])
def test_wrap_comes_out_of_what_a_client_wrote_anew(args: list[str] | None) -> None:
    """Claude Code writes its file again with its own blanks: what it says is what it said before."""
    document = {"mcpServers": {"a": {"command": "x", **({} if args is None else {"args": args})}}}
    wrapped = json.loads(wrap(json.dumps(document)))
    said = json.loads(unwrap(json.dumps(wrapped, indent=2)))["mcpServers"]["a"]
    assert (said["command"], said.get("args", [])) == ("x", args or [])


def test_a_comma_that_an_editor_put_last_is_taken_out_too() -> None:
    """What is left is a list again, and not a comma."""
    text = wrap(entry('{"command": "x", "args": []}')).replace('"x"]', '"x", ]')
    assert unwrap(text) == entry('{"command": "x", "args": [ ]}')


def test_wrap_of_a_persons_own_comes_out_too() -> None:
    """However it was spelt by hand, the server's command and its arguments are left."""
    text = entry('{"command": "mcptelemetry", "args": ["wrap",\n "--app", "x", "--", /* its */ "npx",\n "-y", "z"]}')
    assert unwrap(text) == entry('{"command": "npx", "args": ["-y", "z"]}')


def test_what_is_written_is_readable_and_right() -> None:
    """A path with quotation marks, back-slashes or letters of any language is the same path to the client."""
    words = ['C:\\Users\\Jürgen "J"\\python.exe', "-m", "mcptelemetry", "wrap", "--"]
    text = entry('{"command": "x"}')
    wrapped = wrap_server(text, find_servers(text)[0], words)
    assert "Jürgen" in wrapped
    said = json.loads(wrapped)["mcpServers"]["a"]
    assert [said["command"], *said["args"]] == [*words, "x"]
