"""
From waiting events to settled ones: what one pass sends, in which pieces, and what becomes of each.

Everything is the real thing but the transport, which plays a script, and the clock.
"""

from __future__ import annotations

import json
import logging

import pytest

from mcptelemetry.events import TelemetryBuffer, TelemetryEvent, TelemetryUploader
from mcptelemetry.events._account import Account
from mcptelemetry.events._delivery import Delivery
from mcptelemetry.events._format import BodyWriter
from mcptelemetry.events._formats import format_of
from mcptelemetry.events._outage import OutageLog
from mcptelemetry.events._schedule import Schedule
from mcptelemetry.privacy import Verdict
from mcptelemetry.system import Answer, NoAnswer
from mcptelemetry.testing import FakeClock, ScriptedTransport

CREDENTIAL = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"
PASSWORD = "open-sesame-and-stay-open"  # a credential by its variable only
LOGGER = logging.getLogger("mcptelemetry.tests.delivery")


URL = "https://t.acme.dev/events"


class Bench:
    """A delivery with all that belongs to it: the one place where this file builds them."""

    def __init__(self, *steps, transport=None, batch_size=10, refusal=None, capacity=100, environ=None):
        self.clock = FakeClock(time=1_700_000_000.0)
        self.transport = transport or ScriptedTransport(*steps)
        self.buffer = TelemetryBuffer(capacity)
        self.account = Account(self.buffer)
        self.schedule = Schedule(self.clock, lambda _low, high: high, batch_size=batch_size, interval_secs=30)
        self.secs_left = None
        self.no = refusal
        uploader = TelemetryUploader(
            URL,
            environ={"GITHUB_TOKEN": CREDENTIAL} if environ is None else environ,
            clock=self.clock,
            transport=self.transport,
            refusal=lambda: self.no,
        )
        self.delivery = Delivery(
            self.buffer,
            uploader=uploader,
            account=self.account,
            schedule=self.schedule,
            outages=OutageLog(LOGGER),
            writer=BodyWriter(format_of("json"), app=None, version=None),
            clock=self.clock,
            secs_left=lambda: self.secs_left,
        )

    def record(self, *tools):
        for tool in tools:
            self.buffer.record(TelemetryEvent(tool, "local_only"))
        return self

    def send(self):
        return self.delivery.send_waiting()

    @property
    def sent(self):
        """The tools in each body that left, one text a body."""
        bodies = [json.loads(request.body)["events"] for request in self.transport.requests]
        return ["".join(event["tool"] for event in body) for body in bodies]

    def waiting(self):
        """Take what waits, and return the tools."""
        return "".join(event.tool for event in self.buffer.drain(100))

    def fates(self):
        """Return delivered, rejected, dropped, waiting and in flight, which must add up."""
        stats = self.account.stats()
        fates = (stats.delivered, stats.rejected, stats.dropped, stats.buffered, stats.in_flight)
        assert sum(fates) == stats.recorded
        return fates


@pytest.fixture
def lines(caplog):
    """Return the lines that were logged, each with its level."""
    caplog.set_level(logging.DEBUG, logger=LOGGER.name)
    return lambda: [(record.levelname, record.getMessage()) for record in caplog.records]


# -- one pass ---------------------------------------------------------------------------


def test_delivery_sends_all_that_waits_batch_by_batch(lines):
    """Full batches first, then the rest, in order; each is delivered at the clock's time, without a word."""
    bench = Bench(batch_size=2).record(*"abcde")
    bench.clock.advance(5)
    assert bench.send() is None
    assert bench.sent == ["ab", "cd", "e"]
    assert bench.fates() == (5, 0, 0, 0, 0)
    stats = bench.account.stats()
    assert (stats.last_success_at, stats.last_error, stats.requeued) == (1_700_000_005.0, None, 0)
    assert lines() == []


def test_delivery_sends_nothing_when_nothing_waits():
    """A pass over an empty queue is over at once, and begins an interval all the same."""
    bench = Bench()
    bench.clock.advance(20)
    assert bench.send() is None
    assert bench.sent == []
    assert bench.schedule.due_in_secs(1, is_asked=False) == 30.0


