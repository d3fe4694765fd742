"""Every store gives the same answers to the same documents: one suite over all that fill the port."""

from __future__ import annotations

import importlib.util
import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mcptelemetry.collector import (
    COUNTED,
    DEMO_APP,
    DEMO_UNTIL,
    FACETS,
    PEOPLE,
    DemoDocument,
    Filter,
    Refused,
    StoreError,
    compile_report,
    demo_documents,
    open_store,
    store_documents,
)
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent

DATA = Path(__file__).parents[1] / "data"
HOUR, DAY, WEEK = 3600, 86_400, 604_800
MONDAY = 1_750_032_000  # 16 June 2025, 00:00 UTC
FULL = json.loads((DATA / "heartbeat" / "full.json").read_text())

STORES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.heavy))


@pytest.fixture(scope="module")
def url_of(request):
    """Return the function from a kind of store and a folder to its URL; what sqlite keeps on the disk goes there."""

    def url(kind, folder):
        if kind == "postgresql":
            return request.getfixturevalue("postgres").make_database(folder)
        return f"sqlite:{folder / 'collector.db'}"

    return url


@pytest.fixture(scope="module")
def open_one(url_of):
    """Return the function to the store of a kind and folder, empty when it is opened for the first time."""
    return lambda kind, folder: open_store(url_of(kind, folder))


