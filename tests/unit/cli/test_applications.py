"""A name of an application that nothing is known of: what was asked is done, and the names that are known are said."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from mcptelemetry.cli import main
from mcptelemetry.cli._command import Console


def run(home: Path, *arguments: str, **environ: str) -> tuple[int, str, str]:
    """Return the exit status, the result and what stood beside it, for a person whose home is *home*."""
    console = Console(out=io.StringIO(), err=io.StringIO(), environ={"HOME": str(home), **environ})
    status = main(arguments, console)
    return status, console.out.getvalue(), console.err.getvalue()  # type: ignore[attr-defined]  # a StringIO


def has_run(home: Path, *names: str, file: str = "telemetry.db") -> None:
    """Leave on *home* what an application of each name leaves."""
    for name in names:
        (home / f".{name}").mkdir()
        (home / f".{name}" / file).write_text("")


@pytest.mark.parametrize("command", ["off", "local", "status", "show-payload", "sent", "privacy"])
def test_a_misspelt_name_is_answered_with_those_that_are_known(tmp_path: Path, command: str) -> None:
    """The command does what it says, and a line beside the result names the applications of this machine."""
    has_run(tmp_path, "mcpproxy", "acme-mcp")
    status, out, err = run(tmp_path, "--app", "acme-mpc", command, OTHER_EVENTS_ENDPOINT="https://t.acme.dev")
    assert status == 0
    assert out or command == "sent"
    assert err.splitlines()[0] == "note: nothing is known of acme-mpc on this machine, but of acme-mcp, mcpproxy, other"


def test_a_no_for_a_misspelt_name_is_written_all_the_same(tmp_path: Path) -> None:
    """It may be the name of an application that is yet to come."""
    has_run(tmp_path, "acme-mcp")
    assert run(tmp_path, "--app", "acme-mpc", "off")[0] == 0
    assert (tmp_path / ".acme-mpc" / "telemetry-state.toml").read_text().startswith('mode = "off"')
    assert run(tmp_path, "--app", "acme-mpc", "off")[2] == ""  # known from now on


@pytest.mark.parametrize("file", ["telemetry.db", "telemetry.toml", "telemetry-state.toml"])
def test_an_application_is_known_by_any_of_its_files(tmp_path: Path, file: str) -> None:
    """What an operator wrote before the first start counts as well."""
    has_run(tmp_path, "acme-mcp", file=file)
    assert "nothing is known of acme-mpc on this machine, but of acme-mcp" in run(tmp_path, "--app", "acme-mpc", "status")[2]
    assert "nothing is known" not in run(tmp_path, "--app", "acme-mcp", "status")[2]


def test_an_application_with_a_place_of_its_own_is_known(tmp_path: Path) -> None:
    """Neither a directory that was named nor the one that a variable names is a slip."""
    has_run(tmp_path, "other")
    elsewhere = tmp_path / ".acme-mcp"
    has_run(tmp_path, "acme-mcp")
    elsewhere.rename(tmp_path / "elsewhere")
    place = str(tmp_path / "elsewhere")
    assert run(tmp_path, "--app", "acme-mcp", "sent", ACME_MCP_HOME=place)[2] == "nothing has been sent\n"
    assert "nothing is known" not in run(tmp_path, "--app", "acme-mcp", "--data-dir", place, "sent")[2]


def test_nothing_is_said_where_no_application_is_known(tmp_path: Path) -> None:
    """On a fresh machine every name is new, and none can be a slip for another."""
    assert run(tmp_path, "--app", "acme-mcp", "off")[2] == ""


def test_of_many_applications_some_are_named(tmp_path: Path) -> None:
    """The line stays one that can be read."""
    has_run(tmp_path, *(f"app{number:02}" for number in range(25)))
    err = run(tmp_path, "--app", "acme-mpc", "status")[2]
    assert "app19 and 5 more" in err
    assert "app20" not in err
