"""
The only way out: what is asked before a byte leaves, what counts as a no, and what an answer means.

The table of statuses and the words of the messages are written by hand, never taken from the
gate itself.
"""

from __future__ import annotations

from email.utils import formatdate

import pytest

from mcptelemetry.privacy import Gate, NotYet, SendResult, Verdict
from mcptelemetry.system import Answer, MissingPackage, NoAnswer
from mcptelemetry.testing import FakeClock, ScriptedTransport

URL = "https://t.acme.dev/events"
BODY = b'{"events": []}'
HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer s3cret-Token"}
SECRET = "s3cret-Token"  # noqa: S105  not one

# What an `except Exception` has to take: the common ones, those with odd constructors, and our own.
FAULTS = [
    ValueError("value 17"),
    OSError(28, "no space left"),
    MemoryError(),
    RecursionError("too deep"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    StopIteration(),
    NoAnswer("nobody there"),
    AssertionError(),
]
ENDINGS = [KeyboardInterrupt(), SystemExit(3), GeneratorExit()]


class Way:
    """A gate with a scripted transport, a scan and a refusal, and the order in which they were asked."""

    def __init__(self, *steps, found=None, refusal=None, is_searched=True, transport=None):
        self.transport = transport or ScriptedTransport(*steps)
        self.clock = FakeClock(time=1_700_000_000.0)
        self.found, self.no = found, refusal
        self.steps = []
        self.gate = Gate(
            self.transport,
            refusal=self.refuse,
            clock=self.clock,
            scan=self.scan if is_searched else None,
        )

    def scan(self, body):
        self.steps.append(("search", body, len(self.transport.requests)))
        return self.say(self.found)

    def refuse(self):
        self.steps.append(("ask", len(self.transport.requests)))
        return self.say(self.no)

    @staticmethod
    def say(word):
        if isinstance(word, BaseException):
            raise word
        return word

    def post(self, body=BODY, url=URL, **options):
        return self.gate.post(url, body, HEADERS, 7.5, **options)

    @property
    def sent(self):
        return [request.body for request in self.transport.requests]


class Slow(ScriptedTransport):
    """A transport that takes its time to make a way: *meanwhile* is done before it asks."""

    def __init__(self, meanwhile):
        super().__init__()
        self.meanwhile = meanwhile

    def post(self, request):
        self.meanwhile(request)
        return super().post(request)


def on_the_way(says, body=BODY):
    """Post while, as the way is being made, the switches come to say *says*; return the way and the outcome."""

    def turn(_request):
        way.no = says

    way = Way(transport=Slow(turn))
    return way, way.post(body)


def answered(status=500, body=b"", headers=None, *, url=URL, **options):
    """Return what an answer of this kind comes to."""
    return Way(Answer(status, headers or {}, body)).post(url=url, **options)


# -- before a byte leaves ---------------------------------------------------------------


def test_gate_searches_then_asks_then_sends():
    """The body is searched first, the switch asked then and again when the way stands; only then it is sent, once."""
    way = Way(202)
    outcome = way.post()
    assert way.steps == [("search", BODY, 0), ("ask", 0), ("ask", 0)]
    assert way.sent == [BODY]
    assert outcome == SendResult(Verdict.DELIVERED, 202, None, "HTTP 202 from t.acme.dev")


def test_gate_searches_and_asks_anew_for_every_sending():
    """Neither a clean body nor a yes is remembered: each post is searched and asked for by itself."""
    way = Way()
    assert way.post(b"one").verdict is Verdict.DELIVERED
    way.no = "DO_NOT_TRACK"
    assert way.post(b"two").verdict is Verdict.REFUSED
    way.no, way.found = None, "it holds a path"
    assert way.post(b"three").verdict is Verdict.UNCLEAN
    way.found = None
    assert way.post(b"four").verdict is Verdict.DELIVERED
    assert way.sent == [b"one", b"four"]
    searched = [step[1] for step in way.steps if step[0] == "search"]
    assert searched == [b"one", b"two", b"three", b"four"]
    # Twice for what left, once for what was refused, never for what is not clean.
    assert [step[0] for step in way.steps].count("ask") == 2 + 1 + 0 + 2


@pytest.mark.parametrize("found", ["it holds a credential (env:GITHUB_TOKEN)", ""])
def test_gate_sends_nothing_that_the_search_found_something_in(found):
    """A finding, however it is worded, keeps the body here; the switch need not be asked."""
    way = Way(found=found)
    assert way.post() == SendResult(Verdict.UNCLEAN, None, None, f"nothing was sent: {found}")
    assert way.sent == []
    assert [step[0] for step in way.steps] == ["search"]


@pytest.mark.parametrize("refusal", ["DO_NOT_TRACK", ""])
def test_gate_sends_nothing_that_is_refused(refusal):
    """A no, however it is worded, keeps the body here."""
    way = Way(refusal=refusal)
    assert way.post() == SendResult(Verdict.REFUSED, None, None, f"nothing was sent: {refusal}")
    assert way.sent == []


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_gate_sends_nothing_when_the_search_fails(fault):
    """A search that raises has not found the body clean; the outcome names the kind of error alone."""
    way = Way(found=fault)
    outcome = way.post()
    assert way.sent == []
    assert [step[0] for step in way.steps] == ["search"]
    name = type(fault).__name__
    expected = f"nothing was sent: the body could not be searched ({name})"
    assert outcome == SendResult(Verdict.UNCLEAN, None, None, expected)


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_gate_sends_nothing_when_the_switch_cannot_be_asked(fault):
    """A refusal that raises may have been a no, and is not known to be one: nothing leaves, and nothing is given up."""
    way = Way(refusal=fault)
    outcome = way.post()
    assert way.sent == []
    name = type(fault).__name__
    expected = f"nothing was sent: the switches could not be read ({name})"
    assert outcome == SendResult(Verdict.NOT_YET, None, 1.0, expected)


def test_gate_without_a_search_still_asks():
    """Who gives no search has none made, and is asked for a refusal all the same."""
    way = Way(is_searched=False)
    assert way.post().verdict is Verdict.DELIVERED
    assert way.steps == [("ask", 0), ("ask", 0)]
    way.no = "CI"
    assert way.post().verdict is Verdict.REFUSED
    assert len(way.sent) == 1


@pytest.mark.parametrize("plain", [b"what it was before", b""])
def test_gate_searches_the_body_as_it_was_before_compression(plain):
    """With *searched* given, even when it is empty, that is searched and the body is what leaves."""
    way = Way()
    way.post(b"\x1f\x8bcompressed", searched=plain)
    assert way.steps[0] == ("search", plain, 0)
    assert way.sent == [b"\x1f\x8bcompressed"]


@pytest.mark.parametrize("ending", ENDINGS, ids=repr)
def test_gate_lets_the_end_of_the_process_through_unsent(ending):
    """An exit or an interrupt while searching or asking is nobody's verdict; nothing leaves."""
    for way in (Way(found=ending), Way(refusal=ending)):
        with pytest.raises(type(ending)):
            way.post()
        assert way.sent == []


def test_gate_keeps_what_may_not_leave_yet_for_later():
    """To wait is no no: nothing is sent, the same body may be, and the outcome says when."""
    way = Way(refusal=NotYet("the notice is fresh", 17.0))
    assert way.post() == SendResult(Verdict.NOT_YET, None, 17.0, "nothing was sent: the notice is fresh")
    assert way.sent == []
    way, outcome = on_the_way(NotYet("the notice is fresh", 17.0))
    assert outcome == SendResult(Verdict.NOT_YET, None, 17.0, "the sending was stopped: the notice is fresh")
    assert way.sent == []


@pytest.mark.parametrize(
    ("of_all", "of_this_body", "message"),
    [
        ("DO_NOT_TRACK", "it is old", "nothing was sent: DO_NOT_TRACK"),
        ("", "it is old", "nothing was sent: "),
        (None, "it is old", "nothing was sent: it is old"),
        (None, "", "nothing was sent: "),
    ],
)
def test_gate_asks_about_this_very_body_too(of_all, of_this_body, message):
    """A body may have a question of its own, asked whenever that about all of them is answered with a yes."""
    way, asked = Way(refusal=of_all), []

    def refusal():
        asked.append(len(way.sent))
        return way.say(of_this_body)

    assert way.post(refusal=refusal) == SendResult(Verdict.REFUSED, None, None, message)
    assert way.sent == []
    assert len(asked) == (of_all is None)


def test_gate_asks_about_this_very_body_again_when_the_way_stands():
    """Each block asks both questions, and the next body has none of this one's."""
    way, answers = Way(), iter([None, "it is old"])
    outcome = way.post(refusal=lambda: next(answers))
    assert outcome == SendResult(Verdict.REFUSED, None, None, "the sending was stopped: it is old")
    assert way.sent == []
    assert way.post().verdict is Verdict.DELIVERED


# -- while it is on its way -------------------------------------------------------------


@pytest.mark.parametrize("refusal", ["DO_NOT_TRACK", ""])
def test_gate_sends_nothing_that_is_refused_while_the_way_is_made(refusal):
    """A no that comes while names are looked up and a connection is made, however worded, is obeyed."""
    way, outcome = on_the_way(refusal)
    assert outcome == SendResult(Verdict.REFUSED, None, None, f"the sending was stopped: {refusal}")
    assert way.sent == []


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_gate_sends_nothing_when_the_switch_cannot_be_asked_again(fault):
    """A second look that raises may have been a no as well; the outcome names the kind of error alone."""
    way, outcome = on_the_way(fault)
    expected = f"the sending was stopped: the switches could not be read ({type(fault).__name__})"
    assert outcome == SendResult(Verdict.NOT_YET, None, 1.0, expected)
    assert way.sent == []


@pytest.mark.parametrize("ending", ENDINGS, ids=repr)
def test_gate_lets_the_end_of_the_process_through_at_the_second_look(ending):
    """An exit or an interrupt while asking again is nobody's verdict; nothing leaves."""
    way = Way(transport=Slow(lambda _request: setattr(way, "no", ending)))
    with pytest.raises(type(ending)):
        way.post()
    assert way.sent == []


@pytest.mark.parametrize(("length", "blocks"), [(0, 1), (1, 1), (16_384, 1), (16_385, 2), (50_000, 4)])
def test_gate_is_asked_before_each_block(length, blocks):
    """Once before the way is made, then before the first byte and before each further 16 KiB."""
    way = Way(is_searched=False)
    assert way.post(b"x" * length).verdict is Verdict.DELIVERED
    assert way.steps == [("ask", 0)] * (1 + blocks)


@pytest.mark.parametrize("no", ["off", "", ValueError("value 17")], ids=repr)
def test_gate_takes_a_no_on_the_way_for_final(no):
    """What was refused once in a transmission stays so, whatever the switches say a moment later."""
    answers = []

    def change_minds(request):
        for way.no in (None, no, None):
            answers.append(request.may_send())

    way = Way(transport=Slow(change_minds))
    expected = Verdict.NOT_YET if isinstance(no, Exception) else Verdict.REFUSED
    assert way.post().verdict is expected
    assert answers == [True, False, False]
    assert way.sent == []
    assert way.post(b"{}").verdict is expected
    way.transport.meanwhile = lambda _request: None
    assert way.post(b"{}").verdict is Verdict.DELIVERED  # the next transmission is asked for by itself


# -- what the transport is given, and what it does --------------------------------------


def test_gate_hands_the_request_through_unchanged():
    """URL, body, the very headers, the time and the cap reach the transport as they were given."""
    way = Way()
    way.post()
    (request,) = way.transport.requests
    assert request.url == URL
    assert request.body is BODY
    assert request.headers is HEADERS
    assert request.timeout_secs == 7.5
    assert request.answer_max_bytes == 4096
    assert request.is_repeatable is True


def test_gate_says_what_must_not_be_written_twice():
    """A body that may go once only is marked so for the transport."""
    way = Way()
    way.post(is_repeatable=False)
    assert way.transport.requests[0].is_repeatable is False


def test_gate_leaves_the_token_to_the_headers():
    """The secret is for the message only: nothing is added to the request for it."""
    way = Way()
    way.post(secret="another")
    (request,) = way.transport.requests
    assert "another" not in repr(request)
    assert HEADERS == {"Content-Type": "application/json", "Authorization": "Bearer s3cret-Token"}


@pytest.mark.parametrize("cap", [1, 10, 4096, 5000])
def test_gate_reads_no_more_of_an_answer_than_it_is_allowed(cap):
    """The cap goes with the request, and what was read comes back whole."""
    way = Way((200, b"x" * 6000))
    outcome = way.post(answer_max_bytes=cap)
    assert way.transport.requests[0].answer_max_bytes == cap
    assert outcome.body == b"x" * cap


def test_gate_takes_no_answer_for_a_failure_that_passes():
    """Nobody there: later, with the transport's words and the host without credentials."""
    way = Way(NoAnswer("connection refused"))
    outcome = way.post(url="https://user:pass@t.acme.dev:8443/events?key=1")
    expected = "no answer from t.acme.dev:8443 (connection refused)"
    assert outcome == SendResult(Verdict.LATER, None, None, expected)
    assert len(way.sent) == 1


def test_gate_says_what_is_missing_and_leaves_it_for_a_day():
    """A process that lacks a package cannot send now or in a minute: the mend is said, and nobody tries again soon."""
    outcome = Way(MissingPackage("the package requests is missing; install it")).post()
    expected = "nothing can be sent: the package requests is missing; install it"
    assert outcome == SendResult(Verdict.UNABLE, None, 86_400, expected)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if not isinstance(fault, NoAnswer)], ids=repr)
