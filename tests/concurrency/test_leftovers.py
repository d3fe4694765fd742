"""Making and dropping what the package has leaves nothing behind in the process."""

from __future__ import annotations

import os
import sys

import pytest

from mcptelemetry.testing import InProcessCollector

pytestmark = pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="this system does not fork")

COUNT_OF_SCENE = {"telemetry": 1000, "store": 1000, "status": 1000, "started": 50}


@pytest.mark.parametrize("scene", COUNT_OF_SCENE)
def test_leftovers_of_a_thousand_are_none(run_host, scene):
    """Fork and exit hooks, threads, descriptors and objects of ours are as many as before."""
    with InProcessCollector() as collector:
        result = run_host("leftover_host.py", scene, COUNT_OF_SCENE[scene], collector.url)
    before, after = result.facts["before"], result.facts["after"]
    assert before["fork"] == 3
    assert before["exit"] == 0  # who has not started, or has ended, has nothing to do at the exit
    assert before["objects"] > 0
    assert after == before
