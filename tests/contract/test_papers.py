"""The papers for people say what is true of the tree: the paths they name exist, their floors are the law's."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAPERS = ("CONTRIBUTING.md", "SECURITY.md", "README.md", "docs/conduct.md", "docs/design.md", "docs/packaging.md")
# Paths on a reader's machine, not in this tree.
READERS_OWN = ("~", "yourpackage/", "claude_desktop_config.json", ".mcp.json", ".cursor/", ".vscode/")
PICTURE_BYTES_MAX = 500_000
ENDS_OF_FILES = (".json", ".md", ".py", ".toml", ".txt")
FLOORS = runpy.run_path(str(ROOT / "tools" / "floors.py"))["FLOORS"]


def paths_in(text: str) -> list[str]:
    """Return what stands alone between backticks and looks like a path of the tree."""
    words = re.findall(r"`([\w~./-]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [
        word
        for word in words
        if ("/" in word.strip("/") or word.endswith(("/", *ENDS_OF_FILES))) and not word.startswith(READERS_OWN)
    ]


def is_in_the_tree(path: str, folder: Path | None) -> bool:
    """Return whether *path* names something, from the root, the package, or the *folder* last named."""
    places = [ROOT, ROOT / "mcptelemetry", *([folder] if folder else [])]
    return any((place / path).exists() for place in places)


def missing_paths(text: str) -> list[str]:
    """Return the paths in *text* that name nothing; a bare name is of the folder that was last named."""
    missing = []
    folder: Path | None = None
    for path in paths_in(text):
        if not is_in_the_tree(path, folder):
            missing.append(path)
        elif "/" in path.strip("/"):
            folder = (ROOT / path).parent
    return missing


@pytest.mark.parametrize("paper", PAPERS)
def test_each_path_in_backticks_exists(paper: str) -> None:
    """A reader who follows a path finds something there."""
    text = (ROOT / paper).read_text(encoding="utf-8")
    assert paths_in(text)
    assert missing_paths(text) == []


def test_a_path_that_leads_nowhere_is_seen() -> None:
    """The look finds what is gone, and a bare name in the folder that was last named only."""
    assert missing_paths("`tools/gone.py` `mcptelemetry/wire/_walk.py` `_fields.py` `_ledger.py`") == [
        "tools/gone.py",
        "_ledger.py",
    ]


@pytest.mark.parametrize("paper", sorted({*PAPERS, *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))}))
def test_each_link_within_the_tree_leads_somewhere(paper: str) -> None:
    """A reader who follows a link finds the page."""
    links = re.findall(r"\]\(([^):#]+)(?:#[^)]*)?\)", (ROOT / paper).read_text(encoding="utf-8"))
    assert [link for link in links if not ((ROOT / paper).parent / link).exists()] == []


def test_each_picture_is_there_and_has_words_for_who_does_not_see_it() -> None:
    """The README shows pictures of the tree, light and dark, each a PNG that a reader's line can carry."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    pictures = re.findall(r'(?:src|srcset)="([^"]+)"', text)
    assert sorted(pictures) == ["docs/page-dark.png", "docs/page-light.png"]
    for picture in pictures:
        content = (ROOT / picture).read_bytes()
        assert content.startswith(b"\x89PNG\r\n")
        assert len(content) < PICTURE_BYTES_MAX
    assert all(len(words) > len("a picture") for words in re.findall(r"<img [^>]*alt=\"([^\"]*)\"", text))
    assert len(re.findall("<img ", text)) == len(re.findall(r"<img [^>]*alt=", text)) == 1


def test_readme_leads_to_every_page() -> None:
    """No page of docs/ is left for a reader to stumble on."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in (ROOT / "docs").glob("*.md") if f"](docs/{path.name})" not in text] == []


def floors_drawn() -> dict[int, set[str]]:
    """Return what stands on each numbered floor of the picture; a wide gap parts rooms from remarks."""
    paper = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    picture = re.search(r"```text\n( +9 .*?)```", paper, flags=re.DOTALL)
    assert picture is not None
    drawn = {}
    for line in picture[1].strip().split("\n"):
        number, rest = line.strip().split("  ", 1)
        drawn[int(number)] = set(re.split(r" {3,}", rest)[0].replace("│", " ").split())
    return drawn


def test_floors_drawn_are_those_of_the_law() -> None:
    """Every room stands in the picture on the floor on which the import law has it, and no other does."""
    law = {number: {room for room in rooms if not re.match(r"_[a-z]", room)} for number, rooms in enumerate(FLOORS)}
    assert floors_drawn() == law


def test_floors_are_drawn_once() -> None:
    """No second picture can begin to differ from the first."""
    drawings = [paper for paper in PAPERS if re.search(r"^ +9 +__main__", (ROOT / paper).read_text("utf-8"), re.MULTILINE)]
    assert drawings == ["docs/design.md"]


def test_exceptions_from_the_linters_rules_name_modules_that_exist() -> None:
    """A module that was renamed takes its exception with it, and none is left behind for nothing."""
    patterns = re.findall(r'^"(mcptelemetry/[^"]+)" = \[', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert patterns
    for pattern in patterns:
        alternatives = re.search(r"\{(.*)\}", pattern)
        for name in alternatives[1].split(",") if alternatives else [""]:
            path = re.sub(r"\{.*\}", name, pattern)
            assert list(ROOT.glob(path)), f"{path} in pyproject.toml names nothing"
