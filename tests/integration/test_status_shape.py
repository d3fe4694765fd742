"""The mapping of `Telemetry.status()`, held against the types that editors are told of."""

from __future__ import annotations

import json
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

from mcptelemetry import Status, Telemetry
from mcptelemetry.testing import FakeClock, InProcessCollector


def misfits(annotation: Any, value: object, path: str = "status") -> list[str]:
    """Return a line for each place in *value* that is not what *annotation* says."""
    origin = get_origin(annotation)
    if hasattr(annotation, "__total__"):  # a TypedDict, which `isinstance` does not know
        if type(value) is not dict:
            return [f"{path} is {type(value).__name__}, not an object"]
        hints = get_type_hints(annotation)
        found = [f"{path}.{name} is in one of the two only" for name in sorted(hints.keys() ^ value.keys())]
        for name in hints.keys() & value.keys():
            found += misfits(hints[name], value[name], f"{path}.{name}")
        return found
    if origin is Union:
        tried = [misfits(member, value, path) for member in get_args(annotation)]
        return [] if [] in tried else min(tried, key=len)
    if origin is Literal:
        return [] if type(value) is str and value in get_args(annotation) else [f"{path} is the word {value!r}"]
    if origin is dict:
        _, member = get_args(annotation)
        is_dict = type(value) is dict and all(type(name) is str for name in value)
        return [line for item in value.values() for line in misfits(member, item, f"{path}{{}}")] if is_dict else [f"{path} is no map"]
    if origin is list:
        (member,) = get_args(annotation)
        is_list = type(value) is list
        return [line for item in value for line in misfits(member, item, f"{path}[]")] if is_list else [f"{path} is no list"]
    # Exactly, so that neither a member of an enumeration nor a bool for a count passes.
    return [] if type(value) is annotation else [f"{path} is {type(value).__name__}, not {annotation.__name__}"]


def telemetry_on(tmp_path, **arguments: Any) -> Telemetry:
    """Return a telemetry on a machine of its own, which a test runner does not switch off."""
    environ = {"HOME": str(tmp_path), "ACME_MCP_TELEMETRY": "1"}
    return Telemetry("acme-mcp", "1.4.0", **{"environ": environ, "notice": lambda _text: True, **arguments})


def test_the_status_of_a_telemetry_that_has_seen_everything(tmp_path) -> None:
    """With both streams, ids, a notice, an accepted heartbeat and milestones every key is as declared."""
    clock = FakeClock()
    with InProcessCollector() as collector:
        telemetry = telemetry_on(
            tmp_path, heartbeat_endpoint=collector.url, events_endpoint=f"{collector.url}/events", clock=clock,
            milestones=["first_search", "first_export"],
        )
        with telemetry:
            telemetry.record("get_issues")
            telemetry.record_startup_outcome("success")
            telemetry.record_milestone("first_search")
            telemetry.activation.record_mcp_client("cursor")
            clock.advance(301)
            telemetry.flush(10)
            telemetry.heartbeat.send_now()  # or the thread was faster
            assert len(collector.heartbeats()) == 1
            status = telemetry.status()
    assert misfits(Status, status) == []
    known = ("identity", "notice", "last_startup_outcome", "last_success_at", "last_reported_version", "activation")
    assert [name for name in known if status[name] is None] == []
    assert (status["mode"], status["events"]["stats"]["recorded"]) == ("on", 1)
    assert status["activation"]["milestones"] == {"first_search": True, "first_export": False}
    assert json.loads(json.dumps(status)) == status


@pytest.mark.parametrize("mode", ["on", "local", "off"])
@pytest.mark.parametrize("is_started", [False, True])
def test_the_status_in_each_mode(tmp_path, mode, is_started) -> None:
    """On, local and off have the same keys, before the first start and after it."""
    telemetry = telemetry_on(
        tmp_path,
        default=mode,
        heartbeat_endpoint="http://127.0.0.1:9",
        events_endpoint="http://127.0.0.1:9/events",
    )
    if is_started:
        telemetry.start()
        telemetry.shutdown(0.1)
    status = telemetry.status()
    assert misfits(Status, status) == []
    assert status["mode"] == mode


def test_the_status_without_endpoints_place_or_sound_files(tmp_path) -> None:
    """Nothing configured, nowhere to store, and a file that nobody can read change no type."""
    bare = telemetry_on(tmp_path, environ={})
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    placeless = telemetry_on(tmp_path, data_dir=str(in_the_way / "data"), heartbeat_endpoint="http://127.0.0.1:9")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "telemetry.toml").write_text("[telemetry\n")
    broken = telemetry_on(tmp_path, data_dir=str(tmp_path / "broken"), heartbeat_endpoint="http://127.0.0.1:9")
    for telemetry in (bare, placeless, broken):
        assert misfits(Status, telemetry.status()) == []
    assert placeless.status()["storage"]["degraded"]
    assert broken.status()["mode"] == "off"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("mode",), "onn"),
        (("row",), True),
        (("heartbeat", "failed_attempts"), 1.0),
        (("files", "memory"), None),
        (("events",), {}),
        (("unknown",), 1),
        (("env_markers", "has_tty"), "no"),
    ],
)
def test_a_status_that_is_not_as_declared_is_noticed(tmp_path, path, value) -> None:
    """The comparison itself finds a wrong word, type, or key at any depth."""
    status: Any = telemetry_on(tmp_path).status()
    place = status
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    assert misfits(Status, status) != []
