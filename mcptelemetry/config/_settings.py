"""
The settings in `telemetry.toml`, checked where they are read.

One table says which keys there are and what each may hold; from it come the check, the
message and the nearest known key. The file is the person's: it is read, never written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..system import NetworkSettings
from ..vocabulary import RoutingStrategy
from ._document import Document, read_document
from ._endpoint import check_endpoint
from ._headers import HEADERS_ALLOWED, VARIABLE_ALLOWED, find_header_fault, is_variable_name
from ._misspelt import Misspelling, find_misspellings
from ._modes import Mode
from ._values import Config, ProxySettings, TelemetrySettings

__all__ = ["CONFIG_FILE", "PROXY_KEYS", "load_config"]

CONFIG_FILE = "telemetry.toml"
"""The name of the person's file in the data directory."""

_MAX_COUNT = 1_000_000_000
# What every platform can wait for in one go; some cannot wait two months.
_MAX_INTERVAL_SECS = 4_000_000
_MAX_WARNINGS = 20


class _Key(NamedTuple):
    """
    One key: its table and name, what makes a value right, and how to say that.

    What stands there wrongly may be a secret when it *is_secret*, and is shown nowhere.
    """

    table: str
    name: str
    is_right: Callable[[Any], bool]
    allowed: str
    is_secret: bool = False

    def demand(self, value: object) -> str:
        """Say what is demanded where *value* stands, in words that follow the key."""
        return find_header_fault(value) or "" if self.name == "headers" else f"must be {self.allowed}"


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_variable(value: object) -> bool:
    return isinstance(value, str) and (not value.strip() or is_variable_name(value.strip()))


def _is_headers(value: object) -> bool:
    return find_header_fault(value) is None


