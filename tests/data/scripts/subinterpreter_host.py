"""
A host that runs an application in a subinterpreter: ``subinterpreter_host.py KIND SCENE URL``.

KIND is legacy or isolated. In the SCENE "whole" it is shut down there; in "end" the interpreter ends while an event
waits or is on its way; in "kept" it keeps its events on the disk and ends. What happened inside is reported from there; that the process goes on, by the exit status.
"""

from __future__ import annotations

import os
import sys
import tempfile

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

INSIDE = """
import json, os, sys, time, warnings
sys.path[:] = paths
warnings.simplefilter("ignore")  # of `requests`, which finds no module of C code for an isolated interpreter
from mcptelemetry import Telemetry, UploadError
facts = {}
if scene == "kept":
    os.makedirs(directory)
    with open(os.path.join(directory, "telemetry.toml"), "w") as file:
        file.write("[proxy.telemetry]\\nspool = true\\n")
telemetry = Telemetry(
    "acme-mcp", "1.0.0", environ={"ACME_MCP_EVENTS_ENDPOINT": url}, data_dir=directory,
    heartbeat_endpoint="http://127.0.0.1:9", tools=("search",), notice=lambda text: True,
)
telemetry.start()
telemetry.record("search")
if scene == "end":
    time.sleep(0.3)  # on its way by now
elif scene == "kept":
    telemetry.shutdown()
    facts["spooled"] = telemetry.pipeline.stats().spooled
    facts["directory"] = directory
    sys.stdout.write(json.dumps(facts) + "\\n")
else:
    try:
        facts["flushed"] = telemetry.flush(20)
    except UploadError as error:
        facts["flushed"] = str(error)
    facts["storage"] = telemetry.status()["storage"]["degraded"]
    telemetry.record("search")
    telemetry.shutdown(20)
    stats = telemetry.pipeline.stats()
    facts["ended"] = [stats.recorded, stats.delivered, stats.dropped]
    sys.stdout.write(json.dumps(facts) + "\\n")
sys.stdout.flush()
"""


def run(kind, scene, url):
    values = {"paths": sys.path, "url": url, "scene": scene, "directory": os.path.join(tempfile.mkdtemp(), "data")}
    code = "".join(f"{name} = {value!r}\n" for name, value in values.items()) + INSIDE
    if sys.version_info >= (3, 13):
        interpreter = interpreters.create(kind)
    else:
        interpreter = interpreters.create(isolated=kind == "isolated")
    trouble = interpreters.run_string(interpreter, code)
    interpreters.destroy(interpreter)
    return trouble


if __name__ == "__main__":
    checkout = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    sys.path.insert(0, checkout)
    sys.exit(run(*sys.argv[1:]))
