"""
What the host scripts beside this file share: they are small hosts, each run in a process of
its own by the tests, and they report on standard output in one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, os.environ.get("MCPTELEMETRY_CHECKOUT") or str(Path(__file__).parents[3]))

import locked_build  # noqa: E402, F401

from mcptelemetry.events import PipelineConfig, Recorder, TelemetryPipeline  # noqa: E402


def make_pipeline(url, **config):
    """Return a started pipeline to *url* and its `record` function."""
    pipeline = TelemetryPipeline(PipelineConfig(endpoint=url, **config), environ={})
    pipeline.start()
    import time

    return pipeline, Recorder(pipeline.buffer, time.time).record


def make_telemetry(url):
    """Return a started `Telemetry` whose events go to *url*, an operator's endpoint."""
    from mcptelemetry import Telemetry

    telemetry = Telemetry(
        "acme-mcp",
        "1.0.0",
        environ={"ACME_MCP_EVENTS_ENDPOINT": url},
        data_dir=os.path.join(tempfile.gettempdir(), "mcptelemetry-no-such-directory"),
    )
    telemetry.start()
    return telemetry


def account(pipeline):
    """Return the account as a mapping, with *is_balanced* added."""
    stats = pipeline.stats()
    names = ("recorded", "delivered", "dropped", "rejected", "spooled", "buffered", "in_flight", "requeued", "invalid")
    found = {name: getattr(stats, name) for name in names}
    parts = ("delivered", "dropped", "rejected", "spooled", "buffered", "in_flight")
    found["is_balanced"] = found["recorded"] == sum(found[name] for name in parts)
    found["last_error"] = stats.last_error
    return found


def note_swallowed(kind):
    """
    Return a list that grows by each *kind* of exception that the interpreter swallows outside of the package.

    It does so with what a signal handler raises in a callback of a weak reference, a destructor or a hook
    of the standard library's own; in one of ours it would count as lost, and is printed.
    """
    swallowed = []

    def note(unraisable):
        places = [str(getattr(unraisable.object, "__module__", ""))]
        frame = unraisable.exc_traceback
        while frame is not None:
            places.append(str(frame.tb_frame.f_globals.get("__name__")))
            frame = frame.tb_next
        if unraisable.exc_type is kind and not any(place.startswith("mcptelemetry") for place in places):
            swallowed.append(places)
        else:
            sys.__unraisablehook__(unraisable)

    sys.unraisablehook = note
    return swallowed


def report(**facts):
    """Say what was found."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def flush_until_empty(pipeline, secs=120):
    """Flush until nothing waits."""
    import time

    from mcptelemetry.errors import UploadError

    ends_at = time.monotonic() + secs
    while time.monotonic() < ends_at:
        try:
            pipeline.flush(30)
        except UploadError:
            time.sleep(0.02)  # the endpoint may have asked to be left alone
            continue
        if pipeline.buffer.is_empty() and not pipeline.stats().in_flight:
            return
    raise SystemExit("the queue did not become empty")
