"""The verdict about the place a process runs in, over every kind of injected fact."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields

import pytest

from mcptelemetry.environment import EnvMarkers, detect_env_kind
from mcptelemetry.vocabulary import EnvKind

CI_VARIABLES = [
    *("CI", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "CIRCLECI", "BUILDKITE", "TF_BUILD", "TRAVIS"),
    *("DRONE", "BITBUCKET_BUILD_NUMBER", "TEAMCITY_VERSION", "APPVEYOR", "GITEA_ACTIONS"),
    *("CODEBUILD_BUILD_ID", "SEMAPHORE", "BITRISE_IO", "CIRRUS_CI", "BUDDY_WORKSPACE_ID", "HUDSON_URL"),
    *("GO_PIPELINE_LABEL", "HARNESS_BUILD_ID", "PROW_JOB_ID", "SCREWDRIVER", "CM_BUILD_ID"),
]
CLOUD_IDE_VARIABLES = [
    *("CODESPACES", "GITPOD_WORKSPACE_ID", "REPL_ID", "STACKBLITZ_ENV", "STACKBLITZ_WORKER"),
    *("DAYTONA_WS_ID", "DAYTONA_WORKSPACE_ID", "CODER_AGENT_TOKEN"),
]


class Files:
    """A file system that holds exactly the given paths and notes what it was asked."""

    def __init__(self, *paths: str) -> None:
        self.paths = paths
        self.asked: list[str] = []

    def exists(self, path: str) -> bool:
        self.asked.append(path)
        return path in self.paths


class TTY:
    """A standard input that is, or is not, a terminal."""

    def __init__(self, terminal: bool) -> None:
        self.terminal = terminal

    def is_terminal(self) -> bool:
        return self.terminal


class Broken:
    """A host's checker that fails at every question."""

    def exists(self, path: str) -> bool:
        raise PermissionError(path)

    def is_terminal(self) -> bool:
        raise ValueError


DOCKER = ("/.dockerenv",)
NO_TTY, A_TTY = TTY(False), TTY(True)

# name: (environment, files, system, terminal, verdict)
CASES = {
    "ci-variable-true": ({"CI": "true"}, (), "linux", NO_TTY, "ci"),
    "ci-variable-one": ({"CI": "1"}, (), "linux", NO_TTY, "ci"),
    "ci-variable-name-of-a-vendor": ({"CI": "woodpecker"}, (), "linux", NO_TTY, "ci"),
    "ci-variable-false-is-no-ci": ({"CI": "false"}, (), "linux", NO_TTY, "headless"),
    "ci-variable-capital-false-is-no-ci": ({"CI": "False"}, (), "linux", NO_TTY, "headless"),
    "ci-variable-zero-is-no-ci": ({"CI": "0"}, (), "linux", NO_TTY, "headless"),
    "ci-variable-empty-is-no-ci": ({"CI": ""}, (), "linux", NO_TTY, "headless"),
    "ci-false-beside-a-vendor-is-ci": ({"CI": "false", "GITHUB_ACTIONS": "true"}, (), "linux", NO_TTY, "ci"),
    "ci-on-darwin": ({"GITHUB_ACTIONS": "true"}, (), "darwin", A_TTY, "ci"),
    "ci-on-windows": ({"TF_BUILD": "True"}, (), "windows", NO_TTY, "ci"),
    "ci-on-an-unknown-system": ({"CI": "true"}, (), "freebsd", NO_TTY, "ci"),
    "ci-beats-container": ({"CI": "true"}, DOCKER, "linux", NO_TTY, "ci"),
    "ci-beats-a-terminal": ({"GITLAB_CI": "true"}, (), "linux", A_TTY, "ci"),
    "ci-variable-of-a-vendor-empty": ({"GITHUB_ACTIONS": ""}, (), "linux", NO_TTY, "headless"),
    "cloud-ide-codespaces": ({"CODESPACES": "true"}, (), "linux", A_TTY, "cloud_ide"),
    "cloud-ide-empty-is-no-cloud-ide": ({"CODESPACES": ""}, (), "linux", A_TTY, "interactive"),
    "cloud-ide-codespaces-beats-ci": ({"CI": "true", "CODESPACES": "true"}, (), "linux", A_TTY, "cloud_ide"),
    "cloud-ide-gitpod-prebuild-beats-ci": (
        {"CI": "true", "GITPOD_WORKSPACE_ID": "tim-repo-1234"},
        (),
        "linux",
        NO_TTY,
        "cloud_ide",
    ),
    "cloud-ide-beats-container": ({"REPL_ID": "x"}, DOCKER, "linux", NO_TTY, "cloud_ide"),
    "container-dockerenv": ({}, DOCKER, "linux", NO_TTY, "container"),
    "container-containerenv": ({}, ("/run/.containerenv",), "linux", NO_TTY, "container"),
    "container-variable": ({"container": "podman"}, (), "linux", NO_TTY, "container"),
    "container-variable-empty": ({"container": ""}, (), "linux", NO_TTY, "headless"),
    "container-kubernetes": ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, (), "linux", NO_TTY, "container"),
    "container-beats-a-display": ({"DISPLAY": ":0"}, DOCKER, "linux", A_TTY, "container"),
    "darwin-without-a-terminal": ({}, (), "darwin", NO_TTY, "interactive"),
    "darwin-with-a-terminal": ({}, (), "darwin", A_TTY, "interactive"),
    "windows-without-a-terminal": ({}, (), "windows", NO_TTY, "interactive"),
    "linux-display": ({"DISPLAY": ":0"}, (), "linux", NO_TTY, "interactive"),
    "linux-wayland-display": ({"WAYLAND_DISPLAY": "wayland-0"}, (), "linux", NO_TTY, "interactive"),
    "linux-terminal": ({}, (), "linux", A_TTY, "interactive"),
    "linux-x11-socket": ({}, ("/tmp/.X11-unix/X0",), "linux", NO_TTY, "interactive"),
    "linux-second-x11-socket": ({}, ("/tmp/.X11-unix/X1",), "linux", NO_TTY, "interactive"),
    "linux-wayland-socket": ({}, ("/run/user/1000/wayland-0",), "linux", NO_TTY, "interactive"),
    "linux-wayland-socket-of-another-user": ({}, ("/run/user/1001/wayland-0",), "linux", NO_TTY, "headless"),
    "linux-headless": ({}, (), "linux", NO_TTY, "headless"),
    "unknown-system": ({}, (), "freebsd", NO_TTY, "unknown"),
    "unknown-system-with-a-terminal": ({}, (), "freebsd", A_TTY, "unknown"),
    "empty-system": ({}, (), "", NO_TTY, "unknown"),
}


