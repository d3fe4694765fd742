"""Events into a file: one a line, appended whole or not at all."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import textwrap

import pytest

from mcptelemetry.events import PipelineConfig, TelemetryEvent, TelemetryPipeline, UploadError
from mcptelemetry.system import AppendTransport, NoAnswer, Request


@pytest.fixture
def made():
    pipelines = []

    def make(path, **config):
        pipeline = TelemetryPipeline(
            PipelineConfig(endpoint=path.as_uri(), format="jsonl", **config), environ={}
        )
        pipeline.start()
        pipelines.append(pipeline)
        return pipeline

    yield make
    for pipeline in pipelines:
        pipeline.shutdown(5)


def record(pipeline, count, tool="get_issues"):
    for number in range(count):
        pipeline.buffer.record(TelemetryEvent(tool, "local_only", latency_ms=number, timestamp_secs=1))


def lines(path):
    text = path.read_text(encoding="ascii")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_jsonl_writes_one_event_a_line(made, tmp_path):
    """Each line is one event as it is on the wire, with its id."""
    path = tmp_path / "events.jsonl"
    pipeline = made(path)
    record(pipeline, 3)
    pipeline.buffer.record(TelemetryEvent("ünï\u2028\n", "local_only", timestamp_secs=1, id="mine"))
    assert pipeline.flush(10) == 4
    found = lines(path)
    assert [event["latency_ms"] for event in found] == [0, 1, 2, 0]
    assert TelemetryEvent.from_dict(found[3]).tool == "ünï\ufffd\ufffd"
    assert len({event["id"] for event in found}) == 4


def test_jsonl_appends_to_what_is_there(made, tmp_path):
    """A file that exists is continued, not replaced; a flush at a time, batch by batch."""
    path = tmp_path / "events.jsonl"
    path.write_text('{"earlier": true}\n')
    pipeline = made(path, batch_size=2)
    record(pipeline, 5)
    assert pipeline.flush(10) == 5
    record(pipeline, 1)
    assert pipeline.flush(10) == 1
    assert lines(path)[0] == {"earlier": True}
    assert len(lines(path)) == 7


def test_jsonl_file_is_for_its_owner(made, tmp_path):
    """A file that is made here can be read by its owner only."""
    path = tmp_path / "events.jsonl"
    pipeline = made(path)
    record(pipeline, 1)
    pipeline.flush(10)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_jsonl_path_may_hold_spaces_and_percent_signs(made, tmp_path):
    """The path of the URL is decoded once."""
    path = tmp_path / "a b%20c.jsonl"
    pipeline = made(path)
    record(pipeline, 1)
    pipeline.flush(10)
    assert len(lines(path)) == 1


def test_jsonl_follows_a_file_that_is_rotated(made, tmp_path):
    """After the file was moved away the next batch goes into a new one."""
    path = tmp_path / "events.jsonl"
    pipeline = made(path)
    record(pipeline, 1)
    pipeline.flush(10)
    path.rename(tmp_path / "events.jsonl.1")
    record(pipeline, 2)
    pipeline.flush(10)
    assert len(lines(path)) == 2


@pytest.mark.parametrize("kind", ["missing folder", "a folder", "no permission"])
def test_jsonl_that_cannot_be_written_keeps_the_events(made, tmp_path, kind):
    """A file that cannot be opened is tried again later; nothing is lost meanwhile."""
    path = tmp_path / "later" / "events.jsonl"
    if kind == "a folder":
        path.mkdir(parents=True)
    if kind == "no permission":
        if os.geteuid() == 0:
            pytest.skip("root may write everywhere")
        path.parent.mkdir(mode=0o500)
    pipeline = made(path)
    record(pipeline, 3)
    with pytest.raises(UploadError, match="cannot open the file") as caught:
        pipeline.flush(10)
    assert caught.value.retryable
    assert pipeline.stats().buffered == 3
    if kind == "missing folder":
        path.parent.mkdir()
        assert pipeline.flush(10) == 3
        assert len(lines(path)) == 3


def test_jsonl_of_two_processes_at_once_is_whole(tmp_path):
    """Two processes that write at once never mix their lines."""
    path = tmp_path / "events.jsonl"
    script = textwrap.dedent(
        f"""
        import sys
        from mcptelemetry.events import PipelineConfig, TelemetryEvent, TelemetryPipeline
        pipeline = TelemetryPipeline(
            PipelineConfig(endpoint={path.as_uri()!r}, format="jsonl", batch_size=200), environ={{}}
        )
        pipeline.start()
        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(4000):
            pipeline.buffer.record(
                TelemetryEvent(sys.argv[1] * 100, "local_only", latency_ms=number, timestamp_secs=1)
            )
        pipeline.flush(60)
        pipeline.shutdown(5)
        """
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", script, tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for tool in "ab"
    ]
    try:
        for child in children:
            assert child.stdout.readline() == "ready\n"
        for child in children:
            child.stdin.write("go\n")
            child.stdin.flush()
        for child in children:
            child.communicate(timeout=90)
            assert child.returncode == 0
    finally:
        for child in children:
            child.kill()
            child.wait(30)
            child.stdin.close()
            child.stdout.close()
    found = lines(path)
    assert len(found) == 8000
    assert len({event["id"] for event in found}) == 8000
    for tool in "ab":
        numbers = [event["latency_ms"] for event in found if event["tool"] == tool * 100]
        assert numbers == list(range(4000))


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no limit on the size of files")
def test_jsonl_that_does_not_fit_is_taken_back_and_retried(tmp_path):
    """On a full disk no half line stays behind, and when there is room again everything arrives."""
    path = tmp_path / "events.jsonl"
    script = textwrap.dedent(
        f"""
        import json, resource
        from mcptelemetry.errors import UploadError
        from mcptelemetry.events import PipelineConfig, TelemetryEvent, TelemetryPipeline
        pipeline = TelemetryPipeline(
            PipelineConfig(endpoint={path.as_uri()!r}, format="jsonl", batch_size=100), environ={{}}
        )
        pipeline.start()
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        for number in range(300):
            pipeline.buffer.record(TelemetryEvent("t", "local_only", latency_ms=number, timestamp_secs=1))
        seen = {{}}
        try:
            pipeline.flush(30)
        except UploadError as error:
            seen["error"] = str(error)
        seen["text"] = open({str(path)!r}).read()
        seen["stats"] = vars(pipeline.stats())
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        seen["delivered later"] = pipeline.flush(30)
        pipeline.shutdown(5)
        print(json.dumps(seen))
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert "cannot write the file" in seen["error"]
    assert seen["text"].endswith("}\n")
    written = [json.loads(line)["latency_ms"] for line in seen["text"].splitlines()]
    assert written == list(range(100))
    assert (seen["stats"]["delivered"], seen["stats"]["buffered"]) == (100, 200)
    assert seen["delivered later"] == 200
    assert [event["latency_ms"] for event in lines(path)] == list(range(300))


def test_append_transport_takes_back_nothing_of_others(tmp_path):
    """A post that fails to open leaves every file as it was."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"there\n")
    transport = AppendTransport()
    answer = transport.post(Request(path.as_uri(), b"line\n", {}, 1.0))
    assert answer.status == 200
    with pytest.raises(NoAnswer):
        transport.post(Request(tmp_path.as_uri(), b"line\n", {}, 1.0))
    transport.after_fork()
    transport.close()
    assert path.read_bytes() == b"there\nline\n"
