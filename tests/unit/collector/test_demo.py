"""The invented year is believable, the same each time, and made of documents that a collector takes."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from mcptelemetry.collector import DEMO_UNTIL, DemoDocument, demo_documents
from mcptelemetry.collector._judging import BatchReader
from mcptelemetry.collector._lone_documents import read_feedback, read_heartbeat

DAY = 86_400


@pytest.fixture(scope="module")
def documents() -> list[DemoDocument]:
    """Return a year of few."""
    return list(demo_documents(120, 200))


def test_every_document_passes_the_collectors_own_checks(documents: list[DemoDocument]) -> None:
    """Nothing in it would be refused, and nothing left out as unknown."""
    read = {"heartbeats": lambda body: read_heartbeat(body)[1], "feedback": lambda body: not read_feedback(body)}
    for one in documents:
        body = json.dumps(one.document).encode()
        if one.stream == "events":
            reading = BatchReader().read(body)
            assert len(reading.batch) == len(one.document["events"]) > 0
            assert reading.ignored_fields == []
        elif one.stream != "refusals":
            assert not read[one.stream](body)


def test_the_same_seed_gives_the_same_year(documents: list[DemoDocument]) -> None:
    """Another run gives the same documents, another seed others."""
    assert list(demo_documents(120, 200)) == documents
    assert list(demo_documents(120, 200, seed=2)) != documents


def test_documents_come_in_order_and_in_time(documents: list[DemoDocument]) -> None:
    """They are in order of receipt within the year, and no event is received before it was made."""
    moments = [one.received_at for one in documents]
    assert moments == sorted(moments)
    assert DEMO_UNTIL - 200 * DAY <= moments[0]
    assert moments[-1] < DEMO_UNTIL + DAY
    assert all(
        event["timestamp_secs"] <= one.received_at for one in documents if one.stream == "events" for event in one.document["events"]
    )


def test_a_year_has_what_a_year_has(documents: list[DemoDocument]) -> None:
    """There are people and machines, repeats, refusals, failures, upgrades, and installations that were left after a day."""
    streams = Counter(one.stream for one in documents)
    assert all(streams[stream] for stream in ("events", "heartbeats", "refusals"))
    beats = [one.document for one in documents if one.stream == "heartbeats"]
    assert len({beat["heartbeat_id"] for beat in beats}) < len(beats)
    assert {"interactive", "ci", "container"} <= {beat["env_kind"] for beat in beats}
    assert any(beat["previous_version"] not in ("", beat["version"]) for beat in beats)
    of_installation = Counter(beat["anonymous_id"] for beat in beats)
    assert len(of_installation) == 120
    assert min(of_installation.values()) == 1
    assert max(of_installation.values()) > 40
    assert {event["status"] for one in documents if one.stream == "events" for event in one.document["events"]} == {"success", "error"}
