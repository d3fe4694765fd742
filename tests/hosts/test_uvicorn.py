"""uvicorn, which ends by raising the signal that stopped it once more: exit functions do not run then."""

from __future__ import annotations

import sys

import pytest

from .conftest import DATA, LATER_SECS, REQUEST_COUNT

uvicorn = pytest.importorskip("uvicorn", reason="uvicorn comes with the mcp extra, which has no release for this Python")


def command_for(end):
    return lambda port: [sys.executable, str(DATA / "asgi_host.py"), str(port), end]


@pytest.mark.parametrize("end", ["signal", "lifespan"])
def test_uvicorn_that_is_told_of_the_end_loses_nothing(serve, end):
    """With the signal handlers, or a shutdown in the lifespan, all is delivered and counted, and the signal ends it."""
    facts = serve(command_for(end))
    assert "Traceback" not in facts.said, facts.said
    ids = [event.id for event in facts.events]
    assert len(set(ids)) == len(ids) == REQUEST_COUNT
    assert facts.count == REQUEST_COUNT
    assert facts.took_secs["ours"] < facts.took_secs["bare"] + 3 * LATER_SECS


def test_uvicorn_that_is_not_loses_what_waits(serve):
    """Without either the process dies of the signal with what waited in it, as the deployment guide says."""
    facts = serve(command_for("nothing"))
    assert facts.events == []
