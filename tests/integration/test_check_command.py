"""The command `check`: each endpoint asked, through the same gate, before anything is lost."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from mcptelemetry import Telemetry
from mcptelemetry.cli import main
from mcptelemetry.cli._command import Console
from mcptelemetry.collector import SqliteStore, serve
from mcptelemetry.testing import ScriptedServer, refusing_url


def check(*options: str, **environ: str) -> tuple[int, str, str]:
    """Run `check` for the application; return status, output and what was said beside it."""
    out, err = io.StringIO(), io.StringIO()
    status = main(["--app", "acme-mcp", "check", *options], Console(out, err, {"ACME_MCP_TELEMETRY": "1", **environ}))
    return status, out.getvalue(), err.getvalue()


def settings(home: Path, text: str) -> None:
    """Write the person's file."""
    (home / ".acme-mcp").mkdir(exist_ok=True)
    (home / ".acme-mcp" / "telemetry.toml").write_text(text)


def test_check_of_a_collector_says_taken_and_stores_nothing(tmp_path: Path) -> None:
    """Our own collector takes the question for each stream, with its token, and has nothing afterwards."""
    store = SqliteStore(tmp_path / "c.db")
    with serve(store, token="t0k") as server:
        settings(
            tmp_path,
            f'[telemetry]\nendpoint = "{server.url}"\n[proxy.telemetry]\nendpoint = "{server.url}"\n'
            'token_key = "TEAM_TOKEN"\nheaders = { x-team = "TEAM_KEY" }\n',
        )
        status, out, err = check(HOME=str(tmp_path), TEAM_TOKEN="t0k")
        events, heartbeat = out.splitlines()
        assert status == 0
        assert events.startswith(
            f"events to {server.url}/api/telemetry/tool-invocations "
            "(the operator's; token in TEAM_TOKEN, set; TEAM_KEY is not set): taken: HTTP 202"
        )
        assert heartbeat.startswith(f"heartbeat to {server.url}/heartbeat (the person's): taken: HTTP 202")
        assert err == f"note: no heartbeat is sent now: the first-run notice that names {server.url} has not been shown\n"
        status, out, _ = check("--json", HOME=str(tmp_path))
        assert status == 1
        found = {one["stream"]: one for one in json.loads(out)}
        assert (found["events"]["verdict"], found["heartbeat"]["verdict"]) == ("lost", "taken")
        assert found["events"]["is_token_set"] is False
        assert found["events"]["unset_variables"] == ["TEAM_TOKEN", "TEAM_KEY"]
        assert found["events"]["mend"] == "TEAM_TOKEN is not set: put the token into it"
    assert sum(store.count_outcomes().values()) == 0


@pytest.mark.parametrize(("variable", "asked"), [("DO_NOT_TRACK", []), ("CI", ["/api/telemetry/tool-invocations"])])
def test_check_asks_only_where_the_switches_allow(tmp_path: Path, variable: str, asked: list[str]) -> None:
    """What a switch refuses is not even asked, which is no loss; an operator's stream has switches of its own."""
    with ScriptedServer() as server:
        base = f"http://127.0.0.1:{server.port}"
        settings(tmp_path, f'[telemetry]\nendpoint = "{base}"\n[proxy.telemetry]\nendpoint = "{base}"\n')
        status, out, _ = check(HOME=str(tmp_path), **{variable: "1"})
    assert status == 0
    assert [request.path for request in server.requests] == asked
    assert out.count("not asked: nothing was sent: ") == 2 - len(asked)
    assert variable in out


def test_check_of_a_file_writes_nothing_into_it(tmp_path: Path) -> None:
    """A file is opened as for an event, and stays as long as it was."""
    sink = tmp_path / "events.jsonl"
    sink.write_text('{"tool":"a"}\n')
    status, out, _ = check(HOME=str(tmp_path), ACME_MCP_EVENTS_ENDPOINT=sink.as_uri())
    assert (status, sink.read_text()) == (0, '{"tool":"a"}\n')
    assert f"events to {sink.as_uri()} (the operator's; " in out
    assert ": taken: " in out


def test_check_without_endpoints_says_so(tmp_path: Path) -> None:
    """Nothing is configured, so nothing is lost."""
    assert check(HOME=str(tmp_path)) == (0, "", "note: no endpoint is configured, so nothing is sent\n")


def test_check_of_settings_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """A file that nobody understands is told with its mend, and nothing is asked."""
    settings(tmp_path, '[proxy.telemetry]\nendpoint = "https://t.acme.dev/heartbeat"\n')
    status, out, err = check(HOME=str(tmp_path))
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "write https://t.acme.dev" in err


def test_check_holds_no_secret(tmp_path: Path) -> None:
    """A query, a token and a header are sent and not shown."""
    with ScriptedServer((404, b"cannot POST /in?key=hunter2 for hunter3 and hunter4")) as server:
        settings(
            tmp_path,
            f'[proxy.telemetry]\nendpoint = "http://127.0.0.1:{server.port}/in?key=hunter2"\n'
            'token_key = "T"\nheaders = { x-team = "K" }\n',
        )
        status, out, err = check(HOME=str(tmp_path), T="hunter3", K="hunter4")
    (request,) = server.requests
    assert (request.headers["authorization"], request.headers["x-team"]) == ("Bearer hunter3", "hunter4")
    assert status == 1
    assert "hunter" not in out + err


def test_check_of_a_running_application_disturbs_nothing(tmp_path: Path) -> None:
    """Asked in the middle of a life, what waits goes on waiting, in order."""
    with refusing_url() as url:
        environ = {"HOME": str(tmp_path), "ACME_MCP_EVENTS_ENDPOINT": url}
        with Telemetry("acme-mcp", "1.0.0", environ=environ) as telemetry:
            telemetry.record("get_issues")
            (found,) = telemetry.check_endpoints()
            assert (found.verdict, found.owner) == ("lost", "operator")
            assert telemetry.pipeline is not None
            assert telemetry.pipeline.stats().buffered == 1
