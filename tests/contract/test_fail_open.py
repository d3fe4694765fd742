"""In doubt nothing leaves: each `except` of the gate, turned around, is noticed by a test of the gate's own."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GATE = "mcptelemetry/privacy/_gate.py"


def load_mutate():
    spec = importlib.util.spec_from_file_location("mutate", ROOT / "tools" / "mutate.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutate"] = module  # its named tuples look themselves up
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["mutate"]
    return module


@pytest.mark.parametrize(
    ("handler", "turned"),
    [
        ("x = f'no ({error})'", {"pass", "x = None"}),
        ("return 'no'", {"pass", "return None"}),
        ("return False", {"pass", "return True"}),
        ("return SendResult(Verdict.LATER, 'é', 1)", {"pass", "return SendResult(Verdict.DELIVERED, 'é', 1)"}),
        ("if x: raise", {"pass", "if x: pass"}),
        ("log()", {"pass"}),
    ],
)
def test_every_handler_is_turned_around(handler, turned):
    """Whatever an `except` does is left out, and what it says is turned into a yes, one thing at a time."""
    source = "def f(x):\n    try:\n        g('é')\n    except Exception as error:\n        {}\n    return 'after'\n"
    mutants = load_mutate().mutants_that_fail_open(source.format(handler))
    expected = {source.format(body) for body in turned}
    assert {mutant.source for mutant in mutants} == expected
    assert all(compile(text, "mutant", "exec") for text in expected)


def test_every_handler_of_the_gate_is_turned_around():
    """There is a change for each `except` of the gate, so that none is left out below."""
    source = (ROOT / GATE).read_text(encoding="utf-8")
    handlers = {number for number, line in enumerate(source.splitlines(), 1) if re.match(r"\s*except\b", line)}
    assert handlers
    assert {mutant.line for mutant in load_mutate().mutants_that_fail_open(source)} == handlers


@pytest.mark.heavy
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the tests of each change are forked from one process")
def test_gate_that_fails_open_fails_a_test():
    """With the exceptions of the gate turned around, one at a time, its unit test fails each time."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "mutate.py"), "--fail-open", GATE],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 survived" in done.stdout
