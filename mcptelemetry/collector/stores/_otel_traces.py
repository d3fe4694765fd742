"""
Questions about calls, answered by the table that an OpenTelemetry Collector writes to ClickHouse.

Our senders' spans are told from others by their scope. The collector and its exporter may write a
span again, so each is counted once: by service, ids and time. Imported only when a URL asks for it:
it needs clickhouse-connect.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from ._answers import (
    CallFigures,
    Calls,
    CallSpan,
    ClientCalls,
    ErrorSpan,
    ToolCalls,
    ToolFigures,
    ToolSpan,
    VersionCalls,
)
from ._errors import StoreError
from ._filter import DAY_SECS, ROWS_MAX, SPANS_MAX, TREND_TOOLS, TRENDS_MAX, UNNAMED, Filter
from ._spans import span_offset_secs
from ._text import storable

__all__ = ["OtelTraces", "open_otel_traces"]

# What the driver logs of a failure is raised here; with no handler at all it would stand on standard error too.
logging.getLogger(clickhouse_connect.__name__).addHandler(logging.NullHandler())

_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NANOSECONDS = 1_000_000_000
_NANOSECONDS_MAX = 2**63 - 1
_SERVICES_UNNAMED = ("", "unknown_service")  # what a service without a name is called


def _named(column: str) -> str:
    return f"if({column} = '', '{UNNAMED}', {column})"


# Every column has the same value in each copy of a span.
_SPAN = f"""
if(ServiceName IN {_SERVICES_UNNAMED}, '{UNNAMED}', toString(ServiceName)) AS app,
any(intDiv(toUnixTimestamp64Nano(Timestamp), {_NANOSECONDS})) AS moment,
any(intDiv(toInt64(Duration), 1000000)) AS latency_ms,
any(StatusCode IN ('Error', 'STATUS_CODE_ERROR')) AS is_error,
any(SpanAttributes['gen_ai.tool.name']) AS tool,
any(SpanAttributes['mcptelemetry.routing_decision']) AS routing_decision,
any({_named("SpanAttributes['error.type']")}) AS error_type,
any({_named("SpanAttributes['mcptelemetry.client']")}) AS client,
any({_named("ResourceAttributes['service.version']")}) AS version
"""
_OURS = "ScopeName = 'mcptelemetry' AND SpanAttributes['mcp.method.name'] = 'tools/call'"
_FIGURES = """
count() AS calls, countIf(is_error) AS errors, sumMapIf(map(error_type, toUInt64(1)), is_error) AS error_types,
quantilesExactWeighted(0.5, 0.95, 0.99)(latency_ms, 1) AS percentiles
"""


class OtelTraces:
    """
    The table *table*, as *client* reads it; it is never changed.

    Answers `CallQuestions`. Raises `StoreError` for a table that is not there or not of this make.
    As safe between threads as *client* is.
    """

    def __init__(self, client: Client, table: str = "otel_traces") -> None:
        if not _TABLE.fullmatch(table):
            msg = f"table={table!r} is no name of a table; give letters, digits and underscores"
            raise ValueError(msg)
        self._client = client
        self._table = table

    def __repr__(self) -> str:
        return f"OtelTraces({self._table!r})"

    def apps(self, asked: Filter) -> dict[str, int]:
        """Calls of each application, most first; the filter's own app is left aside."""
        everybody = replace(asked, app=None)
        rows = self._ask("app, count() AS calls", everybody, f"GROUP BY app ORDER BY calls DESC, app LIMIT {ROWS_MAX}")
        return {app: count for app, count in rows}  # noqa: C416  rows are sequences, not pairs

    def calls(self, asked: Filter) -> Calls:
        """Calls, errors and percentiles for each tool and route, and over all."""
        ((routes, *totals),) = self._ask(f"uniqExact(tool, routing_decision), {_FIGURES}", asked, "")
        rows = self._ask(
            f"tool, routing_decision, {_FIGURES}",
            asked,
            f"GROUP BY tool, routing_decision ORDER BY calls DESC, tool, routing_decision LIMIT {ROWS_MAX}",
        )
        shown = [ToolCalls(tool, decision, _figures(figures)) for tool, decision, *figures in rows]
        return Calls(shown, _figures(totals), routes - len(shown))

    def tools(self, asked: Filter) -> list[ToolFigures]:
        """Calls, errors and percentiles of each tool over all its routes, most called first."""
        rows = self._ask(f"tool, {_FIGURES}", asked, f"GROUP BY tool ORDER BY calls DESC, tool LIMIT {ROWS_MAX}")
        return [ToolFigures(tool, _figures(figures)) for tool, *figures in rows]

    def tool_trends(self, asked: Filter, step_secs: int = DAY_SECS, most: int = TREND_TOOLS) -> list[ToolSpan]:
        """Calls of the *most* most called tools, in order of their names, by the hour, day or week, in order of time."""
        names = self._ask("tool, count() AS calls", asked, f"GROUP BY tool ORDER BY calls DESC, tool LIMIT {min(most, ROWS_MAX)}")
        rows = self._ask(
            f"tool, {_span_start(step_secs)} AS start, count(), countIf(is_error)",
            asked,
            f"AND tool IN {{tools:Array(String)}} GROUP BY tool, start ORDER BY start DESC, tool LIMIT {TRENDS_MAX}",
            {"tools": [name for name, _ in names]},
        )
        return sorted(ToolSpan(*row) for row in rows)

    def errors_over_time(self, asked: Filter, step_secs: int = DAY_SECS) -> list[ErrorSpan]:
        """Errors by type of each hour, day or week that has any, in order of time, then of name."""
        rows = self._ask(
            f"{_span_start(step_secs)} AS start, error_type, count()",
            asked,
            f"AND is_error GROUP BY start, error_type ORDER BY start DESC, error_type LIMIT {TRENDS_MAX}",
        )
        return sorted(ErrorSpan(*row) for row in rows)

    def calls_over_time(self, asked: Filter, step_secs: int = DAY_SECS) -> list[CallSpan]:
        """Calls of each hour, day or week that has any, in order of time."""
        rows = self._ask(
            f"{_span_start(step_secs)} AS start, count(), countIf(is_error)",
            asked,
            f"GROUP BY start ORDER BY start DESC LIMIT {SPANS_MAX}",
        )
        return [CallSpan(*row) for row in rows][::-1]

    def clients(self, asked: Filter) -> list[ClientCalls]:
        """Calls from each client, most first."""
        rows = self._ask(
            "client, count() AS calls, countIf(is_error)", asked, f"GROUP BY client ORDER BY calls DESC, client LIMIT {ROWS_MAX}"
        )
        return [ClientCalls(*row) for row in rows]

    def calls_by_version(self, asked: Filter) -> list[VersionCalls]:
        """Calls of each version, most first."""
        rows = self._ask(
            f"version, intDiv(min(moment), {DAY_SECS}) * {DAY_SECS}, count() AS calls, countIf(is_error)",
            asked,
            f"GROUP BY version ORDER BY calls DESC, version LIMIT {ROWS_MAX}",
        )
        return [VersionCalls(*row) for row in rows]

    def close(self) -> None:
        """Close the client's connections."""
        self._client.close()

    def _ask(
        self, columns: str, asked: Filter, rest: str, more: Mapping[str, object] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Return *columns* of the spans that are asked for, each once; *more* are the values of what *rest* names."""
        values: dict[str, object] = dict(more or {})
        inside, outside = [_OURS], ["true"]
        # These two let the engine leave parts of the table unread.
        if asked.app is not None:
            values["apps"] = [UNNAMED, *_SERVICES_UNNAMED] if asked.app == UNNAMED else [storable(asked.app)]
            inside.append("ServiceName IN {apps:Array(String)}")
        for name, sign, moment in (("since", ">=", asked.since), ("until", "<", asked.until)):
            if moment is not None:
                values[name] = min(moment * _NANOSECONDS, _NANOSECONDS_MAX)
                inside.append(f"Timestamp {sign} fromUnixTimestamp64Nano({{{name}:Int64}})")
        for name in ("version", "client", "tool"):
            wanted: str | None = getattr(asked, name)
            if wanted is not None:
                values[name] = storable(wanted)
                outside.append(f"{name} = {{{name}:String}}")
        statement = (
            f"SELECT {columns} FROM (SELECT {_SPAN} FROM {self._table} WHERE {' AND '.join(inside)} "
            f"GROUP BY ServiceName, TraceId, SpanId, Timestamp) AS spans WHERE {' AND '.join(outside)} {rest}"
        )
        try:
            return self._client.query(statement, parameters=values).result_rows
        except ClickHouseError as error:
            raise _error(self._table, error) from error


def open_otel_traces(url: str) -> OtelTraces:
    """
    Return what answers from the table of ``clickhouse://USER@HOST:PORT/DATABASE?table=otel_traces``.

    ``secure=true`` for TLS; the password is that of the URL, or CLICKHOUSE_PASSWORD. Raises
    `ValueError` for a URL that cannot be used, `StoreError` when nobody answers.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    options = dict(parse_qsl(parts.query)) if host else {}
    is_known = options.keys() <= {"table", "secure"} and options.get("secure", "false") in ("true", "false")
    if not host or not is_known or parts.path.count("/") > 1:
        msg = "the URL of the table cannot be read; it looks like clickhouse://USER@HOST:8123/DATABASE?table=otel_traces (&secure=true for TLS)"
        raise ValueError(msg)
    try:
        client = clickhouse_connect.get_client(
            host=host,
            port=port or 0,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else os.environ.get("CLICKHOUSE_PASSWORD", ""),
            database=unquote(parts.path.strip("/")) or "default",
            secure=options.get("secure") == "true",
            connect_timeout=5,
            query_limit=0,  # our own limits are in the questions
            autogenerate_session_id=False,  # questions of several threads may run at once
        )
    except ClickHouseError as error:
        raise _error(f"ClickHouse on {host}", error) from error
    return OtelTraces(client, options.get("table", "otel_traces"))


def _span_start(step_secs: int) -> str:
    return f"moment - (moment + {span_offset_secs(step_secs)}) % {int(step_secs)}"


def _error(place: str, error: Exception) -> StoreError:
    first = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return StoreError(f"{place} cannot be read: {first} (check that the server runs, and the names of database, table and user)")


def _figures(row: Sequence[Any]) -> CallFigures:
    count, errors, error_types, percentiles = row
    types = dict(sorted(error_types.items(), key=lambda named: (-named[1], named[0])))
    return CallFigures(count, errors, types, *(map(int, percentiles) if count else (None, None, None)))
