"""An application in a subinterpreter: it records and delivers, and the interpreter's end is not the process's."""

from __future__ import annotations

import sys
import time

import pytest

from mcptelemetry import Telemetry
from mcptelemetry.testing import HostileServer, InProcessCollector

pytestmark = pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="other Pythons have no module to make a subinterpreter with"
)
HAS_THREADS = sys.version_info >= (3, 12)
kinds = pytest.mark.parametrize(
    "kind",
    [
        "legacy",
        pytest.param(
            "isolated",
            marks=pytest.mark.skipif(
                sys.version_info[:2] == (3, 12), reason="an isolated 3.12 frees twice what `requests` imports, without us too"
            ),
        ),
    ],
)


@kinds
def test_subinterpreter_delivers_and_counts(run_host, kind):
    """From 3.12 on a flush delivers; before, events wait for the shutdown, and the flush says so."""
    with InProcessCollector() as collector:
        facts = run_host("subinterpreter_host.py", kind, "whole", collector.events_url).facts
        assert len({event.id for event in collector.events()}) == 2
    assert facts["flushed"] == 1 if HAS_THREADS else "could not start a thread" in facts["flushed"]
    assert facts["storage"] is False
    assert facts["ended"] == [2, 2, 0]


@pytest.mark.heavy
@kinds
def test_subinterpreter_keeps_what_the_next_process_delivers(run_host, kind):
    """What a subinterpreter could not send is on the disk when it has ended, and is delivered once by another process."""
    with InProcessCollector() as collector:
        collector.fail_every(1)
        facts = run_host("subinterpreter_host.py", kind, "kept", collector.events_url).facts
        assert facts["spooled"] == 1
        assert collector.events() == []
        collector.fail_every(0)
        environ = {"ACME_MCP_EVENTS_ENDPOINT": collector.events_url}
        telemetry = Telemetry("acme-mcp", "1.0.0", environ=environ, data_dir=facts["directory"], clock=lambda: time.time() + 61)
        assert telemetry.deliver(30) == (1, 0, None)
        assert len(collector.events()) == 1


@kinds
def test_subinterpreter_that_is_ended_delivers(run_host, kind):
    """An interpreter that ends without a shutdown has sent what waited, and the process goes on."""
    with InProcessCollector() as collector:
        run_host("subinterpreter_host.py", kind, "end", collector.events_url)
        assert len(collector.events()) == 1


@kinds
def test_subinterpreter_that_ends_during_a_request_does_not_abort_the_process(run_host, kind):
    """With an endpoint that never answers the end takes a second, no thread is left and nothing is said."""
    with HostileServer("silent") as server:
        began_at = time.monotonic()
        ended = run_host("subinterpreter_host.py", kind, "end", server.url)
        assert time.monotonic() - began_at < 60
    assert ended.err == ""
