"""The environment that a wrapped command gets."""

from __future__ import annotations

import os

import pytest

from mcptelemetry.wrap._environ import environment_without

FOLDER = "/app/_internal"


def give(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """Let this process have been given *variables* alone."""
    monkeypatch.setattr(os, "environ", variables)


def test_environment_is_ours_but_for_what_is_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret of ours stays here; a name that is not there is no trouble."""
    give(monkeypatch, HOME="/home/x", TOKEN="t", LD_LIBRARY_PATH="/theirs")
    assert environment_without({"TOKEN", "NOT_THERE"}) == {"HOME": "/home/x", "LD_LIBRARY_PATH": "/theirs"}


@pytest.mark.parametrize("before", [{}, {"LD_LIBRARY_PATH": ""}, {"LD_LIBRARY_PATH": "/theirs:/more"}], ids=str)
def test_frozen_wrapper_keeps_its_libraries_to_itself(monkeypatch: pytest.MonkeyPatch, before: dict[str, str]) -> None:
    """What PyInstaller's starter added is taken out, and what stood there before is put back."""
    theirs = before.get("LD_LIBRARY_PATH")
    monkeypatch.setattr("sys._MEIPASS", FOLDER, raising=False)
    give(
        monkeypatch,
        HOME="/home/x",
        _PYI_ARCHIVE_FILE="/app/acme",
        LD_LIBRARY_PATH=os.pathsep.join([FOLDER, *([theirs] if theirs else [])]),
        **({} if theirs is None else {"LD_LIBRARY_PATH_ORIG": theirs}),
    )
    assert environment_without(()) == {"HOME": "/home/x", **before}


def test_frozen_wrapper_leaves_a_library_path_alone_that_is_not_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the starter did not need to lead anywhere, the path is the person's."""
    monkeypatch.setattr("sys._MEIPASS", FOLDER, raising=False)
    give(monkeypatch, LD_LIBRARY_PATH="/theirs")
    assert environment_without(()) == {"LD_LIBRARY_PATH": "/theirs"}