def test_gate_takes_a_fault_in_the_transport_for_no_answer(fault):
    """Any other error of a transport is later too; its text may hold anything and is not shown."""
    outcome = Way(fault).post()
    expected = f"no answer from t.acme.dev ({type(fault).__name__})"
    assert outcome == SendResult(Verdict.LATER, None, None, expected)


@pytest.mark.parametrize("ending", ENDINGS, ids=repr)
def test_gate_lets_the_end_of_the_process_through_while_sending(ending):
    """An exit or an interrupt in the transport ends the process, not the attempt."""
    way = Way(ending)
    with pytest.raises(type(ending)):
        way.post()


def test_gate_sends_once_whatever_comes_back():
    """The gate itself never tries again: that is its caller's decision."""
    for step in (200, 301, 408, 413, 429, 500, NoAnswer("reset"), RuntimeError("bug")):
        way = Way(step)
        way.post()
        assert len(way.sent) == 1


def test_gate_shows_the_file_that_took_no_answer():
    """An endpoint that is a file has no host; its path is named."""
    outcome = Way(NoAnswer("no space left")).post(url="file:///var/log/events.jsonl")
    assert outcome.message == "no answer from /var/log/events.jsonl (no space left)"


def test_gate_passes_renew_and_close_to_its_transport():
    """A forked child, and whoever is done, reach the connections through the gate."""
    way = Way()
    way.gate.after_fork()
    assert (way.transport.fork_count, way.transport.closings) == (1, 0)
    way.gate.close()
    assert (way.transport.fork_count, way.transport.closings) == (1, 1)
    assert way.steps == []
    assert way.sent == []


