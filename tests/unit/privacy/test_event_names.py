"""Names of events are searched once a shape, for as long as there is nothing new to search for."""

from __future__ import annotations

import sys

from mcptelemetry import TelemetryEvent
from mcptelemetry.privacy import NameJudge

SECRET = "s3cr3t-Value-42"  # noqa: S105  not one
SHAPES = [TelemetryEvent(f"tool_{number} {SECRET}", "local_only").shape for number in range(3)]


def searches_in(judge, shapes):
    """Return how many names *judge* opened to search them, and what it found."""
    opened = []

    def note(frame, event, _argument):
        if event == "call" and frame.f_code.co_name == "_judge":
            opened.append(frame)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        guilt = judge.find_guilt(shapes)
    finally:
        sys.setprofile(before)
    return len(opened), guilt


def test_shape_is_searched_once():
    """The second batch of the same shapes is searched no more; a new shape is."""
    judge = NameJudge({"ACME_API_KEY": "another-Value-42"})
    assert searches_in(judge, SHAPES[:2]) == (2, None)
    assert searches_in(judge, SHAPES[:2]) == (0, None)
    assert searches_in(judge, SHAPES) == (1, None)


def test_variable_that_is_no_credential_changes_nothing():
    """A host that counts in its environment does not have every name searched again for each batch."""
    environ = {"ACME_API_KEY": "another-Value-42"}
    judge = NameJudge(environ)
    judge.find_guilt(SHAPES)
    for number in range(3):
        environ["ACME_STEP"] = f"step {number}"
        assert searches_in(judge, SHAPES) == (0, None)


def test_credential_that_comes_or_goes_has_all_names_searched_again():
    """What was innocent is guilty under a new credential, and innocent again without it."""
    environ = {}
    judge = NameJudge(environ)
    assert searches_in(judge, SHAPES) == (3, None)
    environ["ACME_API_KEY"] = SECRET
    assert searches_in(judge, SHAPES[:1]) == (1, "a name holds a credential (env:ACME_API_KEY)")
    del environ["ACME_API_KEY"]
    assert searches_in(judge, SHAPES) == (3, None)