def _is_one_of(*words: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value in words


def _is_count_from(least: int) -> Callable[[object], bool]:
    # A bool is an int to Python, not to the person who wrote true.
    return lambda value: type(value) is int and least <= value <= _MAX_COUNT


def _is_interval(value: object) -> bool:
    # Neither nan nor inf lies in a range.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 1 <= value <= _MAX_INTERVAL_SECS


_STRATEGIES = tuple(strategy.value for strategy in RoutingStrategy)
_STRATEGY_ALLOWED = '"remote", "local", "local-first" or "remote-first"'
_RULES_ALLOWED = "an array of tables, each begun with [[proxy.routing.tool_overrides]]"

_KEYS = (
    _Key("telemetry", "enabled", _is_bool, "true or false"),
    _Key("telemetry", "mode", _is_text, '"on", "local" or "off"'),
    _Key("telemetry", "endpoint", _is_text, "a URL in quotes"),
    _Key("proxy.telemetry", "enabled", _is_bool, "true or false"),
    _Key("proxy.telemetry", "endpoint", _is_text, "a URL in quotes"),
    _Key("proxy.telemetry", "batch_size", _is_count_from(1), f"a whole number from 1 to {_MAX_COUNT:,}"),
    _Key("proxy.telemetry", "batch_interval_secs", _is_interval, f"seconds from 1 to {_MAX_INTERVAL_SECS:,}"),
    _Key("proxy.telemetry", "offline_queue_max", _is_count_from(0), f"a whole number from 0 to {_MAX_COUNT:,}"),
    _Key("proxy.telemetry", "token_key", _is_variable, VARIABLE_ALLOWED, is_secret=True),
    _Key("proxy.telemetry", "headers", _is_headers, HEADERS_ALLOWED, is_secret=True),
    _Key("proxy.telemetry", "allow_insecure", _is_bool, "true or false"),
    _Key("proxy.telemetry", "format", _is_one_of("json", "jsonl", "otlp"), '"json", "jsonl" or "otlp"'),
    _Key("proxy.telemetry", "compression", _is_one_of("gzip", "none"), '"gzip" or "none"'),
    _Key("proxy.telemetry", "metrics", _is_bool, "true or false"),
    _Key("proxy.telemetry", "spool", _is_bool, "true or false"),
    _Key("proxy.routing", "strategy", _is_one_of(*_STRATEGIES), _STRATEGY_ALLOWED),
    _Key("proxy.routing", "fallback_on_error", _is_bool, "true or false"),
    _Key("proxy.routing", "tool_overrides", lambda value: isinstance(value, list), _RULES_ALLOWED),
    _Key("network", "https_proxy", _is_text, "a URL in quotes"),
    _Key("network", "ca_bundle", _is_text, "a path in quotes"),
)

PROXY_KEYS = tuple(key for key in _KEYS if key.table == "proxy.telemetry")
"""The keys of `[proxy.telemetry]`; whoever builds these settings in code checks with them."""

# The tables, and the names under which a table may hold something.
_NAMES_IN: dict[str, tuple[str, ...]] = {
    "": ("telemetry", "proxy", "network"),
    "proxy": ("telemetry", "routing"),
    **{
        table: tuple(key.name for key in _KEYS if key.table == table)
        for table in ("telemetry", "proxy.telemetry", "proxy.routing", "network")
    },
}

# What each table of `[[proxy.routing.tool_overrides]]` holds; what makes it right, and how to say that.
_RULE_KEYS = (
    ("pattern", lambda value: _is_text(value) and value != "", 'a tool name, or part of one with *, such as "get_*"'),
    ("strategy", _is_one_of(*_STRATEGIES), _STRATEGY_ALLOWED),
)


def load_config(path: str) -> Config:
    """
    Return what the file at *path* says; a missing file, or no *path* at all, is all defaults.

    Raises `ConfigError` when the file cannot be read, is not TOML or holds a value of the
    wrong type or range, or an endpoint that cannot be used. Inside a host process that error means: off for this run.
    """
    document = read_document(path) if path else None
    if document is None:
        return Config()
    values = {table: _table(document, table) for table in _NAMES_IN if table not in ("", "proxy")}
    unknown = list(_unknown_names(document))
    # The nearest known name takes a while to find: not for thousands of keys.
    warnings = [_warning(document, table, name) for table, name in unknown[:_MAX_WARNINGS]]
    if len(unknown) > _MAX_WARNINGS:
        warnings.append(f"and {len(unknown) - _MAX_WARNINGS} more")
    for key in _KEYS:
        value = values[key.table].get(key.name)
        if value is not None and not key.is_right(value):
            raise document.error(key.table, key.name, key.demand(value) + ("" if key.is_secret else f", not {_shown(value)}"))
    _check_rules(document, values["proxy.routing"].get("tool_overrides", ()))
    misspelt = list(find_misspellings(document.tables, _NAMES_IN))
    mode, doubt = _mode(values["telemetry"].get("mode"))
    warnings += [f"{document.path}: {doubt}"] if doubt else []
    _check_endpoint(document, values, "telemetry", is_base=True)
    _check_endpoint(document, values, "proxy.telemetry", is_base=False)
    return Config(
        telemetry=TelemetrySettings(**{**_known(values, "telemetry"), "mode": mode}),
        proxy=ProxySettings(**_known(values, "proxy.telemetry")),
        network=NetworkSettings(**_known(values, "network")),
        routing=MappingProxyType(values["proxy.routing"]),
        warnings=tuple(warnings),
        telemetry_doubt=next((_doubt(document, one) for one in misspelt if one.is_of_telemetry), ""),
        events_doubt=next((_doubt(document, one) for one in misspelt if one.is_of_events), ""),
    )


def _doubt(document: Document, misspelt: Misspelling) -> str:
    return f"{misspelt.place} in {document.path} is a misspelt switch, which reads as off"


def _check_rules(document: Document, rules: Iterable[object]) -> None:
    for number, rule in enumerate(rules, start=1):
        key = f"tool_overrides number {number}"
        if not isinstance(rule, dict):
            raise document.error("proxy.routing", key, f"must be a table with pattern and strategy, not {_shown(rule)}")
        for name, is_right, allowed in _RULE_KEYS:
            if not is_right(rule.get(name)):
                said = f"not {_shown(rule[name])}" if name in rule else "and is missing"
                raise document.error("proxy.routing", f"{key}: {name}", f"must be {allowed}, {said}")


def _table(document: Document, name: str) -> dict[str, Any]:
    """Return the table *name* of *document*, empty when it is missing."""
    table = document.tables
    walked: list[str] = []
    for part in name.split("."):
        found = table.get(part, {})
        if not isinstance(found, dict):
            heading = ".".join([*walked, part])
            raise document.error(".".join(walked), part, f"must be a table, begun with [{heading}]")
        walked.append(part)
        table = found
    return table


def _known(values: Mapping[str, Mapping[str, Any]], table: str) -> dict[str, Any]:
    """Return the arguments that *table* gives, an empty text being the same as none."""
    given: dict[str, Any] = {}
    for name in _NAMES_IN[table]:
        value = values[table].get(name)
        value = value.strip() if isinstance(value, str) else value
        if value is not None and value != "":
            given[name] = MappingProxyType(value) if isinstance(value, dict) else value
    return given


def _check_endpoint(
    document: Document, values: Mapping[str, Mapping[str, Any]], table: str, *, is_base: bool
) -> None:
    """Raise the `ConfigError` that says why nothing can be sent to the endpoint of *table*."""
    endpoint = _known(values, table).get("endpoint")
    if endpoint is None:
        return
    try:
        check_endpoint(
            endpoint,
            allow_insecure=values[table].get("allow_insecure") is True,
            insecure_choice="" if is_base else "allow_insecure = true",
            is_base=is_base,
            argument=f"[{table}] endpoint",
        )
    except ValueError as error:
        raise document.broken(f"{document.place_of(table, 'endpoint')}: {error}") from None


def _mode(said: str | None) -> tuple[Mode | None, str]:
    """Return the mode that *said* means, and the doubt about it that a person should hear."""
    if said is None:
        return None, ""
    mode = Mode.read(said)
    if mode.value == said:
        return mode, ""
    return mode, f'[telemetry] mode {_shown(said)} is not known and reads as "off"; write "on", "local" or "off"'


def _unknown_names(document: Document) -> Iterator[tuple[str, str]]:
    """Yield the table and name of each key that is not known."""
    for table, known in _NAMES_IN.items():
        present = _table(document, table) if table else document.tables
        yield from ((table, name) for name in present if name not in known)


def _warning(document: Document, table: str, name: str) -> str:
    known = _NAMES_IN[table]
    where = f"[{table}] {name[:60]!r}" if table else f"{name[:60]!r}"
    nearest = _nearest(name, known)
    return f"{document.path}: {where} is not known; " + (
        f"did you mean {nearest!r}?" if nearest else f"known are {', '.join(known)}"
    )


def _nearest(name: str, known: tuple[str, ...]) -> str:
    import difflib  # only for a person who made a slip

    return next(iter(difflib.get_close_matches(name[:60].lower(), known, 1)), "")


def _shown(value: object) -> str:
    """Say what *value* is; long texts are cut, tables and lists only named."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) > _MAX_COUNT:
        return "a larger number" if value > 0 else "a negative one"  # too many digits cannot even be printed
    if isinstance(value, (str, int, float)):
        text = repr(value)
        return text if len(text) <= 40 else f"{text[:36]}..."  # a line's worth
    names = {"dict": "a table", "list": "a list"}
    return names.get(type(value).__name__, f"a {type(value).__name__}")
