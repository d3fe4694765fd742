"""Laws of `wrap-config`: what it puts in comes out to the byte, and any bytes give servers or our error."""

from __future__ import annotations

import contextlib
import io
import json
import re

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mcptelemetry.cli import Console, main
from mcptelemetry.clientfile import Malformed, NoServers, find_servers, read_client_file, read_value
from mcptelemetry.errors import ConfigError

BLANKS = st.text(" \t\r\n", max_size=3)
COMMENTS = st.sampled_from(["", "", "", "/**/", "/* { \"command\": \"no\" } */", "// it's, [\r\n", "//\n", "/*\r\n*/"])
GAPS = st.builds(lambda *parts: "".join(parts), BLANKS, COMMENTS, BLANKS)
WORDS = st.text(min_size=1, max_size=8) | st.sampled_from(["uvx", "--", "-m", "wrap", "é\U0001f600", "a b/c", "${env:X}"])
NAMES = st.text(min_size=1, max_size=6).filter(str.strip)


def is_text(word: str) -> bool:
    """Return whether a file can hold *word*."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


@st.composite
def literals(draw: st.DrawFn, text: str) -> str:
    """Return one of the spellings of *text* as a JSON string."""
    spelt = json.dumps(text, ensure_ascii=draw(st.booleans()))
    return re.sub(r"[a-z]", lambda m: f"\\u{ord(m.group()):04X}", spelt) if "\\" not in spelt and draw(st.booleans()) else spelt


@st.composite
def lists(draw: st.DrawFn, opening: str, items: list[str]) -> str:
    """Return *items* between brackets, with gaps and maybe a comma after the last one."""
    written = [draw(GAPS) + item + draw(GAPS) for item in items]
    last = "," + draw(GAPS) if items and draw(st.booleans()) else ""
    return opening + (",".join(written) or draw(GAPS)) + last + {"[": "]", "{": "}"}[opening]


@st.composite
def members(draw: st.DrawFn, key: str, value: str) -> str:
    """Return a member of an object."""
    return draw(literals(key)) + draw(GAPS) + ":" + draw(GAPS) + value


@st.composite
def entries(draw: st.DrawFn) -> str:
    """Return a server's entry: its command, with arguments and other keys or without, in any order."""
    command = draw(WORDS.filter(lambda word: is_text(word) and bool(word.strip()) and " " not in word))
    parts = [draw(members("command", draw(literals(command))))]
    if draw(st.booleans()):
        items = [draw(literals(word)) for word in draw(st.lists(WORDS.filter(is_text), max_size=4))]
        parts.append(draw(members("args", draw(lists("[", items)))))
    if draw(st.booleans()):
        secret = draw(members(draw(NAMES.filter(is_text)), draw(literals("sekrit"))))
        parts.append(draw(members("env", draw(lists("{", [secret])))))
    if draw(st.booleans()):
        parts.append(draw(members("type", '"stdio"')))
    return draw(lists("{", draw(st.permutations(parts))))


@st.composite
def configurations(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Return a configuration and the names of its servers."""
    names = draw(st.lists(NAMES.filter(is_text), min_size=1, max_size=3, unique=True))
    servers = draw(lists("{", [draw(members(name, draw(entries()))) for name in names]))
    parts = [draw(members(draw(st.sampled_from(["mcpServers", "servers"])), servers))]
    if draw(st.booleans()):
        parts.append(draw(members("inputs", draw(lists("[", ["1.5e3", "null", "{}"])))))
    text = draw(GAPS) + draw(lists("{", draw(st.permutations(parts)))) + draw(GAPS)
    return draw(st.sampled_from(["", "\ufeff"])) + text, names


def run(*arguments: str) -> tuple[int, str]:
    """Type the command; return its status and what it said."""
    console = Console(out=io.StringIO(), err=io.StringIO(), environ={})
    status = main(["wrap-config", *arguments], console)
    return status, console.out.getvalue() + console.err.getvalue()  # type: ignore[attr-defined]  # StringIOs


def said_by(text: str) -> list[list[str | None]]:
    """Return the command lines that a client reads in *text*."""
    lines = []
    for server in find_servers(text):
        assert server.command is not None
        items = server.arguments.items if server.arguments is not None else ()
        lines.append([server.command.string, *(item.string for item in items)])
    return lines


@settings(max_examples=50)
@given(configuration=configurations(), data=st.data())
def test_wrap_config_and_undo_give_the_file_back(configuration, data, tmp_path_factory) -> None:
    """Any configuration, any of its servers, in any order: to the byte; meanwhile a client reads our words first."""
    text, names = configuration
    path = tmp_path_factory.mktemp("client") / "mcp.json"
    path.write_bytes(text.encode())
    before = said_by(text)
    assume(not any(server.own_words or server.obstacle for server in find_servers(text)))
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    options = data.draw(st.sampled_from([[], ["--endpoint", "https://t.example/events?a=1"], ["--app", "acme-mcp"]]))
    for name in chosen:
        assert run("--file", str(path), f"--server={name}", *options)[0] == 0
        wrapped = path.read_bytes()
        assert run("--file", str(path), f"--server={name}", *options)[0] == 0
        assert path.read_bytes() == wrapped
    for name, was, now in zip(names, before, said_by(path.read_bytes().decode())):
        if name in chosen:
            assert now[-len(was) - 1 :] == ["--", *was]
            assert "wrap" in now[: -len(was) - 1]
        else:
            assert now == was
    if data.draw(st.booleans()):
        assert run("--file", str(path), "--undo")[0] == 0
    else:
        for name in data.draw(st.permutations(chosen)):
            assert run("--file", str(path), "--undo", f"--server={name}")[0] == 0
    assert path.read_bytes() == text.encode()


@settings(max_examples=300)
@given(content=st.binary(max_size=60) | st.text("{}[],:\"\\/* \r\n\tmcpServers1a", max_size=60).map(str.encode))
def test_any_bytes_give_servers_or_our_error(content, tmp_path_factory) -> None:
    """A client's file may hold anything: one line says so, and nothing else is raised."""
    path = tmp_path_factory.mktemp("client") / "mcp.json"
    path.write_bytes(content)
    with contextlib.suppress(ConfigError):
        read_client_file(str(path))
    status, said = run("--file", str(path))
    assert status in (0, 2) or (status == 1 and "cannot be changed" in said)
    assert len(said.splitlines()) == 1


@given(text=st.text("{}[],:\"\\/*-+.eE01 \ntruefalsn", max_size=40))
def test_what_python_takes_for_json_is_taken_and_means_the_same(text) -> None:
    """Strict JSON is always read, and every string and key in it is what Python says."""
    try:
        document = json.loads(text, parse_constant=lambda word: 1 / 0)
    except (ValueError, ZeroDivisionError):
        with contextlib.suppress(Malformed):
            read_value(text)
        return
    value = read_value(text)
    if isinstance(document, dict):
        assert {member.key for member in value.members} == set(document)
    assert value.string == (document if isinstance(document, str) else None)


@given(configuration=configurations(), cut=st.data())
def test_a_half_of_a_configuration_is_refused(configuration, cut) -> None:
    """A file cut in its object has no servers and no half of them."""
    text = configuration[0]
    end = cut.draw(st.integers(0, read_value(text).end - 1))
    with contextlib.suppress(Malformed, NoServers):
        find_servers(text[:end])
        raise AssertionError(text[:end])