def load(name):
    """Return the module of that *name* beside the collector's test data."""
    specification = importlib.util.spec_from_file_location(name, DATA / "collector" / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def load_plain_answers():
    """Return the class that answers by plain arithmetic."""
    return load("plain_answers").PlainAnswers


@pytest.fixture(params=STORES)
def store(request, tmp_path, open_one):
    """Return an empty store of each kind."""
    opened = open_one(request, tmp_path)
    yield opened
    opened.close()


def strange_documents():
    """Yield what the demonstration's year does not hold: strangers' ids and names, other applications, ties."""
    process = "0123456789abcdef0123"
    at = DEMO_UNTIL - 20 * DAY

    def event(tool="a", **fields):
        return {"tool": tool, "routing_decision": "local_only", "status": "success", "latency_ms": 5, "timestamp_secs": at, **fields}

    events = [
        event(), event(), event(id="0"), event(id=f"{process}-7"), event(id=f"{process}-007"), event(id=f"{process.upper()}-7"),
        event(id=f"{process}-7", timestamp_secs=at + 1), event(id=f"{process}-999999999999999999999"),
        event(id=f"{process}-999999999999999999"), event("Ä", latency_ms=2**53 - 1), event("z\u0301"), event("\U0001f600"), event("\uffee"),
        event(status="error"), event(status="error", error_type="timeout"), event(timestamp_secs=0), event(timestamp_secs=2**53 - 1),
        event(routing_detail="x*", upstream="cloud", client="cursor", was_fallback=True, latency_ms=0),
    ]  # fmt: skip
    for app, version in (("other", "v9"), (None, None), ("unknown", "unknown"), ("other", None)):
        yield DemoDocument(at + 60, "events", {"events": events, "app": app, "version": version})
    beats = [
        {**FULL, "heartbeat_id": f"00000000-0000-4000-8000-{number:012}", "anonymous_id": f"00000000-0000-4000-9000-{number % 3:012}"}
        for number in range(12)
    ]
    for number, beat in enumerate(beats):
        bare = {name: value for name, value in beat.items() if name not in ("env_kind", "launch_source", "activation") or number % 2}
        bare["version"] = ("v1.0.0", "v1.10.0", "v1.9.0", "2.0")[number % 4]
        bare["python_version"] = ("3.13.0rc1", "3.9.1+", "3.12", "3.11.7")[number % 4]
        bare["app"] = "other" if number % 5 else DEMO_APP
        yield DemoDocument(at + 100 + number // 4 * WEEK, "heartbeats", bare)  # four in one second
    context = {name: FULL[name] for name in ("version", "edition", "os", "arch", "server_count", "connected_server_count", "routing_mode")}
    for number in range(3):
        yield DemoDocument(at + 200, "feedback", {"category": "bug", "message": f"Ten letters and {number}.", "context": context})


def year(installations, days):
    """Return the documents of a year, the strange ones in between, in order of their receipt."""
    documents = [*demo_documents(installations, days), *strange_documents()]
    return sorted(documents, key=lambda received: received.received_at)


@pytest.fixture(scope="module")
def documents():
    """Return a year in small."""
    return year(100, 100)


@pytest.fixture(scope="module")
def plain(documents):
    """Return the answers of plain arithmetic."""
    return load_plain_answers()(documents)


@pytest.fixture(scope="module", params=STORES)
def filled(request, documents, tmp_path_factory, open_one):
    """Return a store of each kind that took the year in."""
    opened = open_one(request, tmp_path_factory.mktemp(request.param))
    store_documents(opened, documents)
    yield opened
    opened.close()


MONTH = {"since": DEMO_UNTIL - 30 * DAY, "until": DEMO_UNTIL}
FILTERS = {
    "everything": Filter(),
    "one application": Filter(app=DEMO_APP),
    "unnamed": Filter(app="unknown"),
    "nobody": Filter(app="nobody"),
    "people of a month": Filter(app=DEMO_APP, env_kinds=PEOPLE, **MONTH),
    "the month before": Filter(app=DEMO_APP, env_kinds=PEOPLE, **MONTH).before(),
    "hours": Filter(since=DEMO_UNTIL - 20 * DAY, until=DEMO_UNTIL - 20 * DAY + 5 * HOUR),
    "a version": Filter(version="v1.3.1"),
    "no version": Filter(version="unknown"),
    "a client": Filter(client="vscode", since=DEMO_UNTIL - 60 * DAY),
    "a tool": Filter(tool="unknown_tool", until=DEMO_UNTIL - 10 * DAY),
    "automation": Filter(env_kinds=("ci", "container")),
    "no kind": Filter(env_kinds=()),
}
QUESTIONS = {
    **{
        name: (lambda store, asked, name=name: getattr(store, name)(asked))
        for name in (
            "apps", "calls", "tools", "tool_trends", "errors_over_time", "calls_over_time", "clients", "calls_by_version", "sessions",
            "installations", "installations_over_time", "own_tools", "versions", "versions_over_time", "version_changes", "funnel", "retention", "feedback", "inbox", "health",
        )  # fmt: skip
    },
    "calls by the hour": lambda store, asked: store.calls_over_time(asked, HOUR),
    "calls by the week": lambda store, asked: store.calls_over_time(asked, WEEK),
    "three tools by the week": lambda store, asked: store.tool_trends(asked, WEEK, 3),
    "tools by the hour": lambda store, asked: store.tool_trends(asked, HOUR),
    "errors by the hour": lambda store, asked: store.errors_over_time(asked, HOUR),
    "versions by the day": lambda store, asked: store.versions_over_time(asked, DAY),
    "installations by the day": lambda store, asked: store.installations_over_time(asked, DAY),
    "three weeks": lambda store, asked: store.retention(asked, 3),
    **{f"by {facet}": (lambda store, asked, facet=facet: store.installations_by(facet, asked)) for facet in FACETS},
    **{f"counts of {word}": (lambda store, asked, word=word: store.counts(word, asked)) for word in COUNTED},
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_store_answers_as_plain_arithmetic_does(filled, plain, question):
    """Over a believable year, and strange documents in it, each answer is the one that a loop over all of them gives."""
    for name, asked in FILTERS.items():
        assert QUESTIONS[question](filled, asked) == QUESTIONS[question](plain, asked), name


def test_the_plain_answers_are_about_something(plain):
    """The year that is asked about holds something for every question."""
    for name, question in QUESTIONS.items():
        answer = question(plain, FILTERS["everything"])
        assert answer, name
        assert answer != (0, 0, 0), name
    assert any(question(plain, FILTERS["nobody"]) for question in QUESTIONS.values())  # what goes beside the filter


def test_what_is_pruned_is_gone_and_the_rest_answers_as_before(documents, tmp_path_factory, pruned):
    """After old documents are taken out, the answers are those of what is left; weeks and first times are remembered."""
    store, limit, answer = pruned
    old_beats = {one.document["heartbeat_id"] for one in documents if one.stream == "heartbeats" and one.received_at < limit}
    old_feedback = [one for one in documents if one.stream == "feedback" and one.received_at < limit]
    assert (answer.heartbeats, answer.feedback) == (len(old_beats), len(old_feedback))
    assert answer.events > 100
    whole = load_plain_answers()(documents)
    for name, question in QUESTIONS.items():
        for asked in (Filter(since=limit), Filter(app=DEMO_APP, env_kinds=PEOPLE, **MONTH), Filter(version="v1.4.0", since=limit)):
            assert question(store, asked) == question(whole, asked), name
    everything, since = Filter(), Filter(since=limit)
    assert store.retention(everything) == whole.retention(everything)
    for name in ("calls", "calls_over_time", "clients", "sessions", "own_tools", "versions", "inbox"):
        assert QUESTIONS[name](store, everything) == QUESTIONS[name](whole, since), name
    assert store.prune(limit) == (0, 0, 0)


@pytest.fixture(params=STORES)
def pruned(request, documents, tmp_path, open_one):
    """Return a store of each kind out of which the older half of the year was taken, the limit, and the answer."""
    opened = open_one(request, tmp_path)
    store_documents(opened, documents)
    limit = DEMO_UNTIL - 50 * DAY + 7 * HOUR
    yield opened, limit, opened.prune(limit)
    opened.close()


LATENCY_QUESTIONS = ("calls", "tools", "sessions")


def test_answers_stay_exact_when_documents_come_late(store):
    """Whatever was asked before, and however late events come for days that were looked at, the answers are those of all of them."""
    documents = [one for one in year(40, 50) if one.stream == "events"]
    late = documents[::3]
    received = [one for number, one in enumerate(documents) if number % 3]
    asked = [
        Filter(), Filter(since=DEMO_UNTIL - 40 * DAY, until=DEMO_UNTIL - 5 * HOUR), Filter(version="v1.5.0"), Filter(client="cursor"),
        Filter(version="v1.5.0", client="cursor"), Filter(tool="run_pipeline"), Filter(app="other"),
    ]  # fmt: skip
    known = []
    for part in (received, late[::2], late[1::2], documents[:50]):
        store_documents(store, part)
        known += part
        plain = load_plain_answers()(known)
        for name in LATENCY_QUESTIONS:
            for one in asked:
                for _ in range(2):
                    assert QUESTIONS[name](store, one) == QUESTIONS[name](plain, one), (name, one, len(known))


def test_only_heartbeats_that_are_not_sent_again_are_given_up(store):
    """A heartbeat that was refused for the moment comes again; one refused for what it is does not."""
    moment = {"busy": 1, "rate": 2, "slow": 4, "store": 8}
    final = {"document": 16, "too large": 32}
    refusals = {Refused("heartbeats", reason): count for reason, count in {**moment, **final}.items()}
    store.add_refusals({**refusals, Refused("events", "document"): 64}, received_at=MONDAY)
    health = store.health(Filter())
    assert (health.given_up, sum(health.refused.values())) == (48, 127)


def test_a_limit_that_is_no_full_hour_is_refused(store):
    """Documents are taken out up to a full hour, as they are asked for."""
    with pytest.raises(ValueError, match="full hour"):
        store.prune(MONDAY + 1)


def test_weeks_are_forgotten_two_years_after_their_documents(store):
    """In which weeks an installation was heard from is kept for two years more, and then it is as if it had never been."""
    store.add_heartbeat(FULL, received_at=MONDAY)
    store.add_heartbeat({**FULL, "heartbeat_id": "00000000-0000-4000-8000-000000000001"}, received_at=MONDAY + WEEK)
    store.prune(MONDAY + 2 * WEEK)
    assert (store.installations(Filter()).active, store.retention(Filter())) == (0, [(MONDAY, [1, 1])])
    store.prune(MONDAY + 120 * WEEK)
    assert store.retention(Filter()) == []
    store.add_heartbeat(FULL, received_at=MONDAY + 121 * WEEK)
    assert store.installations(Filter(since=MONDAY + 121 * WEEK, until=MONDAY + 122 * WEEK)) == (1, 1, 0)


def test_feedback_is_marked_as_read_once(store):
    """A message is new until it is marked; marking says how many were."""
    context = {name: FULL[name] for name in ("version", "edition", "os", "arch", "server_count", "connected_server_count", "routing_mode")}
    for number in range(3):
        store.add_feedback({"category": "bug", "message": f"Ten letters, {number}.", "context": context}, received_at=MONDAY + number)
    newest = store.inbox(Filter(), most=2)
    assert [entry.received_at - MONDAY for entry in newest] == [2, 1]
    assert store.mark_read([entry.number for entry in newest]) == 2
    assert store.mark_read([newest[0].number, 10**9]) == 0
    assert [entry.received_at - MONDAY for entry in store.inbox(Filter(), is_unread_only=True)] == [0]
    assert store.feedback(Filter()) == [("bug", 3, 1)]


def test_no_sum_of_what_strangers_count_overflows(store):
    """Heartbeats that count as much as they may, each a billion at most, are summed all the same."""
    beats = [
        {**FULL, "heartbeat_id": f"00000000-0000-4000-8000-{number:012}", "surface_requests": {"mcp": 2**53 - 1}, "builtin_tool_calls": {"a": 2**53 - 1}}
        for number in range(1_100)
    ]
    store.add_heartbeats([(beat, MONDAY) for beat in beats])
    assert store.counts("surface", Filter()) == [("mcp", 1, 1_100 * 10**9)]
    assert [tool.calls for tool in store.own_tools(Filter()) if tool.tool == "a"] == [1_100 * 10**9]


def test_texts_that_an_engine_cannot_hold_are_taken(store):
    """NUL and half characters, in names and in what people type, are replaced."""
    batch = TelemetryBatch([TelemetryEvent("a", "local_only", timestamp_secs=MONDAY, id="1")], app="a\0b", version="v\ud83d")
    assert store.add_events(batch, received_at=MONDAY) == (1, 0)
    assert store.add_events(batch, received_at=MONDAY) == (0, 1)
    assert store.apps(Filter()) == {"a\ufffdb": 1}
    assert [row.version for row in store.calls_by_version(Filter())] == ["v\ufffd"]
    context = {name: FULL[name] for name in ("version", "edition", "os", "arch", "server_count", "connected_server_count", "routing_mode")}
    store.add_feedback({"category": "bug", "message": "NUL \0 and \udc00 half", "context": context}, received_at=MONDAY)
    assert [entry.message for entry in store.inbox(Filter())] == ["NUL \ufffd and \ufffd half"]


def test_reports_of_all_stores_are_the_same_to_the_byte(filled, plain):
    """`report --json` over the year is, byte for byte, the one that is compiled from plain arithmetic's answers."""
    for name in ("everything", "people of a month", "hours"):
        asked = FILTERS[name]
        assert json.dumps(compile_report(filled, asked)) == json.dumps(compile_report(plain, asked)), name


def test_an_empty_store_has_an_answer_to_every_question(store):
    """Where nothing was stored, nothing is counted, and no question fails."""
    plain = load_plain_answers()([])
    for name, question in QUESTIONS.items():
        assert question(store, Filter()) == question(plain, Filter()), name
    assert list(store.heartbeats()) == []


def test_batches_of_one_transaction_are_told_apart(store):
    """Several batches at once are stored in their order, and of each it is said what became of it."""
    one, two = (TelemetryEvent("a", "local_only", timestamp_secs=MONDAY, id=name) for name in "12")
    batches = [TelemetryBatch([one], app="acme-mcp"), TelemetryBatch([one, two], app="acme-mcp"), TelemetryBatch([])]
    assert store.add_batches([(batch, MONDAY + number) for number, batch in enumerate(batches)]) == [(1, 0), (1, 1), (0, 0)]
    assert store.calls(Filter()).totals.calls == 2


@pytest.fixture(scope="module")
def whole_year():
    """Return the documents of a year of two thousand installations, and what plain arithmetic reports of them."""
    documents = year(2_000, 365)
    plain = load_plain_answers()(documents)
    return documents, {asked: json.dumps(compile_report(plain, asked)) for asked in (Filter(), FILTERS["people of a month"])}


@pytest.mark.heavy
@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", STORES)
def test_the_whole_year_is_reported_as_plain_arithmetic_does(kind, tmp_path, open_one, whole_year):
    """Over a year of two thousand installations the report is, to the byte, that of the answers of plain arithmetic."""
    documents, reports = whole_year
    store = open_one(kind, tmp_path)
    assert store_documents(store, documents) == len(documents) > 90_000
    for asked, report in reports.items():
        assert json.dumps(compile_report(store, asked)) == report
    store.close()


_WRITER = """
import random, sys
from mcptelemetry.collector import open_store
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent

url, seed = sys.argv[1], int(sys.argv[2])
events = [
    TelemetryEvent(f"tool-{number % 7}", "local_only", latency_ms=number % 900, timestamp_secs=1_750_032_000 + number % 50_000,
                   id=f"{number % 40:020x}-{number}" if number % 10 else f"other/{number}")
    for number in range(40_000)
]
shuffler = random.Random(seed)
shuffler.shuffle(events)
store = open_store(url)
print("ready", flush=True)
sys.stdin.readline()
at, count = 0, 0
while at < len(events):
    size = shuffler.randrange(1, 1500)
    batch = TelemetryBatch(events[at : at + size], app="acme-mcp", version="v1")
    for _ in range(2 if count % 3 == 2 else 1):
        while True:
            try:
                store.add_events(batch, received_at=1_750_100_000)
                break
            except Exception as error:
                print(type(error).__name__, error, file=sys.stderr)
    at, count = at + size, count + 1
    if count == 5:
        print("under way", flush=True)
store.close()
"""


@pytest.mark.heavy
@pytest.mark.parametrize("kind", STORES)
def test_writers_in_any_order_and_one_killed_store_each_event_once(kind, tmp_path, url_of, open_one):
    """Four writers of the same events, shuffled and cut each in its own way, every third batch twice, one killed: each once."""
    opened = open_one(kind, tmp_path)
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, url_of(kind, tmp_path), str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for seed in range(4)
    ]
    try:
        for writer in writers:
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            writer.stdin.write("\n")
            writer.stdin.flush()
        assert writers[0].stdout.readline() == "under way\n"
        writers[0].kill()
        for writer in writers:
            writer.communicate(timeout=100)
        assert [writer.returncode for writer in writers] == [-9, 0, 0, 0]
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    answer = opened.calls(Filter())
    assert (answer.totals.calls, answer.totals.p50_ms, answer.totals.p99_ms) == (40_000, 445, 890)
    assert [row.figures.calls for row in answer.rows] == [5_715] * 2 + [5_714] * 5
    assert sum(span.calls for span in opened.calls_over_time(Filter())) == 40_000
    health = opened.health(Filter())
    assert health.events == 40_000
    assert health.duplicates >= 80_000
    opened.close()


CALL_METHODS = ("apps", "calls", "tools", "tool_trends", "errors_over_time", "calls_over_time", "clients", "calls_by_version")
CALL_QUESTIONS = (
    *CALL_METHODS, "calls by the hour", "calls by the week", "three tools by the week", "tools by the hour", "errors by the hour"
)  # fmt: skip


class OnlyCalls:
    """Plain arithmetic's answers, as far as a store of events only has them."""

    def __init__(self, plain):
        for name in (*CALL_METHODS, "close"):
            setattr(self, name, getattr(plain, name))


def as_spans_can_tell(documents):
    """Yield the events of *documents* as our client sends them: with an id each, and times that nanoseconds can hold."""
    numbers = itertools.count()
    for received_at, stream, document in documents:
        if stream == "events":
            events = [
                {"id": f"without-{next(numbers)}", **event}
                for event in document["events"]
                if max(event["timestamp_secs"], event["latency_ms"]) < 9_000_000_000
            ]
            yield DemoDocument(received_at, "events", {**document, "events": events})


@pytest.fixture(scope="module")
def otel_table():
    """Return the functions that write and open a table of spans in a ClickHouse in this process."""
    clickhouse_connect = pytest.importorskip("clickhouse_connect", reason="clickhouse-connect is not installed: the extra stores")
    pytest.importorskip("chdb", reason="chdb is not installed: the extra stores")
    from mcptelemetry.collector.stores._otel_traces import OtelTraces

    client = clickhouse_connect.get_client(interface="chdb")
    yield lambda name, bodies: load("otel_table").write_table(client, name, bodies), lambda name: OtelTraces(client, name)
    client.close()


@pytest.mark.heavy
def test_the_table_of_an_opentelemetry_collector_answers_about_calls(documents, otel_table):
    """Spans of ours that a Collector wrote, some of them twice and others' between them, answer as plain arithmetic does."""
    write, open_table = otel_table
    adapted = list(as_spans_can_tell(documents))
    bodies = [load("otel_table").as_otlp(one.document) for one in adapted]
    strangers = [body.replace(b'"name":"mcptelemetry"', b'"name":"another"') for body in bodies[:3]]
    write("otel_traces", [*bodies, *bodies[::3], *strangers])
    store = open_table("otel_traces")
    plain = load_plain_answers()(adapted)
    for name in ("everything", "unnamed", "nobody", "people of a month", "hours", "no version", "a client", "a tool"):
        for question in CALL_QUESTIONS:
            assert QUESTIONS[question](store, FILTERS[name]) == QUESTIONS[question](plain, FILTERS[name]), (name, question)
    for name in ("everything", "people of a month"):
        asked = FILTERS[name]
        assert json.dumps(compile_report(store, asked)) == json.dumps(compile_report(OnlyCalls(plain), asked)), name
    assert store.calls(Filter()).totals.calls > 1000


@pytest.mark.heavy
def test_an_empty_table_answers_and_a_missing_one_is_said(otel_table):
    """A table without spans counts nothing; one that is not there, or no name of one, is an error in one line."""
    write, open_table = otel_table
    write("nothing_yet", [])
    for question in CALL_QUESTIONS:
        assert QUESTIONS[question](open_table("nothing_yet"), Filter()) == QUESTIONS[question](load_plain_answers()([]), Filter())
    with pytest.raises(StoreError, match="no_such_table cannot be read: [^\n]+$"):
        open_table("no_such_table").calls(Filter())
    with pytest.raises(ValueError, match="letters, digits"):
        open_table("otel_traces; DROP TABLE otel_traces")
    with pytest.raises(ValueError, match="no number of hours"):
        open_table("nothing_yet").calls_over_time(Filter(), 1800)
