"""
Where each client keeps its configuration: one table, by what the systems call their folders.

A client reads a file of the person's and one of the project at hand, and so they are both
looked for; only those that are there are named. What another program would have to be asked
for (a folder synchronised elsewhere, a portable installation) is named by the person.
"""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterator, Mapping

from ..application import home_directory

__all__ = ["CLIENTS", "find_client_files"]

# {home}, {roaming} and {local} are the person's folders, {project} is the one at hand; * is any name.
_FILES: dict[str, tuple[str, ...]] = {
    "claude-desktop": (
        "{roaming}/Claude/claude_desktop_config.json",
        # What Windows gives an application from its store in place of the folder above.
        "{local}/Packages/Claude_*/LocalCache/Roaming/Claude/claude_desktop_config.json",
    ),
    "claude-code": ("{claude}/.claude.json", "{project}/.mcp.json"),
    "cursor": ("{home}/.cursor/mcp.json", "{project}/.cursor/mcp.json"),
    "vscode": (
        "{roaming}/Code/User/mcp.json",
        "{roaming}/Code/User/profiles/*/mcp.json",
        "{roaming}/Code - Insiders/User/mcp.json",
        "{roaming}/Code - Insiders/User/profiles/*/mcp.json",
        "{copilot}/mcp-config.json",
        "{project}/.vscode/mcp.json",
        "{project}/.mcp.json",
    ),
}
CLIENTS: tuple[str, ...] = tuple(_FILES)
"""The clients whose files are found by their name."""


def find_client_files(
    client: str, environ: Mapping[str, str], project: str, *, platform: str = sys.platform
) -> tuple[list[str], list[str]]:
    """
    Return the files of *client* (one of `CLIENTS`) that are there, and all the places looked at.

    *project* is the folder whose own files are meant beside the person's.
    """
    folders = {key: glob.escape(folder) for key, folder in _folders(environ, project, platform) if folder}
    listed = []
    for pattern in _FILES[client]:
        folder, _, rest = pattern[1:].partition("}/")
        if folder in folders:
            listed.append(os.path.join(folders[folder], *rest.split("/")))
    places = list(dict.fromkeys(listed))  # a person at home has one file, not two
    found = [path for place in places for path in sorted(glob.glob(place))]
    return found, [_unescaped(place) for place in places]


def _folders(environ: Mapping[str, str], project: str, platform: str) -> Iterator[tuple[str, str]]:
    home = home_directory(environ)
    yield "home", home
    yield "project", project
    yield "claude", environ.get("CLAUDE_CONFIG_DIR", "") or home
    yield "copilot", environ.get("COPILOT_HOME", "") or (home and os.path.join(home, ".copilot"))
    if platform == "win32":
        yield "roaming", environ.get("APPDATA", "")
        yield "local", environ.get("LOCALAPPDATA", "")
    elif platform == "darwin":
        yield "roaming", home and os.path.join(home, "Library", "Application Support")
    else:
        yield "roaming", environ.get("XDG_CONFIG_HOME", "") or (home and os.path.join(home, ".config"))


def _unescaped(pattern: str) -> str:
    """Return *pattern* as a person reads it: `glob.escape` puts brackets round what is meant as it stands."""
    for character in "*?[":
        pattern = pattern.replace(f"[{character}]", character)
    return pattern