# -- what an answer means ---------------------------------------------------------------

# By hand, from the policy for answers: first status, last status, verdict.
TABLE = [
    (100, 199, Verdict.REJECTED),
    (200, 299, Verdict.DELIVERED),
    (300, 399, Verdict.MISPLACED),
    (400, 400, Verdict.REJECTED),
    (401, 401, Verdict.UNAUTHORIZED),
    (402, 402, Verdict.REJECTED),
    (403, 403, Verdict.UNAUTHORIZED),
    (404, 405, Verdict.MISPLACED),
    (406, 406, Verdict.REJECTED),
    (407, 407, Verdict.UNAUTHORIZED),
    (408, 408, Verdict.LATER),
    (409, 412, Verdict.REJECTED),
    (413, 413, Verdict.TOO_LARGE),
    (414, 420, Verdict.REJECTED),
    (421, 421, Verdict.MISPLACED),
    (422, 424, Verdict.REJECTED),
    (425, 425, Verdict.LATER),
    (426, 428, Verdict.REJECTED),
    (429, 429, Verdict.LATER),
    (430, 499, Verdict.REJECTED),
    (500, 599, Verdict.LATER),
    (600, 999, Verdict.REJECTED),
]


@pytest.mark.parametrize(("first", "last", "verdict"), TABLE)
def test_gate_judges_every_status_by_the_table(first, last, verdict):
    """Every status from 100 to 999 means what the table says, and is in the outcome."""
    for status in range(first, last + 1):
        outcome = answered(status)
        assert (outcome.verdict, outcome.status, outcome.retry_after_secs) == (verdict, status, None)
        assert outcome.message.startswith(f"HTTP {status} from t.acme.dev")


