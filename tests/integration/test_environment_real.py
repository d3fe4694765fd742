"""
Every environment verdict that this system can produce, produced by a real process.

The processes are children with exactly the environment, the standard input and, where this
machine is itself a container, the root directory that the verdict calls for.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="these processes are Linux's"),
    pytest.mark.timeout(300),
]

ROOT = Path(__file__).resolve().parents[2]
INSIDE_A_CONTAINER = any(os.path.lexists(path) for path in ("/.dockerenv", "/run/.containerenv"))

# What an MCP client gives a stdio server.
STRIPPED = {"HOME": "/nowhere", "PATH": os.defpath, "SHELL": "/bin/sh", "TERM": "dumb", "USER": "somebody"}

PROBE = """
import json, os, sys
from mcptelemetry.environment import detect_env_kind_once, detect_launch_source_once
if len(sys.argv) > 1:
    os.chroot(sys.argv[1])
    os.chdir("/")
kind, markers = detect_env_kind_once()
source = detect_launch_source_once(app="acme-mcp")
print(json.dumps({"kind": kind, "markers": markers.to_dict(), "source": source}))
"""


def probe(env: dict[str, str], *, stdin: int = subprocess.DEVNULL, root: Path | None = None) -> dict[str, Any]:
    """Return what a new process with this environment, input and root directory finds."""
    done = subprocess.run(  # noqa: S603  our own interpreter and program
        [sys.executable, "-c", PROBE, *([str(root)] if root else [])],
        env={**STRIPPED, **env},
        stdin=stdin,
        capture_output=True,
        cwd=ROOT,
        timeout=30,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def probe_on_terminal(env: dict[str, str], root: Path | None = None) -> dict[str, Any]:
    """Return what a new process finds whose standard input is a pseudo-terminal."""
    master, slave = os.openpty()
    try:
        return probe(env, stdin=slave, root=root)
    finally:
        os.close(master)
        os.close(slave)


def probe_on_pipe(env: dict[str, str], root: Path | None = None) -> dict[str, Any]:
    """Return what a new process finds whose standard input is a pipe, as an MCP server's is."""
    reading, writing = os.pipe()
    try:
        return probe(env, stdin=reading, root=root)
    finally:
        os.close(reading)
        os.close(writing)


@pytest.fixture
def bare_root(tmp_path: Path) -> Path | None:
    """
    Return a root directory without a container's marks, None when this machine has none anyway.
    """
    if not INSIDE_A_CONTAINER and not os.path.lexists("/tmp/.X11-unix/X0"):
        return None
    if os.geteuid() != 0:
        pytest.skip("only root can give a process a root directory without this container's marks")
    return tmp_path


@pytest.mark.parametrize(
    "env",
    [{"CI": "true"}, {"CI": "1"}, {"GITHUB_ACTIONS": "true"}, {"GITLAB_CI": "true"}, {"JENKINS_URL": "x"}],
    ids=lambda env: "-".join(env),
)
def test_real_process_on_a_build_machine_is_ci(env: dict[str, str]) -> None:
    """A process that a build machine starts finds `ci`."""
    found = probe_on_pipe(env)
    assert (found["kind"], found["markers"]["has_ci_env"]) == ("ci", True)


@pytest.mark.parametrize(
    "env",
    [{"CODESPACES": "true", "CI": "true"}, {"GITPOD_WORKSPACE_ID": "x"}, {"CODER_AGENT_TOKEN": "x"}],
    ids=lambda env: "-".join(env),
)
def test_real_process_in_a_cloud_ide_is_cloud_ide(env: dict[str, str]) -> None:
    """A process in a cloud IDE finds `cloud_ide`, also where that sets CI."""
    found = probe_on_terminal(env)
    assert (found["kind"], found["markers"]["has_cloud_ide_env"]) == ("cloud_ide", True)


def test_real_process_in_a_container_is_container(bare_root: Path | None) -> None:
    """The variable of a container runtime makes the place a container."""
    found = probe_on_pipe({"container": "podman"}, bare_root)
    assert (found["kind"], found["markers"]["is_container"]) == ("container", True)


@pytest.mark.parametrize("mark", [".dockerenv", "run/.containerenv"])
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can change a root directory")
def test_real_process_under_a_marked_root_is_container(tmp_path: Path, mark: str) -> None:
    """The file that a container runtime leaves in the root directory makes the place a container."""
    (tmp_path / mark).parent.mkdir(exist_ok=True)
    (tmp_path / mark).touch()
    assert probe_on_terminal({}, tmp_path)["kind"] == "container"


def test_real_process_on_a_terminal_is_interactive(bare_root: Path | None) -> None:
    """A process with a terminal and no other mark finds `interactive`, started from a command line."""
    found = probe_on_terminal({}, bare_root)
    assert (found["kind"], found["markers"]["has_tty"], found["source"]) == ("interactive", True, "cli")


