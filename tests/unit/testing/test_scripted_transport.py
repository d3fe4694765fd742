"""The scripted way out obeys the contract of the port it stands for."""

from __future__ import annotations

import pytest

from mcptelemetry.system import Answer, NoAnswer, Request
from mcptelemetry.testing import ScriptedTransport

REQUEST = Request("http://127.0.0.1:1/t", b"{}", {"Content-Type": "application/json"}, 1.0, 4)


def test_scripted_transport_plays_its_steps_in_order_and_then_the_last_word():
    """Each post takes the next step; when there is none left, `otherwise` answers."""
    transport = ScriptedTransport(500, (400, b"why"), otherwise=204)
    assert [transport.post(REQUEST).status for _ in range(4)] == [500, 400, 204, 204]


def test_scripted_transport_remembers_every_request():
    """A request is remembered also when its step is an exception."""
    transport = ScriptedTransport(NoAnswer("refused"))
    with pytest.raises(NoAnswer):
        transport.post(REQUEST)
    transport.post(REQUEST)
    assert transport.requests == [REQUEST, REQUEST]


def test_scripted_transport_answers_as_a_real_one_would():
    """Header names come in lower case, and no more of the body than was asked for."""
    transport = ScriptedTransport(Answer(200, {"Retry-After": "5"}, b"123456"))
    assert transport.post(REQUEST) == Answer(200, {"retry-after": "5"}, b"1234")


def test_scripted_transport_counts_renewals_and_closings():
    """The calls around a fork and at the end can be seen."""
    transport = ScriptedTransport()
    transport.after_fork()
    transport.close()
    transport.close()
    assert (transport.fork_count, transport.closings) == (1, 2)


@pytest.mark.parametrize("step", [None, "500", True, (200,), object()])
def test_scripted_transport_refuses_what_is_no_step(step):
    """A slip in the script shows where it was written, not at the post."""
    with pytest.raises(TypeError, match="step must be"):
        ScriptedTransport(step)
