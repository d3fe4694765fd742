"""`match`: catalogues in files, a table or JSON on stdout, one line on what cannot be read."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from typing import Any

import pytest

from mcptelemetry.cli._command import Console, WrongUse
from mcptelemetry.cli._matching import COMMANDS

CATALOGUES = Path(__file__).parents[2] / "data" / "catalogues"
(MATCH,) = COMMANDS
MISMATCH = "upstream requires 'tenant_id', which the local schema does not declare"


def tool(name: str, *required: str) -> dict[str, Any]:
    """Return a definition that requires *required* and declares nothing else."""
    schema = {"properties": {field: {} for field in required}, "required": list(required)}
    return {"name": name, "inputSchema": schema}


def save(path: Path, document: Any) -> str:
    """Write *document* as JSON to *path* and return the path as a person would type it."""
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def run(local: str, *upstream: str, as_json: bool = False) -> tuple[int, str, str]:
    """Return the exit status, the result and what stood beside it."""
    console = Console(out=io.StringIO(), err=io.StringIO(), environ={})
    status = MATCH.run(argparse.Namespace(local=local, upstream=list(upstream), json=as_json), console)
    return status, console.out.getvalue(), console.err.getvalue()  # type: ignore[attr-defined]  # a StringIO


def refusal(local: str, *upstream: str) -> str:
    """Return the one line that refuses these files."""
    with pytest.raises(WrongUse) as caught:
        run(local, *upstream)
    message = str(caught.value)
    assert message.isprintable()
    return message


def test_match_command_takes_one_local_and_several_upstream_files() -> None:
    """The command line is LOCAL.json and at least one UPSTREAM.json."""
    parser = argparse.ArgumentParser()
    MATCH.configure(parser)

    args = parser.parse_args(["local.json", "a.json", "b=b.json"])

    assert MATCH.name == "match"
    assert (args.local, args.upstream) == ("local.json", ["a.json", "b=b.json"])


def test_match_command_prints_a_table(tmp_path: Path) -> None:
    """The table has one row a tool, in order, and a line that sums it up."""
    local = save(tmp_path / "local.json", [tool("get_issues"), tool("list_contexts"), tool("torn")])
    cloud = save(tmp_path / "cloud.json", [tool("torn", "tenant_id"), tool("get_issues"), tool("deploy")])

    status, out, err = run(local, cloud)

    assert status == 0
    assert out.splitlines() == [
        "TOOL           VERDICT       UPSTREAM  REMARK",
        "get_issues     compatible    cloud",
        "list_contexts  local only    -",
        f"torn           incompatible  cloud     {MISMATCH}",
        "deploy         remote only   cloud",
        "",
        "4 tools: 1 compatible, 1 incompatible, 1 local only, 1 remote only",
    ]
    assert err == ""


def test_match_command_prints_json(tmp_path: Path) -> None:
    """With --json the result is one document with every field of every match."""
    local = save(tmp_path / "local.json", [tool("a"), {"inputSchema": {}}])
    cloud = save(tmp_path / "cloud.json", [tool("a", "key")])

    status, out, err = run(local, f"acme={cloud}", as_json=True)

    assert status == 0
    assert err == ""
    document = json.loads(out)
    assert document["tools"] == [
        {
            "tool_name": "a",
            "local_present": True,
            "remote_present": True,
            "schema_compatible": False,
            "upstream_prefix": "acme",
            "schema_mismatch": "upstream requires 'key', which the local schema does not declare",
            "routable_local": False,
            "prefixed_remote_name": "acme__a",
        }
    ]
    assert document["summary"] == {"compatible": 0, "incompatible": 1, "local_only": 0, "remote_only": 0}
    (problem,) = document["problems"]
    assert "number 2" in problem


def test_match_command_tells_problems_beside_the_table(tmp_path: Path) -> None:
    """What could not be used stands on stderr, so that the table stays a table."""
    local = save(tmp_path / "local.json", [tool("a"), tool("a")])

    status, out, err = run(local, save(tmp_path / "up.json", []))

    assert status == 0
    assert "twice" not in out
    assert err.startswith("problem: local tool 'a' is defined twice")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda tools: tools,
        lambda tools: {"tools": tools},
        lambda tools: {"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}},
    ],
    ids=["array", "result", "response"],
)
def test_match_command_reads_array_result_and_response(tmp_path: Path, wrap: Any) -> None:
    """A plain array, a tools/list result and a whole answer are read alike."""
    path = save(tmp_path / "up.json", wrap([tool("a")]))

    assert "a     compatible  up" in run(path, path)[1]


def test_match_command_prefix_is_stem_or_what_stands_before_the_sign(tmp_path: Path) -> None:
    """PREFIX=FILE names the upstream; otherwise the stem does, whatever signs the path holds."""
    folder = tmp_path / "a=b"
    folder.mkdir()
    first = save(folder / "cloud.v2.json", [tool("x")])
    second = save(tmp_path / "cloud.json", [tool("y")])

    document = json.loads(run(second, first, f"named={second}", as_json=True)[1])

    assert [row["upstream_prefix"] for row in document["tools"]] == ["named", "cloud.v2"]


def test_match_command_real_catalogues() -> None:
    """Catalogues of real servers give a table without a problem."""
    files = sorted(map(str, CATALOGUES.glob("*.json")))

    status, out, err = run(files[0], *files)

    assert status == 0
    assert "0 incompatible" in out
    assert err == ""


def test_match_command_takes_a_byte_order_mark(tmp_path: Path) -> None:
    """A file saved by an editor that adds a mark is read like any other."""
    path = tmp_path / "up.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps([tool("a")]).encode())

    assert "1 tool: 1 compatible" in run(str(path), str(path))[1]


def test_match_command_says_when_a_list_is_one_page_only(tmp_path: Path) -> None:
    """A catalogue that goes on elsewhere is compared, and the reader is told."""
    path = save(tmp_path / "up.json", {"tools": [tool("a")], "nextCursor": "2"})

    _status, out, err = run(save(tmp_path / "local.json", [tool("a")]), path)

    assert "1 compatible" in out
    assert "up.json" in err
    assert "nextCursor" in err


@pytest.mark.parametrize("as_json", [False, True])
def test_match_command_lets_no_stranger_steer_the_terminal(tmp_path: Path, as_json: bool) -> None:
    """Escape sequences and broken characters in a file do not reach the terminal."""
    path = save(tmp_path / "up.json", [tool("\x1b[2Jevil\ud800\u202e\x9b"), tool("good")])

    _status, out, err = run(path, path, as_json=as_json)

    assert all(line.isprintable() for line in (out + err).splitlines())
    (out + err).encode("utf-8")


def test_match_command_of_nothing_prints_the_sum_only(tmp_path: Path) -> None:
    """Two empty catalogues are a result, too."""
    path = save(tmp_path / "up.json", [])

    assert run(path, path) == (0, "0 tools: 0 compatible, 0 incompatible, 0 local only, 0 remote only\n", "")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ("is not JSON", "line 1")),
        (b"[\n{]", ("is not JSON", "line 2")),
        (b"\xff\xfe[\x00]\x00", ("UTF-8",)),
        (b"[" * 200_000, ("JSON",)),
        (b"3", ("no list of tools",)),
        (b"null", ("no list of tools",)),
        (b"{}", ("no list of tools",)),
        (b'{"tools": {"a": {}}}', ("no list of tools",)),
        (b'{"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "no"}}', ("no list of tools",)),
        (b'["a", "b"]', ("something else than tools",)),
    ],
)
@pytest.mark.parametrize("side", ["local", "upstream"])
def test_match_command_refuses_a_senseless_file(
    tmp_path: Path, content: bytes, words: tuple[str, ...], side: str
) -> None:
    """A file that holds no catalogue is refused in one line with its name and the mend."""
    bad = tmp_path / "bad.json"
    bad.write_bytes(content)
    good = save(tmp_path / "good.json", [tool("a")])

    message = refusal(str(bad), good) if side == "local" else refusal(good, str(bad))

    assert "bad.json" in message
    assert all(word in message for word in words)
    assert "save" in message


def test_match_command_refuses_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file and a folder are refused by name, with the reason."""
    assert "gone.json cannot be read (No such file" in refusal(str(tmp_path / "gone.json"), "x.json")
    assert "cannot be read" in refusal(str(tmp_path), "x.json")