def test_gate_table_of_this_test_leaves_nothing_out():
    """The rows above follow on one another from 100 to 999."""
    assert [first for first, _, _ in TABLE] == [100, *(last + 1 for _, last, _ in TABLE[:-1])]
    assert TABLE[-1][1] == 999


@pytest.mark.parametrize("status", [-1, 0, 1, 99, 1000])
def test_gate_rejects_what_is_no_status(status):
    """A number that HTTP does not know is no success and no reason to try again."""
    assert answered(status).verdict is Verdict.REJECTED


def test_only_a_failure_that_passes_is_retryable():
    """The same body may be sent again later, or once token or address are mended, and in no other case."""
    assert {verdict: verdict.is_retryable for verdict in Verdict} == {
        Verdict.DELIVERED: False,
        Verdict.LATER: True,
        Verdict.NOT_YET: True,
        Verdict.UNAUTHORIZED: True,
        Verdict.MISPLACED: True,
        Verdict.TOO_LARGE: False,
        Verdict.REJECTED: False,
        Verdict.REFUSED: False,
        Verdict.UNCLEAN: False,
        Verdict.UNABLE: True,  # by a process that has the package
    }


@pytest.mark.parametrize(
    ("header", "secs"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("999999", 86_400.0),
        (formatdate(1_700_000_090, usegmt=True), 90.0),
        (formatdate(1_699_999_000, usegmt=True), 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_gate_says_how_long_the_endpoint_wants_to_be_left_alone(header, secs):
    """`Retry-After` is seconds or a date by the gate's own clock; what cannot be read was not said."""
    for status in (200, 302, 400, 429, 503):
        headers = {} if header is None else {"Retry-After": header}
        assert answered(status, headers=headers).retry_after_secs == secs


def test_gate_hands_the_body_of_the_answer_on():
    """Who knows what the body means finds it in the outcome as it came, whatever the verdict."""
    for status in (200, 302, 400, 503):
        assert answered(status, b'{"rejected": \xff}').body == b'{"rejected": \xff}'


# -- the message ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "excerpt"),
    [
        (b"", ""),
        (b" \r\n\t ", ""),
        (b"no such tenant", ": no such tenant"),
        (b"line\none\r\n  line  two\t", ": line one line two"),
        (b"\x1b[2Jbell\x07 and\x00nul\x7f", ": [2Jbell and nul"),
        ("a\u2028b\u2029c\u0085d\u200be".encode(), ": a b c d e"),
        (b"broken \xff\xfe text", ": broken \ufffd\ufffd text"),
        (b"x" * 200, ": " + "x" * 200),
        (b"x" * 201, ": " + "x" * 200),
        (b"\n" * 300 + b"after", ": after"),
    ],
)
def test_gate_puts_one_printable_line_of_the_answer_into_the_message(body, excerpt):
    """At most 200 characters, no line break, nothing that a terminal obeys; nothing when it is blank."""
    message = answered(500, body).message
    assert message == f"HTTP 500 from t.acme.dev{excerpt}"
    assert message.isprintable()


@pytest.mark.parametrize("status", [200, 299, 400, 401, 413, 503])
def test_gate_shows_an_excerpt_for_every_status_but_a_redirect(status):
    """What the endpoint has to say is in the message, good news or bad."""
    assert answered(status, b"hello").message == f"HTTP {status} from t.acme.dev: hello"


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 399])
def test_gate_names_the_target_of_a_redirect_and_does_not_follow_it(status):
    """The host alone is named: neither path, query nor credentials, nor the answer's body."""
    headers = {"Location": "https://user:pass@Elsewhere.example:444/path?key=value"}
    way = Way(Answer(status, headers, b"moved"))
    expected = f"HTTP {status} from t.acme.dev (a redirect to elsewhere.example, which is not followed)"
    assert way.post().message == expected
    assert len(way.sent) == 1


