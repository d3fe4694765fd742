"""
Real clients and real servers: what each needs, made once a run.

A client is a process that lives as long as the tests do and holds the sessions it is asked
for, so that a pair costs the start of its server and not of its client too.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

HERE = Path(__file__).parent
DATA = HERE.parent / "data"
NODE_OLDEST = 20
INSTALL_MAY_TAKE_SECS = 600
ANSWER_MAY_TAKE_SECS = 100

# What each environment holds, spelt as other tests spell it: equal ones are made once.
REQUIREMENTS = {
    "mcp-1": ("mcp>=1.30,<2", "mcp-server-time", "mcp-server-git"),
    "mcp-2": ("mcp>=2,<3",),
    "fastmcp": ("fastmcp>=4",),
}


@pytest.fixture(scope="session")
def python_of(python_with: Callable[..., str]) -> Callable[[str], str]:
    """Return a function from a package's name to the interpreter of the environment that has it."""
    return lambda package: python_with(*REQUIREMENTS[package])


class NpmPackages(NamedTuple):
    """Where the packages for Node are, and the program that runs them."""

    node: str
    folder: Path

    def command(self, name: str) -> list[str]:
        """Return what starts the command *name* of a package."""
        return [self.node, str(self.folder / "node_modules" / ".bin" / name)]

    def script(self, name: str) -> list[str]:
        """Return what starts our script *name*."""
        return [self.node, str(self.folder / name)]


@pytest.fixture(scope="session", autouse=True)
def npm_installing(
    tmp_path_factory: pytest.TempPathFactory, environment_as_found: dict[str, str]
) -> Iterator[tuple[NpmPackages, subprocess.Popen[str]] | str]:
    """Begin to install the packages for Node, while Python's are made; give why not where that cannot be."""
    path = environment_as_found.get("PATH", "")
    node, npm_command = shutil.which("node", path=path), shutil.which("npm", path=path)
    if node is None or npm_command is None:
        yield "Node and npm are not here"
        return
    version = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    found = re.match(r"v(\d+)\.", version)
    if found is None or int(found[1]) < NODE_OLDEST:
        yield f"Node is {version.strip()}; the packages need {NODE_OLDEST} or newer"
        return
    folder = tmp_path_factory.mktemp("npm")
    shutil.copy(HERE / "package.json", folder)
    for script in HERE.glob("*/*.mjs"):
        shutil.copy(script, folder)
    with subprocess.Popen(
        # Nothing of the packages runs at their installation; each says a Node that is newer than it needs.
        [npm_command, "install", "--ignore-scripts", "--engine-strict=false", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error"],
        cwd=folder,
        env=environment_as_found,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as installing:
        try:
            yield NpmPackages(node, folder), installing
        finally:
            if installing.poll() is None:
                installing.kill()


@pytest.fixture(scope="session")
def npm(npm_installing: tuple[NpmPackages, subprocess.Popen[str]] | str) -> NpmPackages:
    """Return the packages for Node, installed once; skip where it is missing or too old."""
    if isinstance(npm_installing, str):
        pytest.skip(npm_installing)
    packages, installing = npm_installing
    _, errors = installing.communicate(timeout=INSTALL_MAY_TAKE_SECS)
    assert installing.returncode == 0, f"npm could not install: {errors[-2000:]}"
    return packages


class SessionClient:
    """A client's process: sessions go in as a line, and what came of them comes out as one."""

    def __init__(self, command: list[str], cwd: Path) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=cwd)
        self._unread = b""

    def hold(self, sessions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return what came of *sessions*, which are held at the same time."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(sessions).encode() + b"\n")
        self._process.stdin.flush()
        results: list[dict[str, Any]] = json.loads(self._read_line())
        return results

    def _read_line(self) -> bytes:
        assert self._process.stdout is not None
        deadline = time.monotonic() + ANSWER_MAY_TAKE_SECS
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                left = deadline - time.monotonic()
                assert left > 0, "the client does not come back from its sessions"
                if selector.select(left):
                    read = os.read(self._process.stdout.fileno(), 65536)
                    assert read, "the client has ended"
                    self._unread += read
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def end(self) -> None:
        """End the process: it ends with its input."""
        self._process.communicate(timeout=60)


class Client(NamedTuple):
    """A client: its package, in which mode it connects (None: as suits the server), and the name it gives itself."""

    package: str
    mode: str | None
    name: str


CLIENTS = {
    "mcp-1": Client("mcp-1", None, "mcp"),
    "mcp-2-auto": Client("mcp-2", "auto", "mcp"),
    "mcp-2-legacy": Client("mcp-2", "legacy", "mcp"),
    "mcp-2-2026-07-28": Client("mcp-2", "2026-07-28", "mcp"),
    "typescript-2": Client("typescript-2", None, "matrix"),
}


@pytest.fixture(scope="session", params=CLIENTS)
def client(
    request: pytest.FixtureRequest, python_of: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Client, SessionClient]]:
    """Give each client in turn, and its process."""
    kind = CLIENTS[request.param]
    if kind.package == "typescript-2":
        command = request.getfixturevalue("npm").script("typescript_client.mjs")
    else:
        command = [python_of(kind.package), str(HERE / "clients" / "python_client.py")]
    process = SessionClient(command, tmp_path_factory.mktemp(kind.package))
    yield kind, process
    process.end()