def test_delivery_begins_the_interval_when_it_begins():
    """The next interval is counted from the beginning of the pass."""
    bench = Bench().record("a")
    bench.clock.advance(20)
    bench.send()
    assert bench.schedule.due_in_secs(1, is_asked=False) == 30.0


def test_delivery_leaves_what_is_recorded_meanwhile_for_the_next_pass():
    """A host that records faster than we send does not keep the pass going for ever."""

    class Busy(ScriptedTransport):
        def post(self, request):
            bench.record("x", "y", "z")
            return super().post(request)

    bench = Bench(transport=Busy(), batch_size=2)
    bench.record(*"abc")
    assert bench.send() is None
    assert bench.sent == ["ab", "c"]
    assert bench.fates() == (3, 0, 0, 6, 0)
    assert bench.waiting() == "xyzxyz"


def test_delivery_ends_when_what_waited_is_gone():
    """What gave way to newer events, or was let go, meanwhile is not waited for."""

    class Emptying(ScriptedTransport):
        def post(self, request):
            bench.buffer.discard()
            return super().post(request)

    bench = Bench(transport=Emptying(), batch_size=2)
    bench.record(*"abcde")
    assert bench.send() is None
    assert bench.sent == ["ab"]
    assert bench.fates() == (2, 0, 3, 0, 0)


def test_delivery_numbers_the_events_of_this_process():
    """Each event goes out with an id of this process, also when it is sent again."""
    bench = Bench(503, 202).record("a", "b")
    bench.send()
    bench.send()
    ids = [[event["id"] for event in json.loads(request.body)["events"]] for request in bench.transport.requests]
    expected = [f"{bench.buffer.process}-{number}" for number in (0, 1)]
    assert ids == [expected, expected]


# -- later ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "verdict"),
    [(503, Verdict.LATER), (429, Verdict.LATER), (401, Verdict.UNAUTHORIZED), (NoAnswer("reset"), Verdict.LATER)],
)
def test_delivery_puts_back_what_may_be_sent_again(step, verdict):
    """The batch and what waits behind it are kept in order, nothing more is tried, and the pass says why."""
    bench = Bench(202, step, batch_size=2).record(*"abcdef")
    outcome = bench.send()
    assert outcome.verdict is verdict
    assert bench.sent == ["ab", "cd"]
    assert bench.fates() == (2, 0, 0, 4, 0)
    stats = bench.account.stats()
    assert (stats.requeued, stats.last_error) == (1, outcome.advice)
    assert bench.schedule.is_held
    assert bench.waiting() == "cdef"


def test_delivery_leaves_the_endpoint_alone_as_long_as_it_asked():
    """`Retry-After` reaches the schedule; without it only our own back-off holds."""
    bench = Bench(Answer(503, {"Retry-After": "90"}, b""), 503).record("a")
    bench.send()
    assert bench.schedule.left_alone_secs == 90.0
    bench.clock.advance(90)
    bench.send()
    assert bench.schedule.left_alone_secs == 0.0
    assert bench.schedule.is_held


def test_delivery_tells_each_kind_of_trouble_once_and_its_end(lines):
    """One line an outage and kind, though every pass fails; one when it is over, none for the next success."""
    bench = Bench(503, 500, NoAnswer("reset"), 401, 403, 503, 202, 202, 503).record("a")
    for _ in range(7):
        bench.send()
    bench.record("b").send()
    bench.record("c").send()
    assert lines() == [
        ("WARNING", f"mcptelemetry: events to {URL} are kept and sent later: HTTP 503 from t.acme.dev; look after the server there"),
        ("WARNING", f"mcptelemetry: events to {URL} are kept and sent later: HTTP 401 from t.acme.dev; give the token that it asks for"),
        ("INFO", "mcptelemetry: events are delivered again"),
        ("WARNING", f"mcptelemetry: events to {URL} are kept and sent later: HTTP 503 from t.acme.dev; look after the server there"),
    ]


def test_delivery_ends_the_back_off_with_a_success():
    """What was answered well ends every delay."""
    bench = Bench(Answer(503, {"Retry-After": "90"}, b""), 202).record("a")
    bench.send()
    bench.send()
    assert not bench.schedule.is_held
    assert bench.schedule.left_alone_secs == 0.0


# -- never ------------------------------------------------------------------------------


