"""The store on PostgreSQL, beyond the contract of all stores: its days, its connections, its errors, its secrets."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import traceback

import pytest

from mcptelemetry.cli import main
from mcptelemetry.collector import Filter, StoreError, open_questions, open_store
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent

pytestmark = pytest.mark.heavy

DAY = 86_400
TODAY = 1_750_032_000  # 16 June 2025, 00:00 UTC
SECRET = "s3cret-W0rd"


def a_batch(*moments, app="acme-mcp", process="0" * 20, number=0):
    """Return a batch with an event for each moment."""
    events = [TelemetryEvent("a", "local_only", timestamp_secs=moment, id=f"{process}-{number + place}") for place, moment in enumerate(moments)]
    return TelemetryBatch(events, app=app)


@pytest.fixture
def url(postgres):
    """Return the URL of an empty database."""
    return postgres.make_database()


@pytest.fixture
def store(url):
    """Return a store on an empty database."""
    opened = open_store(url)
    yield opened
    opened.close()


def days_of(postgres, url):
    """Return the partitions that hold events, each with how many."""
    rows = postgres.ask(url, "SELECT tableoid::regclass, count(*) FROM mcptelemetry.events GROUP BY 1 ORDER BY 1::text")
    return dict(row.removeprefix("mcptelemetry.").split("|") for row in rows.splitlines())


def test_a_day_is_a_partition_and_wild_clocks_share_one(postgres, url, store):
    """Events lie by the day on which they were made; what is months too old, or of the future, lies together."""
    store.add_events(a_batch(TODAY, TODAY + DAY - 1, TODAY + DAY, TODAY - 61 * DAY, TODAY - 90 * DAY, TODAY + 2 * DAY, 0, 2**53 - 1), received_at=TODAY + 5)
    assert days_of(postgres, url) == {
        "events_of_2025_04_16": "1", "events_of_2025_06_16": "2", "events_of_2025_06_17": "1", "events_of_other_days": "4",
    }  # fmt: skip
    # The day has come, and what had come before it moves to it.
    assert store.add_events(a_batch(TODAY + 2 * DAY), received_at=TODAY + 2 * DAY).stored == 1
    assert store.add_events(a_batch(TODAY + 2 * DAY, number=5), received_at=TODAY + 2 * DAY) == (0, 1)
    assert days_of(postgres, url)["events_of_2025_06_18"] == "2"
    assert store.prune(TODAY + DAY + 3600) == (6, 0, 0)
    assert days_of(postgres, url) == {"events_of_2025_06_18": "2", "events_of_other_days": "1"}
    assert store.calls(Filter()).totals.calls == 3


def test_a_day_whose_partition_cannot_be_made_is_stored_all_the_same(postgres, url, store):
    """While somebody holds the whole table, events go to the days that have no partition, and count as ever."""
    import psycopg

    store.add_events(a_batch(TODAY), received_at=TODAY)
    with psycopg.connect(url) as reader:
        reader.execute("SELECT count(*) FROM mcptelemetry.events")  # and the transaction goes on
        assert store.add_events(a_batch(TODAY + 2 * DAY), received_at=TODAY + 2 * DAY) == (1, 0)
    assert days_of(postgres, url) == {"events_of_2025_06_16": "1", "events_of_other_days": "1"}
    assert store.calls(Filter()).totals.calls == 2
    # Another collector makes it.
    other = open_store(url)
    other.add_events(a_batch(TODAY + 2 * DAY + 1), received_at=TODAY + 2 * DAY)
    other.close()
    assert days_of(postgres, url)["events_of_2025_06_18"] == "2"


def test_days_are_dropped_between_long_questions(store, url):
    """Whoever reads for long holds the dropping of days up for as long, and the documents of then are still there."""
    import psycopg

    store.add_events(a_batch(TODAY, TODAY + 2 * DAY), received_at=TODAY + 2 * DAY)
    with psycopg.connect(url) as reader:
        reader.execute("SELECT count(*) FROM mcptelemetry.events")
        with pytest.raises(StoreError, match="another program holds it"):
            store.prune(TODAY + DAY)
        assert store.calls(Filter()).totals.calls == 2
    assert store.prune(TODAY + DAY).events == 1
    assert store.calls(Filter()).totals.calls == 1


def test_names_that_no_text_can_hold_are_asked_for_in_vain(store):
    """A question with NUL or half a character in it has an answer, and is no outage."""
    assert store.calls(Filter(app="a\0", tool="\ud83d", version="\udc00", client="\0")).totals.calls == 0
    assert store.own_tools(Filter(app="a\0", version="\ud83d", env_kinds=("\ud83d",))) == []


def test_collectors_that_start_at_once_make_one_schema(url):
    """Several that find an empty database wait for the one that makes the tables."""
    failures = []

    def start():
        try:
            opened = open_store(url)
            opened.add_events(a_batch(TODAY), received_at=TODAY)
            opened.close()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    store = open_store(url, read_only=True)
    assert store.calls(Filter()).totals.calls == 1
    store.close()


def test_what_is_opened_for_reading_is_not_changed(postgres, url):
    """Where nobody collected there is nothing to read, and a look makes nothing; a reader stores nothing."""
    with pytest.raises(StoreError, match="holds nothing of a collector's; 'mcptelemetry collect --store URL' makes it"):
        open_questions(url)
    assert postgres.ask(url, "SELECT to_regnamespace('mcptelemetry') IS NULL") == "t"
    open_store(url).close()
    reader = open_store(url, read_only=True)
    reader.check()
    with pytest.raises(StoreError, match="opened for reading only"):
        reader.add_events(a_batch(TODAY), received_at=TODAY)
    reader.close()


def test_a_server_that_is_gone_is_said_and_used_again_when_it_is_back(postgres, url, store):
    """A store outlives its server: an error in one line while it is down, and no connection of before afterwards."""
    store.add_events(a_batch(TODAY), received_at=TODAY)
    postgres.stop()
    try:
        for use in (store.check, lambda: store.add_events(a_batch(TODAY + 1, number=1), received_at=TODAY), lambda: store.calls(Filter())):
            with pytest.raises(StoreError, match=r"^postgresql://owner@/tmp/\S+/collector_\d+ cannot be (written|read): [^\n]+ \(.+\)$"):
                use()
        with pytest.raises(StoreError, match="cannot be written"):
            open_store(url)
    finally:
        postgres.start()
    store.check()
    assert store.add_events(a_batch(TODAY, TODAY + 1), received_at=TODAY) == (1, 1)
    postgres.stop("fast")
    postgres.start()
    assert store.calls(Filter()).totals.calls == 2


def test_a_database_that_refuses_changes_fails_the_check(postgres, url, store):
    """A server that takes no changes, such as a standby, cannot store, and says so before a document is lost."""
    postgres.ask(url, f"ALTER DATABASE {url.split('/')[3].split('?')[0]} SET default_transaction_read_only = on")
    store.close()
    with pytest.raises(StoreError, match="takes no changes"):
        store.check()
    with pytest.raises(StoreError, match="takes no changes"):
        store.add_events(a_batch(TODAY), received_at=TODAY)


def test_tables_that_are_gone_are_not_made_again(postgres, url, store):
    """Tables that were dropped under a running collector are said, and no empty ones take their place."""
    store.add_events(a_batch(TODAY), received_at=TODAY)
    postgres.ask(url, "DROP SCHEMA mcptelemetry CASCADE")
    for use in (store.check, lambda: store.add_events(a_batch(TODAY), received_at=TODAY)):
        with pytest.raises(StoreError):
            use()
    assert postgres.ask(url, "SELECT to_regnamespace('mcptelemetry') IS NULL") == "t"


def test_a_newer_schema_and_another_encoding_are_refused(postgres, url):
    """What a later version wrote is left alone, and a database that cannot hold all names is none for a collector."""
    open_store(url).close()
    postgres.ask(url, "UPDATE mcptelemetry.schema_version SET version = 99")
    with pytest.raises(StoreError, match="schema version 99, this mcptelemetry knows 2; upgrade"):
        open_store(url)
    other = postgres.make_database(None, "--encoding=LATIN1", "--locale=C", "--template=template0")
    with pytest.raises(StoreError, match="keeps text as LATIN1; make a database for the collector with: createdb"):
        open_store(other)


FORKER = """
import os, sys
from mcptelemetry.collector import Filter, open_store
from mcptelemetry.wire import TelemetryBatch, TelemetryEvent

