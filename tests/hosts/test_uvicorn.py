"""uvicorn, which ends by raising the signal that stopped it once more: exit functions do not run then."""

from __future__ import annotations

import sys

import pytest

from .conftest import DATA, LATER_SECS, TRIES, check_each_once, is_complete

uvicorn = pytest.importorskip("uvicorn", reason="uvicorn comes with the mcp extra, which has no release for this Python")


def command_for(end):
    return lambda port: [sys.executable, str(DATA / "asgi_host.py"), str(port), end]


@pytest.mark.parametrize("end", ["signal", "lifespan"])
def test_uvicorn_that_is_told_of_the_end_loses_nothing(serve, end):
    """With the signal handlers, or a shutdown in the lifespan, all is delivered and counted, and the signal ends it."""
    for _ in range(TRIES):
        facts = serve(command_for(end))
        assert "Traceback" not in facts.said, facts.said
        check_each_once(facts.events)
        if is_complete(facts) and facts.took_secs["ours"] < facts.took_secs["bare"] + 3 * LATER_SECS:
            return
    pytest.fail(f"{len(facts.events)} delivered, {facts.count} counted, and it took {facts.took_secs} to stop: {facts.said}")


def test_uvicorn_that_is_not_loses_what_waits(serve):
    """Without either the process dies of the signal with what waited in it, as the deployment guide says."""
    facts = serve(command_for("nothing"))
    assert facts.events == []
