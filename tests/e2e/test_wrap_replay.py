"""Recorded sessions, played by a real process: the same bytes with and without the wrapper."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "data"
TRANSCRIPTS = sorted(path for path in (DATA / "transcripts").glob("*.jsonl") if "http-" not in path.name)


def run_session(command: list[str], requests: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command, input=requests, capture_output=True, timeout=60, check=False, cwd=Path(__file__).parents[2]
    )


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda path: path.stem)
def test_replayed_session_is_the_same_behind_the_wrapper(transcript: Path, tmp_path: Path) -> None:
    """Standard output, standard error and exit status are those of the bare server."""
    entries = [json.loads(text) for text in transcript.read_text("utf-8").splitlines()]
    requests = b"".join(e["line"].encode() + b"\n" for e in entries if "line" in e and e["dir"] == "c2s")
    calls = requests.count(b'"method":"tools/call"')
    server = [sys.executable, str(DATA / "servers" / "replay_server.py"), str(transcript)]
    records = tmp_path / "records.json"

    bare = run_session(server, requests)
    wrapped = run_session([sys.executable, str(DATA / "wrap_recorder.py"), str(records), *server], requests)

    assert bare.returncode == 0
    assert (wrapped.stdout, wrapped.stderr, wrapped.returncode) == (bare.stdout, bare.stderr, 0)
    assert len(json.loads(records.read_text())["records"]) == calls