def test_delivery_gives_a_rejected_batch_up_and_goes_on(lines):
    """What the endpoint will never take is counted with its reason, told once, and the next batch leaves."""
    bench = Bench(400, 202, 422, batch_size=2).record(*"abcde")
    assert bench.send() is None
    assert bench.sent == ["ab", "cd", "e"]
    assert bench.fates() == (2, 3, 0, 0, 0)
    assert bench.account.stats().last_error == "HTTP 422 from t.acme.dev; see whether a collector of this version stands there"
    assert lines() == [
        ("WARNING", f"mcptelemetry: 2 events to {URL} were rejected and given up: HTTP 400 from t.acme.dev; see whether a collector of this version stands there"),
        ("INFO", "mcptelemetry: events are delivered again"),
        ("WARNING", f"mcptelemetry: 1 events to {URL} were rejected and given up: HTTP 422 from t.acme.dev; see whether a collector of this version stands there"),
    ]


def test_delivery_tells_of_rejected_batches_once(lines):
    """An endpoint that takes nothing at all fills no log."""
    bench = Bench(400, 400, 400, batch_size=1).record(*"abc")
    assert bench.send() is None
    assert lines() == [("WARNING", f"mcptelemetry: 1 events to {URL} were rejected and given up: HTTP 400 from t.acme.dev; see whether a collector of this version stands there")]
    assert bench.account.stats().last_success_at is None


def test_delivery_ends_the_back_off_with_a_rejection():
    """An endpoint that says no is there: the next batch need not wait."""
    bench = Bench(503, 400).record("a")
    bench.send()
    assert bench.schedule.is_held
    bench.send()
    assert not bench.schedule.is_held


# -- too large --------------------------------------------------------------------------


class Narrow(ScriptedTransport):
    """A way out that takes at most *most* events at a time, and never the tool *unfit*."""

    def __init__(self, most, unfit="-"):
        super().__init__()
        self.most, self.unfit = most, unfit

    def post(self, request):
        answer = super().post(request)
        tools = [event["tool"] for event in json.loads(request.body)["events"]]
        return Answer(413, {}, b"") if len(tools) > self.most or self.unfit in tools else answer


@pytest.mark.parametrize(
    ("most", "sent"),
    [
        (7, ["abcdefg"]),
        (6, ["abcdefg", "abcd", "efg"]),
        (4, ["abcdefg", "abcd", "efg"]),
        (3, ["abcdefg", "abcd", "ab", "cd", "ef", "g"]),
        (1, ["abcdefg", "abcd", "ab", "a", "b", "c", "d", "e", "f", "g"]),
    ],
)
def test_delivery_halves_what_is_too_large_until_it_fits(most, sent):
    """Each half that is too large is halved again, the larger part first, and that size is kept."""
    bench = Bench(transport=Narrow(most)).record(*"abcdefg")
    assert bench.send() is None
    assert bench.sent == sent
    assert bench.fates() == (7, 0, 0, 0, 0)


def test_delivery_gives_a_single_event_up_that_is_too_large(lines):
    """An event that does not fit alone is rejected; those around it are delivered."""
    bench = Bench(transport=Narrow(9, unfit="b")).record(*"abc")
    assert bench.send() is None
    assert bench.sent == ["abc", "ab", "a", "b", "c"]
    assert bench.fates() == (2, 1, 0, 0, 0)
    assert lines()[0] == ("WARNING", f"mcptelemetry: 1 events to {URL} were rejected and given up: HTTP 413 from t.acme.dev; let larger bodies pass there, or lower batch_size")


def test_delivery_begins_the_next_batch_whole():
    """What one batch was cut into says nothing about the next."""
    bench = Bench(413, batch_size=2).record(*"abcd")
    assert bench.send() is None
    assert bench.sent == ["ab", "a", "b", "cd"]


def test_delivery_keeps_what_is_left_of_a_batch_that_was_cut():
    """A failure between two parts puts the parts that were not sent back, in order."""
    bench = Bench(413, 202, 503).record(*"abcde")
    assert bench.send().status == 503
    assert bench.sent == ["abcde", "abc", "de"]
    assert bench.fates() == (3, 0, 0, 2, 0)
    assert bench.waiting() == "de"


# -- what must not leave ----------------------------------------------------------------


