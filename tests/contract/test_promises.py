"""Every sentence that tells a reader what is so is shown by a test, which stands beside it here."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from mcptelemetry.application import Application
from mcptelemetry.privacy._notice import notice_text
from mcptelemetry.wire._field_texts import render_privacy_paragraph

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
# For each paper: each sentence, and the tests that show it. An empty list is for what promises
# nothing: a greeting, a pointer, the words before an example.
PROMISES: dict[str, dict[str, list[str]]] = json.loads((TESTS / "data" / "promises.json").read_text("utf-8"))


def sentences(text: str) -> list[str]:
    """Return the sentences of a Markdown *text*, each row of a table as one; no headings, no code blocks."""
    found = []
    for block in re.split(r"\n\s*\n", re.sub(r"```.*?```", "\n\n", text, flags=re.DOTALL)):
        for part in re.split(r"\n(?=- |\| )", block.strip()):
            line = " ".join(part.split())
            if line.startswith("|"):
                cells = [cell.strip() for cell in line.strip("|").split("|")]
                if not set("".join(cells)) <= set("- "):
                    found.append(" | ".join(cells))
            elif line and not line.startswith("#"):
                found += re.split(r"(?<=[.:!?)])\s+(?=[A-Z`*(<\[])", re.sub(r"^- ", "", line))
    return found


def vows(table: str) -> list[str]:
    """Return what the rows of the table of fields vow: whatever stands behind a semicolon in their last cell."""
    rows = [row.split(" | ") for row in sentences(table) if row.count(" | ") == 4]
    return [f"{row[0]} {vow.strip().rstrip('.')}" for row in rows[1:] for vow in row[-1].split(";")[1:]]


def said() -> dict[str, list[str]]:
    """Return what each paper says now."""
    fields = (ROOT / "docs" / "TELEMETRY.md").read_text("utf-8")
    application = Application("acme-mcp")
    both = {"heartbeat_endpoint": "https://t.acme.dev", "events_endpoint": "https://e.acme.dev"}
    notice = notice_text(application, **both, command="acme off")
    without_command = notice_text(application, **both, command=None, settings_path="~/.acme-mcp/telemetry.toml")
    return {
        "README.md": sentences((ROOT / "README.md").read_text("utf-8")),
        "docs/conduct.md": sentences((ROOT / "docs" / "conduct.md").read_text("utf-8")),
        "docs/TELEMETRY.md": [line for line in sentences(fields) if " | " not in line] + vows(fields),
        "the notice": sentences(notice),
        "the notice where no command works": [line for line in sentences(without_command) if line not in sentences(notice)],
        "the privacy command": sentences(
            render_privacy_paragraph(
                "acme-mcp",
                switch_variable="ACME_MCP_TELEMETRY",
                endpoint="https://t.acme.dev",
                commands="mcptelemetry --app acme-mcp",
            )
        ),
    }


def names_of_tests(path: Path) -> set[str]:
    """Return the names of the test functions in the file at *path*."""
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("paper", PROMISES)
def test_every_sentence_of_a_paper_has_its_tests(paper: str) -> None:
    """Nobody writes what no test shows, and no test is named for what nobody says any more."""
    said_here = said()[paper]
    assert [sentence for sentence in said_here if sentence not in PROMISES[paper]] == []
    assert [sentence for sentence in PROMISES[paper] if sentence not in said_here] == []


def test_every_paper_is_looked_at() -> None:
    """What a person is told by these voices is all looked at, and each says something that has to be shown."""
    assert set(PROMISES) == set(said())
    assert all(any(paper.values()) for paper in PROMISES.values())


def test_every_test_that_a_promise_rests_on_exists() -> None:
    """Each name leads to a test function that is there."""
    gone = []
    for paper in PROMISES.values():
        for tests in paper.values():
            for test in tests:
                file, _, name = test.partition("::")
                path = TESTS / file
                if not path.is_file() or name not in names_of_tests(path):
                    gone.append(test)
    assert gone == []
