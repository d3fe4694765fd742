"""Who started a process, over every kind of injected fact."""

from __future__ import annotations

import itertools

import pytest

from mcptelemetry.application import Application
from mcptelemetry.environment import detect_launch_source
from mcptelemetry.vocabulary import LaunchSource


class Says:
    """A checker of any of the three kinds that always gives the same answer."""

    def __init__(self, answer: bool) -> None:
        self.answer = answer

    def launched_via_tray(self) -> bool:
        return self.answer

    def is_login_item_parent(self) -> bool:
        return self.answer

    def is_terminal(self) -> bool:
        return self.answer


class Fails:
    """A checker of any of the three kinds that raises."""

    def launched_via_tray(self) -> bool:
        raise OSError

    def is_login_item_parent(self) -> bool:
        raise RuntimeError

    def is_terminal(self) -> bool:
        raise ValueError


# name: (variable, handshake, parent, terminal, verdict)
CASES = {
    "installer-variable": ("installer", False, False, False, "installer"),
    "installer-variable-beats-everything": ("installer", True, True, True, "installer"),
    "installer-in-capitals": ("INSTALLER", False, False, False, "installer"),
    "tray-variable": ("tray", False, False, False, "tray"),
    "tray-variable-beats-parent-and-terminal": ("tray", False, True, True, "tray"),
    "tray-handshake": (None, True, False, False, "tray"),
    "tray-handshake-beats-login-item": (None, True, True, False, "tray"),
    "login-item": (None, False, True, False, "login_item"),
    "login-item-beats-terminal": (None, False, True, True, "login_item"),
    "cli": (None, False, False, True, "cli"),
    "unknown": (None, False, False, False, "unknown"),
    "unknown-value-is-ignored": ("systemd", False, False, True, "cli"),
    "empty-value-is-ignored": ("", False, False, False, "unknown"),
    "value-cli-is-ignored": ("cli", False, False, False, "unknown"),
    "value-login-item-is-ignored": ("login_item", False, False, False, "unknown"),
}


@pytest.mark.parametrize(
    ("variable", "handshake", "parent", "terminal", "verdict"), CASES.values(), ids=CASES.keys()
)
def test_detect_launch_source(
    variable: str | None, handshake: bool, parent: bool, terminal: bool, verdict: str
) -> None:
    """Installer stands above tray, tray above login item, login item above a terminal."""
    env = {} if variable is None else {"MCPPROXY_LAUNCHED_BY": variable}
    source = detect_launch_source(env, Says(handshake), Says(parent), Says(terminal), app="mcpproxy")
    assert source is LaunchSource(verdict)


def test_detect_launch_source_produces_every_source() -> None:
    """Every source there is can be a verdict."""
    assert {case[4] for case in CASES.values()} == {source.value for source in LaunchSource}


def test_detect_launch_source_without_ports_is_unknown() -> None:
    """Ports that are None contribute False."""
    assert detect_launch_source({}, None, None, None, app="mcpproxy") is LaunchSource.UNKNOWN


def test_detect_launch_source_with_failing_ports_is_unknown() -> None:
    """Ports that raise contribute False, and nothing reaches the caller."""
    assert detect_launch_source({}, Fails(), Fails(), Fails(), app="mcpproxy") is LaunchSource.UNKNOWN


@pytest.mark.parametrize("order", list(itertools.product([None, "fails", True], repeat=3)))
def test_detect_launch_source_passes_over_a_failing_port(order: tuple[object, ...]) -> None:
    """A port that is missing or fails hands the question on to the next one."""
    ports = [None if word is None else Fails() if word == "fails" else Says(True) for word in order]
    sources = (LaunchSource.TRAY, LaunchSource.LOGIN_ITEM, LaunchSource.CLI)
    expected = next(
        (source for source, word in zip(sources, order) if word is True), LaunchSource.UNKNOWN
    )
    assert detect_launch_source({}, *ports, app="mcpproxy") is expected


def test_detect_launch_source_reads_the_variable_of_its_own_application() -> None:
    """Another application's launch variable says nothing about this one."""
    env = {"ACME_MCP_LAUNCHED_BY": "tray"}
    assert detect_launch_source(env, None, None, None, app="acme-mcp") is LaunchSource.TRAY
    assert detect_launch_source(env, None, None, None, app=Application("acme-mcp")) is LaunchSource.TRAY
    assert detect_launch_source(env, None, None, None, app="mcpproxy") is LaunchSource.UNKNOWN


def test_detect_launch_source_refuses_a_name_that_is_none() -> None:
    """An application name that cannot be one is an error of the caller, named as such."""
    with pytest.raises(ValueError, match="app="):
        detect_launch_source({}, None, None, None, app="Not A Name")