def test_delivery_drops_all_that_was_recorded_before_a_no(lines):
    """After a refusal nothing of what waits is sent, also when somebody says yes again."""
    bench = Bench(batch_size=2, refusal="DO_NOT_TRACK").record(*"abcde")
    outcome = bench.send()
    assert outcome.verdict is Verdict.REFUSED
    assert bench.fates() == (0, 0, 5, 0, 0)
    assert bench.account.stats().last_error == "nothing was sent: DO_NOT_TRACK"
    bench.no = None
    assert bench.send() is None
    assert bench.sent == []
    bench.no = "DO_NOT_TRACK"
    bench.record("f").send()
    told = "mcptelemetry: what was recorded is dropped, nothing was sent: DO_NOT_TRACK"
    assert lines() == [("WARNING", told)]


def test_delivery_stops_in_the_middle_of_a_pass_when_somebody_says_no():
    """The batch that was sent before the no is delivered; the rest is dropped, the parts too."""
    bench = Bench()

    class Saying(ScriptedTransport):
        def post(self, request):
            answer = super().post(request)
            bench.no = "off"
            return answer

    bench = Bench(transport=Saying(), batch_size=2)
    bench.record(*"abcde")
    assert bench.send().verdict is Verdict.REFUSED
    assert bench.sent == ["ab"]
    assert bench.fates() == (2, 0, 3, 0, 0)


def test_delivery_stops_a_batch_on_its_way_when_somebody_says_no():
    """A no that comes while the way is made keeps the batch here; it is dropped with the rest, and said."""
    bench = Bench()

    class Saying(ScriptedTransport):
        def post(self, request):
            bench.no = "off"
            return super().post(request)

    bench = Bench(transport=Saying(), batch_size=2)
    bench.record(*"abcde")
    outcome = bench.send()
    assert (outcome.verdict, outcome.message) == (Verdict.REFUSED, "the sending was stopped: off")
    assert bench.sent == []
    assert bench.fates() == (0, 0, 5, 0, 0)


@pytest.mark.parametrize(
    ("tools", "sent", "rejected"),
    [
        ("Gbc", ["bc"], 1),
        ("aGc", ["a", "c"], 1),
        ("abG", ["ab"], 1),
        ("GGG", [], 3),
        ("aGGd", ["a", "d"], 2),
        ("GbGdG", ["b", "d"], 3),
        ("G", [], 1),
    ],
)
def test_delivery_keeps_the_guilty_back_and_sends_the_others(tools, sent, rejected, lines):
    """Of a batch with credentials in it the clean events leave, in order; each guilty one is rejected."""
    bench = Bench().record(*(CREDENTIAL if tool == "G" else tool for tool in tools))
    assert bench.send() is None
    assert bench.sent == sent
    assert bench.fates() == (len(tools) - rejected, rejected, 0, 0, 0)
    assert "credential (env:GITHUB_TOKEN)" in bench.account.stats().last_error
    assert CREDENTIAL not in repr(lines())


def test_delivery_cuts_the_clean_part_too_when_it_is_too_large():
    """The clean before the guilty go the usual way, in smaller parts if need be, and once only."""
    bench = Bench(transport=Narrow(2)).record("a", "b", "c", CREDENTIAL, "e")
    assert bench.send() is None
    assert bench.sent == ["abc", "ab", "c", "e"]
    assert bench.fates() == (4, 1, 0, 0, 0)


def test_delivery_keeps_the_guilty_too_when_the_clean_cannot_be_sent():
    """A failure while the clean part is sent puts the whole rest back; nothing is judged twice."""
    bench = Bench(503).record("a", CREDENTIAL, "c")
    assert bench.send().status == 503
    assert bench.fates() == (0, 0, 0, 3, 0)
    assert bench.send() is None
    assert bench.sent == ["a", "a", "c"]
    assert bench.fates() == (2, 1, 0, 0, 0)


class SeenOnce(dict):
    """An environment that loses its credential as soon as somebody has read it."""

    def get(self, name, default=None):
        return self.pop(name, default) if name == "GITHUB_TOKEN" else super().get(name, default)