def test_real_process_with_a_display_is_interactive(bare_root: Path | None) -> None:
    """A process without a terminal but with a display finds `interactive`."""
    found = probe_on_pipe({"DISPLAY": ":0"}, bare_root)
    assert (found["kind"], found["markers"]["has_display"]) == ("interactive", True)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can change a root directory")
@pytest.mark.parametrize("socket", ["tmp/.X11-unix/X0", "tmp/.X11-unix/X1", "run/user/0/wayland-0"])
def test_real_stripped_server_beside_a_desktop_is_interactive(tmp_path: Path, socket: str) -> None:
    """A server without DISPLAY is not called headless where a desktop's socket stands."""
    (tmp_path / socket).parent.mkdir(parents=True)
    (tmp_path / socket).touch()
    found = probe_on_pipe({}, tmp_path)
    assert (found["kind"], found["markers"]["has_display"]) == ("interactive", True)


def test_real_stdio_server_on_a_pipe_is_headless_and_unknown(bare_root: Path | None) -> None:
    """A server on a pipe without any mark finds `headless`, and nobody known who started it."""
    found = probe_on_pipe({}, bare_root)
    assert found == {
        "kind": "headless",
        "markers": dict.fromkeys(found["markers"], False),
        "source": "unknown",
    }


@pytest.mark.parametrize("word", ["installer", "tray"])
def test_real_process_finds_its_launch_variable(word: str) -> None:
    """A process that an installer or a tray starts finds who it was, also on a terminal."""
    assert probe_on_pipe({"ACME_MCP_LAUNCHED_BY": word})["source"] == word
    assert probe_on_terminal({"ACME_MCP_LAUNCHED_BY": word})["source"] == word


def test_real_process_on_a_terminal_was_started_from_the_command_line() -> None:
    """A process with a terminal finds `cli`."""
    assert probe_on_terminal({})["source"] == "cli"


def test_real_process_on_a_pipe_was_started_by_nobody_known() -> None:
    """A process on a pipe finds `unknown`, whatever an unknown launch word says."""
    assert probe_on_pipe({"ACME_MCP_LAUNCHED_BY": "systemd"})["source"] == "unknown"


def test_real_process_with_a_closed_standard_input_is_no_command_line(bare_root: Path | None) -> None:
    """A process whose standard input is closed has no terminal, and fails at nothing."""
    arguments = [sys.executable, "-c", PROBE, *([str(bare_root)] if bare_root else [])]
    done = subprocess.run(  # noqa: S603  a shell is how a descriptor is closed
        ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *arguments],
        env=STRIPPED,
        capture_output=True,
        cwd=ROOT,
        timeout=30,
        check=True,
    )
    found = json.loads(done.stdout)
    assert (found["kind"], found["source"]) == ("headless", "unknown")


LOGIN_ITEM_PROBE = """
import sys
from mcptelemetry.environment import ParentPPIDChecker, detect_launch_source
from mcptelemetry.environment._probes import linux_process_name
checker = ParentPPIDChecker(sys.argv[1], linux_process_name)
print(detect_launch_source({}, None, checker, None, app="acme-mcp").value)
"""


@pytest.mark.parametrize(
    ("os_name", "parent", "source"),
    [("darwin", "launchd", "login_item"), ("darwin", "other", "unknown"), ("linux", "launchd", "unknown")],
)
def test_real_parent_is_seen_by_its_name(tmp_path: Path, os_name: str, parent: str, source: str) -> None:
    """A real parent called launchd starts a login item under macOS's rules, never under Linux's."""
    program = tmp_path / parent
    shutil.copy(os.path.realpath("/bin/sh"), program)
    done = subprocess.run(  # noqa: S603  a shell under another name
        [program, "-c", '"$1" -c "$2" "$3"; exit $?', "sh", sys.executable, LOGIN_ITEM_PROBE, os_name],
        env=STRIPPED,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=ROOT,
        timeout=30,
        check=True,
    )
    assert done.stdout.decode().strip() == source


def test_real_probing_starts_no_process_and_leaves_no_descriptor() -> None:
    """Finding out starts no child and leaves no descriptor open."""
    program = """
import os
import mcptelemetry.environment as environment
before = os.listdir("/proc/self/fd")
environment.detect_env_kind_once()
environment.detect_launch_source_once(app="acme-mcp")
assert os.listdir("/proc/self/fd") == before
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("childless")
"""
    done = subprocess.run(  # noqa: S603  our own interpreter and program
        [sys.executable, "-c", program], env=STRIPPED, capture_output=True, cwd=ROOT, timeout=30, check=True
    )
    assert done.stdout.decode().strip() == "childless"
