"""
What kind of place a process runs in, decided from injected facts.

The verdict is a table read top to bottom. A cloud IDE stands above CI because Codespaces
and Gitpod set `CI=true` in sessions where a person sits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from ..vocabulary import EnvKind
from ._facts import EnvMarkers, FileProber, TTYChecker, is_so

__all__ = ["detect_env_kind"]

# Each of these means a build machine when it is set and not empty.
_CI_VARIABLES = (
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "JENKINS_URL",
    "CIRCLECI",
    "BUILDKITE",
    "TF_BUILD",
    "TRAVIS",
    "DRONE",
    "BITBUCKET_BUILD_NUMBER",
    "TEAMCITY_VERSION",
    "APPVEYOR",
    "GITEA_ACTIONS",
    "FORGEJO_ACTIONS",
    "CODEBUILD_BUILD_ID",
    "SEMAPHORE",
    "BITRISE_IO",
    "CIRRUS_CI",
    "BUDDY_WORKSPACE_ID",
    "HUDSON_URL",
    "GO_PIPELINE_LABEL",
    "HARNESS_BUILD_ID",
    "PROW_JOB_ID",
    "SCREWDRIVER",
    "CM_BUILD_ID",
    "CI_XCODE_PROJECT",
    "APPCENTER_BUILD_ID",
    "bamboo_planKey",
)

_CLOUD_IDE_VARIABLES = (
    "CODESPACES",
    "GITPOD_WORKSPACE_ID",
    "REPL_ID",
    "STACKBLITZ_ENV",
    "STACKBLITZ_WORKER",
    "DAYTONA_WS_ID",
    "DAYTONA_WORKSPACE_ID",
    "CODER_AGENT_TOKEN",
)

_CONTAINER_VARIABLES = ("container", "KUBERNETES_SERVICE_HOST")
_CONTAINER_FILES = ("/.dockerenv", "/run/.containerenv")

_DISPLAY_VARIABLES = ("DISPLAY", "WAYLAND_DISPLAY")
# An MCP client starts a stdio server without the variables above; the sockets remain.
_DISPLAY_SOCKETS = ("/tmp/.X11-unix/X0", "/tmp/.X11-unix/X1")  # noqa: S108  where X11 has them

_DESKTOP_SYSTEMS = ("darwin", "windows")

# The first row that holds is the verdict; each is asked with the system's name and the markers.
_VERDICTS: tuple[tuple[EnvKind, Callable[[str, EnvMarkers], bool]], ...] = (
    (EnvKind.CLOUD_IDE, lambda _os_name, seen: seen.has_cloud_ide_env),
    (EnvKind.CI, lambda _os_name, seen: seen.has_ci_env),
    (EnvKind.CONTAINER, lambda _os_name, seen: seen.is_container),
    (EnvKind.INTERACTIVE, lambda os_name, _seen: os_name in _DESKTOP_SYSTEMS),
    (EnvKind.INTERACTIVE, lambda os_name, seen: os_name == "linux" and (seen.has_display or seen.has_tty)),
    (EnvKind.HEADLESS, lambda os_name, _seen: os_name == "linux"),
)


def detect_env_kind(
    env: Mapping[str, str],
    files: FileProber | None,
    os_name: str,
    tty: TTYChecker | None,
    *,
    uid: int | None = None,
) -> tuple[EnvKind, EnvMarkers]:
    """
    Return the kind of place that the given facts describe, and the markers behind it.

    *os_name* is `linux`, `darwin`, `windows` or another word; *uid* is the user's number,
    by which a Wayland socket is found (None: not looked for). A port that is None or that
    fails counts as False. Nothing is raised.
    """
    sockets = _DISPLAY_SOCKETS if uid is None else (*_DISPLAY_SOCKETS, f"/run/user/{uid}/wayland-0")
    markers = EnvMarkers(
        has_ci_env=_says_ci(env) or _any_set(env, _CI_VARIABLES),
        has_cloud_ide_env=_any_set(env, _CLOUD_IDE_VARIABLES),
        is_container=_any_set(env, _CONTAINER_VARIABLES) or _any_exists(files, _CONTAINER_FILES),
        has_tty=tty is not None and is_so(tty.is_terminal),
        has_display=_any_set(env, _DISPLAY_VARIABLES) or _any_exists(files, sockets),
    )
    for kind, holds in _VERDICTS:
        if holds(os_name, markers):
            return kind, markers
    return EnvKind.UNKNOWN, markers


def _says_ci(env: Mapping[str, str]) -> bool:
    """Return whether `CI` is set to anything but a no; people do write `CI=false`."""
    return env.get("CI", "").strip().lower() not in ("", "false", "0")


def _any_set(env: Mapping[str, str], names: tuple[str, ...]) -> bool:
    return any(env.get(name) for name in names)


def _any_exists(files: FileProber | None, paths: tuple[str, ...]) -> bool:
    return files is not None and any(is_so(partial(files.exists, path)) for path in paths)
