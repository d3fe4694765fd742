"""Feedback: what may be said, how often, and what becomes of the answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcptelemetry.errors import FeedbackError
from mcptelemetry.feedback import (
    FeedbackContext,
    FeedbackRequest,
    FeedbackResponse,
    FeedbackService,
    RateLimiter,
    validate_category,
    validate_message,
)
from mcptelemetry.privacy import collect_blocked_values
from mcptelemetry.system import NoAnswer
from mcptelemetry.testing import FakeClock, ScriptedTransport

CONTEXT = FeedbackContext("v1.4.0", "personal", "linux", "amd64", 3, 2, "remote")
GOOD = FeedbackRequest("bug", "It does not start on Tuesdays.")


def service(*steps, clock=None, blocked=(), **more):
    transport = ScriptedTransport(*steps)
    return transport, FeedbackService(
        app="acme-mcp",
        endpoint="https://t.acme.dev/",
        transport=transport,
        context=lambda: CONTEXT,
        clock=clock or FakeClock(),
        blocked_values=blocked,
        **more,
    )


@pytest.mark.parametrize(
    ("category", "is_valid"),
    [("bug", True), ("feature", True), ("other", True), ("", False), ("Bug", False), ("praise", False), (None, False), (["bug"], False)],
)
def test_validate_category(category, is_valid):
    """A category is bug, feature or other."""
    assert validate_category(category) is is_valid


@pytest.mark.parametrize("message", ["a" * 10, "a" * 5000, "  " + "a" * 10 + "\n"])
def test_validate_message_accepts_10_to_5000_characters(message):
    """Ten to five thousand characters can be sent."""
    assert validate_message(message) is None


@pytest.mark.parametrize(
    ("message", "mend"),
    [("", "0 characters"), ("a" * 9, "9 characters"), (" " * 50, "0 characters"), ("a" * 5001, "5,001 characters"), (None, "must be a str")],
)
def test_validate_message_refuses_the_rest(message, mend):
    """Less or more is refused with the number of characters."""
    with pytest.raises(ValueError, match=mend):
        validate_message(message)


def test_rate_limiter_allows_so_many_in_a_sliding_hour():
    """The sixth within an hour has to wait until the first is an hour old."""
    clock = FakeClock()
    limiter = RateLimiter(5, clock.monotonic)
    for _ in range(5):
        assert limiter.allow()
        clock.advance(60)
    assert not limiter.allow()
    clock.advance(3600 - 5 * 60 - 1)
    assert not limiter.allow()
    clock.advance(1)
    assert limiter.allow()
    assert not limiter.allow()


def test_rate_limiter_refuses_what_is_no_number():
    """An invalid limit is refused by name."""
    for wrong in (-1, 1.5, True, "5"):
        with pytest.raises(ValueError, match="max_per_hour"):
            RateLimiter(wrong)
    assert not RateLimiter(0).allow()


def test_feedback_posts_what_was_typed_with_its_context():
    """The document goes to <endpoint>/feedback and holds the text and the context, nothing else."""
    transport, feedback = service((201, b'{"success": true, "issue_url": "https://github.com/acme/issues/7"}'))
    response = feedback.submit(FeedbackRequest("feature", "  Please add a dark mode.  ", email="tim@acme.dev"))
    assert response == FeedbackResponse(success=True, issue_url="https://github.com/acme/issues/7")
    (request,) = transport.requests
    assert request.url == "https://t.acme.dev/feedback"
    assert json.loads(request.body) == {
        "app": "acme-mcp",
        "category": "feature",
        "message": "Please add a dark mode.",
        "email": "tim@acme.dev",
        "context": {
            "version": "v1.4.0",
            "edition": "personal",
            "os": "linux",
            "arch": "amd64",
            "server_count": 3,
            "connected_server_count": 2,
            "routing_mode": "remote",
        },
    }
    assert request.body == feedback.compose(FeedbackRequest("feature", "Please add a dark mode.", email="tim@acme.dev"))
    assert request.answer_max_bytes == 1024 * 1024


@pytest.mark.parametrize(
    "body", [b"", b"thanks", b"[1]", b'{"success": tru', b"\xff\xfe", b"[" * 100_000, b'{"issue_url": 7, "error": 7}']
)
def test_feedback_unreadable_answer_is_success(body):
    """A 2xx whose body cannot be read is success all the same."""
    _, feedback = service((202, body))
    assert feedback.submit(GOOD) == FeedbackResponse(success=True)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://x.dev/\u001b[2J", "file:///etc/passwd", "https://", "http://[", "x" * 3000])
def test_feedback_issue_url_that_is_no_web_address_is_not_shown(url):
    """What a person could not safely follow is left out."""
    _, feedback = service((200, json.dumps({"issue_url": url}).encode()))
    assert feedback.submit(GOOD).issue_url is None


def test_feedback_the_other_side_may_say_no_in_a_2xx():
    """An answer that says it did not work is passed on in one line."""
    _, feedback = service((200, b'{"success": false, "error": "closed\\u001b[2J\\nfor today"}'))
    assert feedback.submit(GOOD) == FeedbackResponse(success=False, error="closed [2J for today")


@pytest.mark.parametrize("status", [400, 401, 404, 413, 429, 500, 503])
def test_feedback_error_status_raises_with_status_and_excerpt(status):
    """An answer of 400 or above raises, with the status and the beginning of the body."""
    _, feedback = service((status, b"no thanks"))
    with pytest.raises(FeedbackError, match="no thanks") as caught:
        feedback.submit(GOOD)
    assert caught.value.status == status
    assert str(status) in str(caught.value)


def test_feedback_without_an_answer_raises_without_status():
    """No answer raises too, and there is no status to tell."""
    _, feedback = service(NoAnswer("refused"))
    with pytest.raises(FeedbackError, match="no answer") as caught:
        feedback.submit(GOOD)
    assert caught.value.status is None


def test_feedback_redirect_is_not_followed():
    """A redirect is an error that names where it points."""
    transport, feedback = service(302)
    with pytest.raises(FeedbackError, match="302"):
        feedback.submit(GOOD)
    assert len(transport.requests) == 1


def test_feedback_sixth_in_an_hour_is_refused_and_invalid_input_is_not_counted():
    """Five an hour may be sent; what was invalid does not use up the allowance."""
    clock = FakeClock()
    transport, feedback = service(clock=clock)
    for _ in range(10):
        with pytest.raises(ValueError):
            feedback.submit(FeedbackRequest("praise", "It works very well."))
        with pytest.raises(ValueError):
            feedback.submit(FeedbackRequest("bug", "short"))
        with pytest.raises(ValueError, match="email must be"):
            feedback.submit(FeedbackRequest("bug", "It does not start.", email="not an address"))
    for _ in range(5):
        feedback.submit(GOOD)
    with pytest.raises(FeedbackError, match="5 were sent within the last hour"):
        feedback.submit(GOOD)
    assert len(transport.requests) == 5
    clock.advance(3600)
    assert feedback.submit(GOOD).success


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("it fails on tims-laptop every day", "hostname"),
        ("my token is s3cr3t-Value-42 and it fails", "env:GITHUB_TOKEN"),
        ("see /home/tim/acme/log.txt for more", "/home/"),
    ],
)
def test_feedback_with_something_of_the_machine_is_not_sent(message, named):
    """What should not leave is refused with the place it came from, and nothing is sent."""
    blocked = collect_blocked_values("tims-laptop", "/home/tim", {"GITHUB_TOKEN": "s3cr3t-Value-42"})
    transport, feedback = service(blocked=blocked)
    with pytest.raises(FeedbackError, match="should not leave") as caught:
        feedback.submit(FeedbackRequest("bug", message))
    assert named in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    assert transport.requests == []


def test_feedback_of_a_person_called_linux_can_be_sent():
    """A user or host name that is also a word of ours does not stop feedback."""
    transport, feedback = service(blocked=collect_blocked_values("personal", "/home/linux", {}))
    assert feedback.submit(GOOD).success
    assert len(transport.requests) == 1


EXAMPLES = [
    (row["shape"], "".join(row["parts"]))
    for row in json.loads((Path(__file__).parents[1] / "data" / "token_shapes.json").read_text())
]


@pytest.mark.parametrize(("shape", "token"), EXAMPLES)
@pytest.mark.parametrize("around", ["{}", "it says {} and stops", "as %28 {} %29 in the log"])
def test_feedback_with_a_token_is_refused_by_its_kind(shape, token, around):
    """A well-known token in the message is refused: its kind is named, and nothing of the token."""
    transport, feedback = service()
    with pytest.raises(FeedbackError, match="the message holds a token") as caught:
        feedback.submit(FeedbackRequest("bug", "What I saw: " + around.format(token)))
    assert shape in str(caught.value)
    assert token[-10:] not in str(caught.value)
    assert transport.requests == []


@pytest.mark.parametrize(("shape", "token"), EXAMPLES)
def test_feedback_with_a_token_in_the_address_is_refused(shape, token):
    """No token passes in the e-mail address either: it is refused, or it is no address at all."""
    transport, feedback = service()
    for email in (f"{token}@acme.dev", f"tim@{token}.dev", f"x@{token}"):
        with pytest.raises((FeedbackError, ValueError)) as caught:
            feedback.submit(FeedbackRequest("bug", "It does not start.", email=email))
        assert token[-10:] not in str(caught.value)
    assert transport.requests == []


@pytest.mark.parametrize(
    ("email", "named"),
    [
        ("s3cr3t-Value-42@acme.dev", "env:GITHUB_TOKEN"),
        ("tim@tims-laptop.example", "hostname"),
        ("/home/tim/@acme.dev", "/home/"),
        ("%2Fhome%2Ftim@acme.dev", "/home/"),
    ],
)
def test_feedback_address_is_searched_like_the_message(email, named):
    """A credential, the machine's name or a path does not leave as an address."""
    blocked = collect_blocked_values("tims-laptop", "/home/tim", {"GITHUB_TOKEN": "s3cr3t-Value-42"})
    transport, feedback = service(blocked=blocked)
    with pytest.raises(FeedbackError, match="the email holds") as caught:
        feedback.submit(FeedbackRequest("bug", "It does not start.", email=email))
    assert named in str(caught.value)
    assert transport.requests == []


def test_feedback_takes_an_address_that_is_called_like_the_person():
    """Whoever is called tim may be answered at tim@acme.dev."""
    transport, feedback = service(blocked=collect_blocked_values("tims-laptop", "/home/tim", {"USER": "tim"}))
    assert feedback.submit(FeedbackRequest("bug", "It does not start.", email="tim@acme.dev")).success
    assert len(transport.requests) == 1


def test_feedback_that_is_shown_is_printable_and_the_one_that_is_sent():
    """Control, bidi and zero-width characters stand as escapes in the very bytes that leave."""
    transport, feedback = service()
    message = "It \x1b[2J does\u202e not\u200b start\x7f \u2028 \U000e0041 \u3164\r\n or \x9b stop."
    shown = feedback.compose(FeedbackRequest("bug", message))
    feedback.submit(FeedbackRequest("bug", message))
    assert [request.body for request in transport.requests] == [shown]
    assert json.loads(shown)["message"] == message
    assert all(line.isprintable() and "\u3164" not in line for line in shown.decode().split("\n"))
