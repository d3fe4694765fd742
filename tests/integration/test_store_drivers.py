"""Drivers of stores: imported when their URL is used and not before, and what is said when one is missing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from mcptelemetry.cli import main
from mcptelemetry.collector import open_questions, open_store

URLS = {
    "psycopg": ("postgresql://owner@localhost/db", "psycopg[binary]"),
    "clickhouse_connect": ("clickhouse://localhost/otel", "clickhouse-connect"),
}
LOADED = """
import json, sys
from mcptelemetry.collector import Filter, compile_report, open_questions, open_store

open_store(sys.argv[1]).close()
compile_report(open_questions(sys.argv[1]), Filter())
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules} & {"psycopg", "psycopg_pool", "clickhouse_connect", "chdb"})))
"""


def test_no_driver_is_loaded_for_a_file(tmp_path):
    """A collector and a report on a file of sqlite load neither psycopg nor clickhouse-connect."""
    done = subprocess.run([sys.executable, "-c", LOADED, f"sqlite:{tmp_path / 'c.db'}"], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("driver", URLS)
def test_a_missing_driver_names_the_command_that_installs_it(driver, monkeypatch, capsys):
    """Whoever names a store whose driver is not there reads, in one line, what to install."""
    monkeypatch.setitem(sys.modules, driver, None)
    for name in [name for name in sys.modules if name.startswith("mcptelemetry.collector.stores._postgres") or name.endswith("._otel_traces")]:
        monkeypatch.delitem(sys.modules, name)
    url, package = URLS[driver]
    assert main(["report", "--store", url]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"needs {driver}, which is not installed; run " in line
    assert line.endswith(f"-m pip install {package}") or line.endswith(f"-m pip install '{package}'")


def test_events_only_are_no_store_to_collect_into():
    """A table of spans answers questions about calls, and takes no documents."""
    with pytest.raises(ValueError, match="begins with one of sqlite:, postgresql:, postgres: such as"):
        open_store("clickhouse://localhost/otel")


@pytest.mark.heavy
@pytest.mark.parametrize("url", ["clickhouse:", "clickhouse://", "clickhouse://h:port/otel", "clickhouse://u:1/pw@h/otel", "clickhouse://h/otel?tabel=x", "clickhouse://h/a/b"])
def test_a_url_of_no_table_is_wrong_use(url):
    """A URL that cannot be read is told how one looks, and not repeated."""
    pytest.importorskip("clickhouse_connect", reason="clickhouse-connect is not installed: the extra stores")
    with pytest.raises(ValueError, match=r"^the URL of the table cannot be read; it looks like clickhouse://"):
        open_questions(url)


@pytest.mark.heavy
def test_a_clickhouse_that_does_not_answer_is_said_without_the_password(capsys, monkeypatch):
    """Nobody at the address: one line, exit 1, and no password in it."""
    pytest.importorskip("clickhouse_connect", reason="clickhouse-connect is not installed: the extra stores")
    monkeypatch.setenv("CLICKHOUSE_PASSWORD", "s3cret-W0rd")
    for url in ("clickhouse://me@127.0.0.1:1/otel", "clickhouse://me:s3cret-W0rd@127.0.0.1:1/otel?table=spans"):
        assert main(["report", "--store", url]) == 1
        err = capsys.readouterr().err
        assert "s3cret" not in err
        assert err.count("\n") == 1
        assert "ClickHouse on 127.0.0.1 cannot be read" in err
