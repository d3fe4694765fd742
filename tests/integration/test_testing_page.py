"""What the page about testing shows works as it stands."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import mcptelemetry.testing

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "testing.md"


def blocks():
    """Yield the code blocks of the page, in order."""
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_each_example_of_the_page_passes_under_pytest(tmp_path):
    """The blocks that are tests are run as they stand, as a file of an author's own; the others at least run."""
    tests = [block for block in blocks() if "def test_" in block]
    for number, block in enumerate(tests):
        (tmp_path / f"test_block_{number}.py").write_text(block, encoding="utf-8")
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": str(PAGE.parents[1])}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", str(tmp_path)],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(tests)} passed" in done.stdout
    for block in blocks():
        if block not in tests:
            exec(compile(block, str(PAGE), "exec"), {})


def test_the_heartbeat_is_tested_in_eight_lines():
    """The body of the example is no longer than that."""
    (example,) = [block for block in blocks() if "test_heartbeat_names_the_tool" in block]
    body = example.split("def test_")[1].rstrip().splitlines()[1:]
    assert len(body) <= 8


def test_page_names_every_double():
    """Every server, clock and transport that is offered is on the page."""
    text = PAGE.read_text(encoding="utf-8")
    plain_values = {"Connection", "ReceivedRequest", "Reply", "Step"}
    for name in set(mcptelemetry.testing.__all__) - plain_values:
        assert f"`{name}" in text, name
