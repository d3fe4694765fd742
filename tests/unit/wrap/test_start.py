"""From a command to a process: what is looked at before there is one."""

from __future__ import annotations

import sys

import pytest

from mcptelemetry.wrap._start import _prepare_to_die_with, refused


def test_system_without_a_parent_death_signal_starts_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the interpreter cannot ask for it, the child learns of the wrapper's end by its pipes alone."""
    monkeypatch.setitem(sys.modules, "ctypes", None)
    assert _prepare_to_die_with(1)() is None


@pytest.mark.parametrize(
    ("command", "error", "exit_code", "said"),
    [
        (["nowhere"], FileNotFoundError(), 127, "check its spelling and PATH"),
        (["npx -y foo"], FileNotFoundError(), 127, "give its words separately, without quotes around them all: npx …"),
        (["npx -y", "foo"], FileNotFoundError(), 127, "check its spelling and PATH"),
        (["here"], PermissionError(13, "Permission denied"), 126, "Permission denied: is it an executable file?"),
        (["he\0re"], ValueError("embedded null byte"), 126, "embedded null byte"),
    ],
    ids=lambda value: str(value) if isinstance(value, list) else None,
)
def test_command_that_cannot_run_is_refused_as_a_shell_would(command: list[str], error: Exception, exit_code: int, said: str) -> None:
    """With a shell's exit status, and what to mend."""
    refusal = refused(command, error)
    assert refusal.exit_code == exit_code
    assert said in str(refusal)