@pytest.mark.parametrize(("env", "paths", "os_name", "tty", "verdict"), CASES.values(), ids=CASES.keys())
def test_detect_env_kind(
    env: dict[str, str], paths: tuple[str, ...], os_name: str, tty: TTY, verdict: str
) -> None:
    """Cloud IDE stands above CI, CI above container, and those above the system's own signs."""
    kind, _ = detect_env_kind(env, Files(*paths), os_name, tty, uid=1000)
    assert kind is EnvKind(verdict)


def test_detect_env_kind_produces_every_kind() -> None:
    """Every kind there is can be a verdict."""
    assert {case[4] for case in CASES.values()} == {kind.value for kind in EnvKind}


@pytest.mark.parametrize("variable", CI_VARIABLES)
def test_detect_env_kind_knows_each_ci_vendor(variable: str) -> None:
    """Each vendor's variable alone makes the place a build machine."""
    kind, markers = detect_env_kind({variable: "true"}, None, "linux", None)
    assert (kind, markers) == (EnvKind.CI, EnvMarkers(has_ci_env=True))


@pytest.mark.parametrize("variable", CLOUD_IDE_VARIABLES)
def test_detect_env_kind_knows_each_cloud_ide(variable: str) -> None:
    """Each cloud IDE's variable alone makes the place a cloud IDE."""
    kind, markers = detect_env_kind({variable: "x"}, None, "linux", None)
    assert (kind, markers) == (EnvKind.CLOUD_IDE, EnvMarkers(has_cloud_ide_env=True))


@pytest.mark.parametrize("os_name", ["linux", "darwin", "windows", "freebsd"])
def test_detect_env_kind_fills_every_marker_whatever_the_verdict(os_name: str) -> None:
    """A verdict reached at the first row still reports everything that was seen."""
    env = {"CODESPACES": "true", "CI": "true", "DISPLAY": ":0"}
    kind, markers = detect_env_kind(env, Files(*DOCKER), os_name, A_TTY)
    assert kind is EnvKind.CLOUD_IDE
    assert markers == EnvMarkers(
        has_ci_env=True, has_cloud_ide_env=True, is_container=True, has_tty=True, has_display=True
    )


def test_detect_env_kind_without_ports_counts_them_as_false() -> None:
    """A port that is None contributes False."""
    assert detect_env_kind({}, None, "linux", None) == (EnvKind.HEADLESS, EnvMarkers())


def test_detect_env_kind_with_failing_ports_counts_them_as_false() -> None:
    """A port that raises contributes False, and nothing reaches the caller."""
    assert detect_env_kind({}, Broken(), "linux", Broken(), uid=0) == (EnvKind.HEADLESS, EnvMarkers())


def test_detect_env_kind_without_a_uid_asks_for_no_wayland_socket() -> None:
    """Where users have no numbers, no path is made up from one."""
    files = Files()
    detect_env_kind({}, files, "linux", NO_TTY)
    assert not [path for path in files.asked if "wayland" in path]


def test_detect_env_kind_of_a_stripped_stdio_server_beside_a_desktop_is_interactive() -> None:
    """A server that an MCP client started without DISPLAY is not called headless while X11 runs."""
    env = {"HOME": "/home/tim", "PATH": "/usr/bin", "SHELL": "/bin/sh", "TERM": "dumb", "USER": "tim"}
    kind, markers = detect_env_kind(env, Files("/tmp/.X11-unix/X0"), "linux", NO_TTY, uid=1000)
    assert (kind, markers) == (EnvKind.INTERACTIVE, EnvMarkers(has_display=True))


def test_detect_env_kind_is_pure() -> None:
    """The same facts give the same verdict, and the environment is left as it was."""
    env = {"CI": "true"}
    first = detect_env_kind(env, Files(), "linux", NO_TTY)
    assert first == detect_env_kind(env, Files(), "linux", NO_TTY)
    assert env == {"CI": "true"}


def test_env_markers_are_booleans_only() -> None:
    """The markers hold five booleans under their wire names and nothing else."""
    _, markers = detect_env_kind({"CI": "true", "DISPLAY": ":0"}, None, "linux", None)
    assert json.loads(json.dumps(markers.to_dict())) == {
        "has_ci_env": True,
        "has_cloud_ide_env": False,
        "is_container": False,
        "has_tty": False,
        "has_display": True,
    }
    assert all(type(getattr(markers, field.name)) is bool for field in fields(markers))


def test_env_markers_cannot_be_changed() -> None:
    """Markers are facts: they are frozen."""
    with pytest.raises(FrozenInstanceError):
        EnvMarkers().has_tty = True  # type: ignore[misc]  # the very thing that must fail
