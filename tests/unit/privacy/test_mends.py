"""What an answer tells of the place that gave it: a mend for each, and none for what is as it should be."""

from __future__ import annotations

import pytest

from mcptelemetry.privacy import Gate, Verdict
from mcptelemetry.system import Answer, NoAnswer
from mcptelemetry.testing import FakeClock, ScriptedTransport

URL = "https://t.acme.dev/events"


def answered(answer):
    """Return what the gate makes of *answer*."""
    gate = Gate(ScriptedTransport(answer), refusal=lambda: None, clock=FakeClock())
    return gate.post(URL, b"{}", {"Content-Type": "application/json"}, 1.0)


@pytest.mark.parametrize("status", [300, 301, 399, 400, 401, 403, 404, 405, 407, 410, 413, 418, 421, 422, 429, 451, 500, 503, 599])
def test_every_answer_but_a_success_has_a_mend(status):
    """Whatever goes wrong, the line about it says what can be done, after what was answered."""
    outcome = answered(status)
    assert outcome.mend
    assert outcome.advice == f"{outcome.message}; {outcome.mend}"
    assert not outcome.is_doubtful


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b""),
        ({"content-type": "application/json"}, b'{"stored":1}'),
        ({"content-type": "text/plain"}, b"ok, and <html> is only mentioned"),
    ],
)
def test_success_of_a_collector_has_none(headers, body):
    """What is as it should be is not commented on."""
    outcome = answered(Answer(202, headers, body))
    assert (outcome.verdict, outcome.mend, outcome.is_doubtful) == (Verdict.DELIVERED, "", False)
    assert outcome.advice == outcome.message


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "text/html"}, b"hello"),
        ({"content-type": "Text/HTML; charset=utf-8"}, b""),
        ({}, b"\n  <!DOCTYPE html><title>Sign in</title>"),
        ({"content-type": "application/octet-stream"}, b"<HTML>"),
    ],
)
def test_page_that_says_yes_is_doubted(headers, body):
    """A status of success stands, but a web page behind it is no collector; none of it is quoted."""
    outcome = answered(Answer(200, headers, body))
    assert outcome.verdict is Verdict.DELIVERED
    assert outcome.is_doubtful
    assert outcome.message == "HTTP 200 from t.acme.dev, which is a web page"


def test_mend_of_no_answer_is_the_transports():
    """Who could not get through knows best what would help."""
    outcome = answered(NoAnswer("connection refused", mend="start it"))
    assert outcome.advice == "no answer from t.acme.dev (connection refused); start it"
    assert answered(NoAnswer("refused")).advice == "no answer from t.acme.dev (refused)"
