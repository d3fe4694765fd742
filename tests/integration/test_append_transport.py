"""The file as a way out, where something else stands in its place or holds it."""

from __future__ import annotations

import fcntl
import os

import pytest

from mcptelemetry.system import AppendTransport, NoAnswer, Request


def request_for(path, timeout_secs=5.0):
    return Request(f"file://{path}", b"{}\n", {}, timeout_secs)


def test_append_refuses_a_pipe_that_nobody_reads(tmp_path):
    """A pipe in the file's place is an attempt that failed, not a worker that hangs."""
    path = tmp_path / "events.jsonl"
    os.mkfifo(path)
    with pytest.raises(NoAnswer, match="cannot open"):
        AppendTransport().post(request_for(path))


def test_append_refuses_a_pipe_that_somebody_reads(tmp_path):
    """A pipe could take half a line; nothing is written to it."""
    path = tmp_path / "events.jsonl"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(NoAnswer, match="not a regular file"):
            AppendTransport().post(request_for(path))
        assert os.read(reader, 100) == b""
    finally:
        os.close(reader)


def test_append_gives_a_held_file_up_in_its_time(tmp_path):
    """A file that another process holds for too long is tried again later."""
    path = tmp_path / "events.jsonl"
    with open(path, "wb") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        with pytest.raises(NoAnswer, match="another process holds the file"):
            AppendTransport().post(request_for(path, timeout_secs=0.05))
    assert AppendTransport().post(request_for(path)).status == 200
    assert path.read_bytes() == b"{}\n"