@pytest.mark.parametrize(
    ("location", "target"),
    [
        (None, "nowhere"),
        ("", "nowhere"),
        ("/relative/path", "nowhere"),
        ("https://[::1/broken", "what is no address"),
        ("https://a\x1b2Jb\x07/", "a 2jb"),
        ("https://a\x1b[2Jb\x07/", "what is no address"),
        ("//other.example/x", "other.example"),
    ],
)
def test_gate_takes_any_location_for_a_redirect(location, target):
    """A target that is missing, relative, broken or malicious is named in words that do no harm."""
    headers = {} if location is None else {"Location": location}
    message = answered(302, headers=headers).message
    assert message == f"HTTP 302 from t.acme.dev (a redirect to {target}, which is not followed)"


@pytest.mark.parametrize("echo", [SECRET, SECRET.lower(), SECRET.upper(), "S3CRET-tOKEN"])
def test_gate_shows_the_secret_in_no_case(echo):
    """However the endpoint spells the token, in the body or as a host, asterisks stand for it."""
    body = f"bad token {echo}, I said {echo}!"
    message = answered(401, body.encode(), secret=SECRET).message
    assert message == "HTTP 401 from t.acme.dev: bad token ***, I said ***!"
    headers = {"Location": f"https://{echo}.evil.example/{echo}"}
    message = answered(302, headers=headers, secret=SECRET).message
    assert message == "HTTP 302 from t.acme.dev (a redirect to ***.evil.example, which is not followed)"
    message = Way(NoAnswer(f"bad header value {echo}")).post(secret=SECRET).message
    assert message == "no answer from t.acme.dev (bad header value ***)"