def test_delivery_rejects_a_batch_that_is_guilty_only_as_a_whole():
    """Where no event is guilty alone any more but the batch was, none of them leaves, and the next batch does."""
    bench = Bench(environ=SeenOnce(GITHUB_TOKEN=PASSWORD), batch_size=3).record("a", PASSWORD, *"cde")
    assert bench.send() is None
    assert bench.sent == ["de"]
    assert bench.fates() == (2, 3, 0, 0, 0)


def test_delivery_rejects_a_large_batch_that_is_guilty_only_as_a_whole():
    """So it is with more events than anybody would count by hand: one attempt, and none leaves."""
    tools = [*["t"] * 299, PASSWORD]
    bench = Bench(environ=SeenOnce(GITHUB_TOKEN=PASSWORD), batch_size=300, capacity=300).record(*tools)
    assert bench.send() is None
    assert bench.sent == []
    assert bench.fates() == (0, 300, 0, 0, 0)


def test_delivery_searches_event_by_event_only_what_was_found_guilty():
    """What the gate let through is settled by its answer, whatever is a credential by then."""

    class Learning(ScriptedTransport):
        def post(self, request):
            environ["GITHUB_TOKEN"] = PASSWORD
            return super().post(request)

    environ = {}
    bench = Bench(transport=Learning(400), environ=environ, batch_size=3).record(*["x"] * 2, *[PASSWORD] * 3, "y")
    assert bench.send() is None
    assert bench.sent == [f"xx{PASSWORD}", "y"]
    assert bench.fates() == (1, 5, 0, 0, 0)
    assert bench.account.stats().last_error == "nothing was sent: a name holds a credential (env:GITHUB_TOKEN)"


# -- the end of the process -------------------------------------------------------------


@pytest.mark.parametrize("secs_left", [0, 0.0, -1.0])
def test_delivery_sends_nothing_when_no_time_is_left(secs_left, lines):
    """At the end of the process's patience nothing is begun any more, and what waits is called lost."""
    bench = Bench().record("a", "b")
    bench.secs_left = secs_left
    outcome = bench.send()
    assert (outcome.verdict, outcome.status, outcome.retry_after_secs) == (Verdict.LATER, None, None)
    assert outcome.message == "no time was left before the end"
    assert bench.sent == []
    assert bench.fates() == (0, 0, 0, 2, 0)
    told = f"mcptelemetry: events to {URL} are lost, because this is the end: no time was left before the end"
    assert lines() == [("WARNING", told)]


@pytest.mark.parametrize(("secs_left", "timeout_secs"), [(None, 15.0), (0.25, 0.25), (1.0, 1.0), (60.0, 15.0)])
def test_delivery_gives_an_attempt_no_more_time_than_is_left(secs_left, timeout_secs):
    """The uploader's own time-out holds, but for less time than that until the end."""
    bench = Bench().record("a")
    bench.secs_left = secs_left
    assert bench.send() is None
    assert [request.timeout_secs for request in bench.transport.requests] == [timeout_secs]


def test_delivery_looks_at_the_time_before_every_batch():
    """Time that runs out between two batches ends the pass there."""

    class Slow(ScriptedTransport):
        def post(self, request):
            bench.secs_left -= 0.5
            return super().post(request)

    bench = Bench(transport=Slow(), batch_size=1)
    bench.secs_left = 1.0
    bench.record(*"abc")
    assert bench.send().message == "no time was left before the end"
    assert bench.sent == ["a", "b"]
    assert bench.waiting() == "c"


def test_delivery_says_that_events_are_lost_when_the_last_attempt_fails(lines):
    """At the end there is no later."""
    bench = Bench(503).record("a")
    bench.secs_left = 0.5
    bench.send()
    assert lines() == [
        ("WARNING", f"mcptelemetry: events to {URL} are lost, because this is the end: HTTP 503 from t.acme.dev; look after the server there"),
    ]


# -- faults -----------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_delivery_that_is_interrupted_loses_nothing(error):
    """What was with the sender when it was ended is still accounted for, and can be put back in order."""
    bench = Bench(202, error(), batch_size=2).record(*"abcde")
    with pytest.raises(error):
        bench.send()
    assert bench.fates() == (2, 0, 0, 1, 2)
    bench.account.requeue()
    assert bench.fates() == (2, 0, 0, 3, 0)
    assert bench.send() is None
    assert bench.sent == ["ab", "cd", "cd", "e"]
