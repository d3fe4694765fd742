"""Runs the small hosts of `tests/data/scripts`, each in a process of its own, with a limit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "data" / "scripts"
HANGS_AFTER_SECS = 300
PATIENCE_SECS = 30  # on top of it, so that a host that hangs is told with what it said
TRACE = "trace=%file,%network,%process,read,write"
PASSED_ON = ("PATH", "PYTHONDEVMODE", "RECORD_UNDER_LOCK")


def pytest_collection_modifyitems(items):
    """Give the tests of this room more time than others have: some of their hosts have much to compute."""
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(HANGS_AFTER_SECS + PATIENCE_SECS))


@pytest.fixture
def run_host(tmp_path):
    """Return a function that runs a script to its end and returns what it said."""

    def run(script, *arguments, secs=HANGS_AFTER_SECS, prefix=(), expect=0):
        process = subprocess.Popen(
            [*prefix, sys.executable, str(SCRIPTS / script), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
                "HOME": str(tmp_path),
                "TMPDIR": str(tmp_path),
            },
        )
        try:
            out, err = process.communicate(timeout=secs)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            pytest.fail(f"{script} {arguments} hung; it said {out!r} and {err!r}")
        if expect is not None:
            assert process.returncode == expect, f"{script} {arguments} ended with {process.returncode}: {err}"
        facts = json.loads(out.splitlines()[-1]) if out.startswith("{") else {}
        # What an exception overtook before it could be closed is closed by the collection of garbage,
        # about which the development mode says a word or two.
        complaints = [line for line in err.splitlines() if "ResourceWarning: " not in line]
        return types.SimpleNamespace(
            status=process.returncode, out=out, err=err, complaints=complaints, facts=facts
        )

    return run


@pytest.fixture
def strace(tmp_path):
    """Return the command that traces what follows it, and the file it writes."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed (Debian: apt-get install strace)")
    log = tmp_path / "strace.log"
    command = ["strace", "-f", "-o", str(log), "-e", TRACE]
    found = subprocess.run([*command, "true"], capture_output=True, text=True, timeout=30, check=False)
    if found.returncode != 0:
        pytest.skip(f"strace may not trace here: {found.stderr.strip()[-200:]}")
    return command, log
