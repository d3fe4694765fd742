"""When `wrap` starts the server before anything is loaded, and when it asks first."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcptelemetry.cli._wrap_at_once import _read, _read_if_undisputed
from mcptelemetry.cli._wrap_words import WrapWords

ENDPOINT = "https://t.acme.dev"


@pytest.mark.parametrize(
    ("words", "read"),
    [
        (["--", "server"], WrapWords()),
        (["--endpoint", ENDPOINT, "--app", "acme-mcp", "--", "server"], WrapWords("acme-mcp", endpoint=ENDPOINT)),
        ([f"--endpoint={ENDPOINT}", "--verbose", "--", "server"], WrapWords(endpoint=ENDPOINT, is_verbose=True)),
        (["--token-env", "T", "--data-dir", "/d", "--", "server"], WrapWords(data_dir="/d", token_env="T")),
    ],
)
def test_usual_form_is_read_as_the_frame_reads_it(words: list[str], read: WrapWords) -> None:
    """Options with their values, then the command, whatever its own words look like."""
    own = ["--app", "x", "--", "-h", ""]
    assert _read([*words, *own]) == (read, ["server", *own])


@pytest.mark.parametrize(
    "words", [[], ["--"], ["--", ""], ["server"], ["-h", "--", "s"], ["--json", "--", "s"], ["--app", "--", "s"], ["--app"], ["--verbose=1", "--", "s"], ["--app", "--json", "--", "s"]]
)  # fmt: skip
def test_any_other_form_is_left_to_the_frame(words: list[str]) -> None:
    """Which knows what to say about it."""
    assert _read(words) is None


def test_named_endpoint_with_nothing_against_it_is_undisputed(tmp_path: Path) -> None:
    """On the command line, or in the variable; the secrets beside it are kept from the server."""
    environ = {"HOME": str(tmp_path), "ACME_MCP_EVENTS_ENDPOINT": "https://variable.dev"}
    words = WrapWords("acme-mcp", endpoint=ENDPOINT, token_env="TOKEN")
    assert _read_if_undisputed(words, environ) == (ENDPOINT, {"ACME_MCP_EVENTS_TOKEN", "TOKEN"})
    assert _read_if_undisputed(WrapWords("acme-mcp"), environ) == ("https://variable.dev", {"ACME_MCP_EVENTS_TOKEN"})


@pytest.mark.parametrize(
    ("words", "variables"),
    [
        (WrapWords("acme-mcp", is_verbose=True), {}),
        (WrapWords("acme-mcp", endpoint=""), {}),
        (WrapWords("acme-mcp", endpoint=ENDPOINT), {"DO_NOT_TRACK": "0"}),
        (WrapWords("acme-mcp", endpoint=ENDPOINT), {"ACME_MCP_TELEMETRY": "yes"}),
        (WrapWords("acme-mcp", endpoint=ENDPOINT), {"ACME_MCP_TELEMETRY": "print"}),
        (WrapWords("acme-mcp", endpoint="t.acme.dev"), {}),
        (WrapWords("Acme", endpoint=ENDPOINT), {}),
        (WrapWords("acme-mcp", token_env="T"), {"ACME_MCP_EVENTS_ENDPOINT": ENDPOINT}),
    ],
)
def test_whatever_was_said_is_asked_about_first(tmp_path: Path, words: WrapWords, variables: dict[str, str]) -> None:
    """A switch that may be a yes, a mistake, an account that was asked for: then the server waits for the answer."""
    assert _read_if_undisputed(words, {"HOME": str(tmp_path), **variables}) is None


@pytest.mark.parametrize("name", [".acme-mcp/telemetry.toml", ".mcptelemetry/person.toml", ".acme-mcp/state.toml", ".acme-mcp"])
def test_whatever_was_written_is_asked_about_first(tmp_path: Path, name: str) -> None:
    """A file of the application's or of the person's, and a directory that cannot be looked into."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    assert _read_if_undisputed(WrapWords("acme-mcp", endpoint=ENDPOINT), {"HOME": str(tmp_path)}) is None


def test_what_this_machine_remembers_by_itself_disputes_nothing(tmp_path: Path) -> None:
    """The second session begins as quickly as the first."""
    (tmp_path / ".acme-mcp").mkdir()
    (tmp_path / ".acme-mcp" / "telemetry.db").write_text("")
    assert _read_if_undisputed(WrapWords("acme-mcp", endpoint=ENDPOINT), {"HOME": str(tmp_path)}) is not None


@pytest.mark.parametrize(
    ("endpoint", "variables"),
    [
        (None, {}),
        (None, {"ACME_MCP_EVENTS_ENDPOINT": " "}),
        (ENDPOINT, {"DO_NOT_TRACK": "1"}),
        (ENDPOINT, {"ACME_MCP_TELEMETRY": "off"}),
        (None, {"ACME_MCP_EVENTS_ENDPOINT": ENDPOINT, "ACME_MCP_TELEMETRY": " No "}),
    ],
)
def test_without_an_endpoint_or_with_a_no_there_is_nothing_to_load(
    tmp_path: Path, endpoint: str | None, variables: dict[str, str]
) -> None:
    """The command takes the place of `wrap` at once, unless a file of the person may say more about secrets."""
    words = WrapWords("acme-mcp", endpoint=endpoint)
    environ = {"HOME": str(tmp_path), **variables}
    assert _read_if_undisputed(words, environ) == ("", {"ACME_MCP_EVENTS_TOKEN"})
    (tmp_path / ".acme-mcp").mkdir()
    (tmp_path / ".acme-mcp" / "telemetry.toml").write_text("")
    assert _read_if_undisputed(words, environ) is None
