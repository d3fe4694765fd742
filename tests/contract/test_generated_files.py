"""The files made from the table of fields are those of the table as it stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ("contracts/heartbeat-v3.json", "docs/TELEMETRY.md")


def test_generated_files_are_not_stale():
    """The contract and the documentation in the repository are what tools/generate would write."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "generate"), "--check"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", FILES)
def test_generate_names_a_stale_file(tmp_path, name):
    """A file that was edited by hand is named, and writing mends it."""
    for part in ("mcptelemetry", *FILES, "tools/generate"):
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "mcptelemetry").symlink_to(ROOT / "mcptelemetry")
    for file in (*FILES, "tools/generate"):
        (tmp_path / file).write_bytes((ROOT / file).read_bytes())
    with (tmp_path / name).open("a") as stale:
        stale.write("edited\n")
    command = [sys.executable, str(tmp_path / "tools" / "generate")]
    checked = subprocess.run([*command, "--check"], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 1
    assert name in checked.stdout
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    assert (tmp_path / name).read_bytes() == (ROOT / name).read_bytes()