def add(store, number):
    event = TelemetryEvent("a", "local_only", timestamp_secs=1_750_032_000, id=f"{'0' * 20}-{number}")
    assert store.add_events(TelemetryBatch([event], app="acme-mcp"), received_at=1_750_032_000) == (1, 0)

store = open_store(sys.argv[1])
add(store, 0)
children = []
for child in range(1, 4):
    pid = os.fork()
    if pid == 0:
        for number in range(10):
            add(store, child * 100 + number)
        store.close()
        os._exit(0)
    children.append(pid)
for number in range(1, 11):
    add(store, number)
assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0, 0, 0]
add(store, 11)
print(store.calls(Filter()).totals.calls)
store.close()
"""


def test_a_fork_has_connections_of_its_own(url):
    """A store that was used before a fork is used by parent and children at once, and none disturbs another."""
    done = subprocess.run([sys.executable, "-c", FORKER, url], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("42\n", "", 0)


def test_a_password_is_printed_nowhere(postgres, url, caplog, capsys, monkeypatch):
    """Right or wrong, in the URL or in the environment: no message, representation, traceback or log line has it."""
    caplog.set_level(logging.DEBUG)
    database = url.split("/")[3].split("?")[0]
    postgres.ask(url, f"CREATE ROLE locked LOGIN PASSWORD '{SECRET}'")
    postgres.ask(url, f"GRANT CREATE ON DATABASE {database} TO locked")
    texts = []
    good = postgres.url(database, f"locked:{SECRET}")
    store = open_store(good)
    texts.append(repr(store))
    store.close()
    with monkeypatch.context() as patch:
        patch.setenv("PGPASSWORD", SECRET)
        store = open_store(postgres.url(database, "locked"))
        texts.append(repr(store))
        store.close()
    bad = {
        "wrong": postgres.url(database, f"locked:{SECRET}x"),
        "not there": f"postgresql://locked:{SECRET}@127.0.0.1:1/nothing",
        "no such database": postgres.url("nowhere", f"locked:{SECRET}"),
        "a slash": f"postgresql://locked:1/{SECRET}@localhost/db",
        "a colon": f"postgresql://locked:1:{SECRET}@localhost/db",
        "an at": f"postgresql://locked:x@{SECRET}@localhost/db",
        "a question mark": f"postgresql://locked:1?{SECRET}@localhost/db",
        "a hash": f"postgresql://locked:1#{SECRET}@localhost/db",
        "a percent": f"postgresql://locked:%zz{SECRET}@localhost/db",
        "a word too much": f"{good}&{SECRET}=1",
        "a port of letters": f"postgresql://locked@localhost:{SECRET}/db",
    }
    for name, place in bad.items():
        with pytest.raises((StoreError, ValueError)) as caught:
            open_store(place)
        texts += [str(caught.value), "".join(traceback.format_exception(caught.type, caught.value, caught.tb, chain=True)).replace(repr(place), "")]
        assert "\n" not in str(caught.value), name
        assert main(["report", "--store", place]) in (1, 2), name
        assert main(["inbox", "--store", place]) in (1, 2), name
    assert main(["report", "--store", good, "--json"]) == 0
    out, err = capsys.readouterr()
    for text in (*texts, out, err, caplog.text):
        assert SECRET not in text
    assert "check user and password: PGPASSWORD, PGPASSFILE or the URL" in err


def test_commands_read_the_store_that_a_url_names(store, url, capsys):
    """`report --store` and `inbox --store` show what is on the server."""
    store.add_events(a_batch(TODAY, TODAY + 1), received_at=TODAY)
    context = {"version": "v1", "edition": "personal", "os": "linux", "arch": "amd64", "server_count": 0, "connected_server_count": 0, "routing_mode": "local-first"}
    store.add_feedback({"category": "bug", "message": "Ten letters and more.", "context": context}, received_at=TODAY)
    assert main(["report", "--store", url, "--json"]) == 0
    assert '"calls": 2' in capsys.readouterr().out
    assert main(["inbox", "--store", url, "--mark-read"]) == 0
    assert "Ten letters and more." in capsys.readouterr().out
    assert store.feedback(Filter()) == [("bug", 1, 0)]


def test_connections_are_used_again_and_not_hoarded(postgres, url, store):
    """One thread needs one connection, many threads as many, and eight are kept."""
    for number in range(20):
        store.add_events(a_batch(TODAY, number=number), received_at=TODAY)
    count = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mcptelemetry' AND datname = current_database()"
    assert postgres.ask(url, count) == "1"
    ready = threading.Barrier(12)

    def ask():
        ready.wait(30)
        for _ in range(10):
            store.calls(Filter())

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert 1 <= int(postgres.ask(url, count)) <= 9  # one may be on its way out