def test_match_command_refuses_two_upstreams_of_one_prefix(tmp_path: Path) -> None:
    """Two files of one stem cannot be told apart, and the line says how to name them."""
    path = save(tmp_path / "up.json", [])

    message = refusal(path, path, path)

    assert "'up'" in message
    assert "PREFIX=FILE" in message


@pytest.mark.parametrize("argument", ["=up.json", "up="])
def test_match_command_refuses_half_a_pair(tmp_path: Path, argument: str) -> None:
    """A sign without a prefix or without a file is refused."""
    assert "PREFIX=FILE" in refusal(save(tmp_path / "local.json", []), argument)


@pytest.mark.parametrize("prefix", ["my cloud", "cl\u00f6ud", " ", "x" * 65])
def test_match_takes_no_prefix_that_no_tool_could_have(prefix: str, tmp_path: Path) -> None:
    """A prefix is a part of tools' names; one with a blank, also a file's stem, is wrong use with its mend."""
    local = tmp_path / "local.json"
    local.write_text("[]")
    assert "PREFIX=FILE" in refusal(str(local), f"{prefix}={local}")
    if len(prefix) < 65:
        named = tmp_path / f"{prefix}.json"
        named.write_text("[]")
        assert "PREFIX=FILE" in refusal(str(local), str(named))
        assert run(str(local), f"cloud={named}")[0] == 0