def test_gate_hides_query_and_headers_that_an_endpoint_echoes():
    """Whatever an operator's headers and query hold comes back in no message."""
    transport = ScriptedTransport((404, b"cannot POST /events?key=hun%2Fter2 (hun/ter2) for team-seven-key"))
    gate = Gate(transport, refusal=lambda: None, clock=FakeClock())
    headers = {**HEADERS, "X-Team": "team-seven-key"}
    outcome = gate.post("https://t.acme.dev/events?key=hun%2Fter2&v=1", BODY, headers, 1.0)
    assert outcome.message == "HTTP 404 from t.acme.dev: cannot POST /events?key=*** (***) for ***"


@pytest.mark.parametrize("offset", [0, 1, 180, 188, 189, 195, 199, 200, 201])
def test_gate_hides_the_secret_before_the_excerpt_is_cut(offset):
    """A cut in the middle of the token leaves no part of it."""
    message = answered(400, b"-" * offset + SECRET.encode() + b" after", secret=SECRET).message
    assert "s3" not in message
    shown = ("-" * offset + "*** after")[:200]
    assert message == f"HTTP 400 from t.acme.dev: {shown}"


@pytest.mark.parametrize(
    ("cap", "excerpt"),
    [
        (20, ": this is n"),
        (29, ": this is no token:"),
        (30, ": this is no"),
        (31, ": this is no token: ***"),
    ],
)
def test_gate_hides_what_the_cap_left_of_the_secret(cap, excerpt):
    """Where reading was cut off, so many characters are left out as could begin the token."""
    body = b"this is no token: " + SECRET.encode()
    message = answered(400, body, secret=SECRET, answer_max_bytes=cap).message
    assert message == f"HTTP 400 from t.acme.dev{excerpt}"


def test_gate_shows_nothing_of_an_answer_shorter_than_the_secret_could_be():
    """An answer that was cut off within the length of the token is not shown at all."""
    for cap in range(1, len(SECRET)):
        message = answered(400, SECRET.encode(), secret=SECRET, answer_max_bytes=cap).message
        assert message == "HTTP 400 from t.acme.dev"


def test_gate_takes_an_answer_longer_than_allowed_for_a_cut_one():
    """A transport that hands back more than it was asked for has not shown where the answer ends."""

    class Overfull(ScriptedTransport):
        def post(self, request):
            return Answer(400, {}, b"-" * 300 + SECRET.encode()[:5])

    gate = Gate(Overfull(), refusal=lambda: None, clock=FakeClock())
    secret = SECRET * 10
    outcome = gate.post(URL, BODY, HEADERS, 1.0, secret=secret, answer_max_bytes=299)
    assert outcome.message == "HTTP 400 from t.acme.dev: " + "-" * (305 - len(secret) + 1)


def test_gate_shows_all_of_a_short_answer_that_was_cut_when_there_is_no_secret():
    """Without a secret nothing need be left out at the end."""
    assert answered(400, b"abcdef", answer_max_bytes=4).message == "HTTP 400 from t.acme.dev: abcd"


def test_gate_hides_a_secret_that_only_the_single_line_puts_together():
    """A token with a blank in it, which came in two lines, would be whole in the message."""
    message = answered(400, b"you sent open\r\n sesame", secret="open sesame").message
    assert message == "HTTP 400 from t.acme.dev: you sent ***"


@pytest.mark.parametrize("secret", ["a.c+(x)[y]", "\\d", "$", "a|b"])
def test_gate_takes_the_secret_for_text_and_not_for_a_pattern(secret):
    """A token may hold what a search would take for an instruction."""
    text = f"<{secret}> but not <abc> or <1>"
    message = answered(400, text.encode(), secret=secret).message
    assert message == "HTTP 400 from t.acme.dev: <***> but not <abc> or <1>"


@pytest.mark.parametrize("secret", [None, ""])
def test_gate_without_a_secret_changes_no_word(secret):
    """Nothing is hidden when there is nothing to hide."""
    assert answered(400, b"plain words", secret=secret).message == "HTTP 400 from t.acme.dev: plain words"
