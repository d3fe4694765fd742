"""Where each client keeps its configuration, on each system."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcptelemetry.clientfile import CLIENTS, find_client_files

PLACES = [
    ("claude-desktop", "darwin", "home/Library/Application Support/Claude/claude_desktop_config.json"),
    ("claude-desktop", "linux", "home/.config/Claude/claude_desktop_config.json"),
    ("claude-desktop", "win32", "roaming/Claude/claude_desktop_config.json"),
    ("claude-desktop", "win32", "local/Packages/Claude_pzs8/LocalCache/Roaming/Claude/claude_desktop_config.json"),
    ("claude-code", "darwin", "home/.claude.json"),
    ("claude-code", "linux", "home/.claude.json"),
    ("claude-code", "win32", "home/.claude.json"),
    ("claude-code", "linux", "project/.mcp.json"),
    ("cursor", "darwin", "home/.cursor/mcp.json"),
    ("cursor", "win32", "home/.cursor/mcp.json"),
    ("cursor", "linux", "project/.cursor/mcp.json"),
    ("vscode", "darwin", "home/Library/Application Support/Code/User/mcp.json"),
    ("vscode", "linux", "home/.config/Code/User/mcp.json"),
    ("vscode", "linux", "home/.config/Code/User/profiles/-1a2b/mcp.json"),
    ("vscode", "linux", "home/.config/Code - Insiders/User/mcp.json"),
    ("vscode", "win32", "roaming/Code/User/mcp.json"),
    ("vscode", "linux", "home/.copilot/mcp-config.json"),
    ("vscode", "linux", "project/.vscode/mcp.json"),
    ("vscode", "linux", "project/.mcp.json"),
]


def find(client: str, root: Path, platform: str, **more: str) -> list[str]:
    """Return the files of *client* below *root*, as paths from there."""
    environ = {"HOME": str(root / "home"), "APPDATA": str(root / "roaming"), "LOCALAPPDATA": str(root / "local"), **more}
    found, _ = find_client_files(client, environ, str(root / "project"), platform=platform)
    return [Path(path).relative_to(root).as_posix() for path in found]


@pytest.mark.parametrize(("client", "platform", "place"), PLACES)
def test_each_clients_file_is_found_where_that_client_keeps_it(
    tmp_path: Path, client: str, platform: str, place: str
) -> None:
    """By system: the person's own file, and the one of the project at hand. Folders may be called anything."""
    root = tmp_path / "a[b]*"
    (root / place).parent.mkdir(parents=True)
    (root / place).write_text("{}")
    assert find(client, root, platform) == [place]
    assert [other for other in CLIENTS if find(other, root, platform)] == (
        ["claude-code", "vscode"] if place == "project/.mcp.json" else [client]
    )


@pytest.mark.parametrize(
    ("client", "variable", "file"),
    [
        ("claude-code", "CLAUDE_CONFIG_DIR", ".claude.json"),
        ("vscode", "COPILOT_HOME", "mcp-config.json"),
        ("vscode", "XDG_CONFIG_HOME", "Code/User/mcp.json"),
    ],
)
def test_a_variable_that_moves_a_clients_folder_is_followed(
    tmp_path: Path, client: str, variable: str, file: str
) -> None:
    """Whoever moved it has the file there and not in the usual place."""
    (tmp_path / "moved" / file).parent.mkdir(parents=True)
    (tmp_path / "moved" / file).write_text("{}")
    assert find(client, tmp_path, "linux", **{variable: str(tmp_path / "moved")}) == [f"moved/{file}"]


@pytest.mark.parametrize("client", CLIENTS)
def test_where_nothing_was_found_is_said(client: str, tmp_path: Path) -> None:
    """The places are named as a person would write them."""
    found, places = find_client_files(client, {"HOME": str(tmp_path)}, str(tmp_path / "p"), platform="linux")
    assert found == []
    assert places
    assert all(place.startswith(str(tmp_path)) and place.endswith(".json") for place in places)


@pytest.mark.parametrize("client", sorted(CLIENTS))
def test_a_place_that_is_two_is_looked_at_once(client: str, tmp_path: Path) -> None:
    """In the person's home the project's file may be the person's own."""
    _, places = find_client_files(client, {"HOME": str(tmp_path)}, str(tmp_path), platform="linux")
    assert len(places) == len(set(places)) > 0
