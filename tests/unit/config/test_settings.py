"""What `telemetry.toml` may say, and what happens when it says something else."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

import pytest

from mcptelemetry.config import Config, Mode, ProxySettings, TelemetrySettings, load_config
from mcptelemetry.errors import ConfigError

FULL = """\
# what I want
[telemetry]
enabled = true
mode = "local"
endpoint = "https://t.acme.dev"

[proxy.telemetry]
enabled = false
endpoint = " https://ops.acme.dev/events "
batch_size = 7
batch_interval_secs = 2.5
offline_queue_max = 0
token_key = "ACME_TOKEN"
format = "otlp"
compression = "gzip"
spool = true
headers = { "x-team" = "TEAM_KEY" }
allow_insecure = true

[proxy.routing]
strategy = "local-first"

[[proxy.routing.tool_overrides]]
pattern = "db_*"
strategy = "local"

[network]
https_proxy = "http://proxy:3128"
ca_bundle = "/etc/ca.pem"
"""


def write(tmp_path: Path, content: str | bytes) -> str:
    """Return the path of settings that hold *content*."""
    path = tmp_path / "telemetry.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def trouble(tmp_path: Path, content: str | bytes) -> str:
    """Return what is said about settings that hold *content*, without their path."""
    path = write(tmp_path, content)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    message = str(caught.value)
    assert message.startswith(path)
    assert "\n" not in message
    return message[len(path) :]


def test_settings_are_all_defaults_when_the_file_is_missing(tmp_path: Path) -> None:
    """A missing file, a missing directory and no path at all say nothing."""
    defaults = Config()
    assert load_config(str(tmp_path / "telemetry.toml")) == defaults
    assert load_config(str(tmp_path / "nowhere" / "telemetry.toml")) == defaults
    assert load_config("") == defaults
    assert defaults.telemetry == TelemetrySettings(enabled=None, mode=None, endpoint=None)
    assert defaults.proxy == ProxySettings(True, None, 100, 30, 10_000, None, "json", None, False)
    assert (defaults.network.https_proxy, defaults.network.ca_bundle) == (None, None)
    assert (dict(defaults.routing), defaults.warnings) == ({}, ())


def test_settings_are_read_whole(tmp_path: Path) -> None:
    """Every key that is documented reaches its place."""
    config = load_config(write(tmp_path, FULL))
    assert config.telemetry == TelemetrySettings(enabled=True, mode=Mode.LOCAL, endpoint="https://t.acme.dev")
    assert config.proxy == ProxySettings(
        enabled=False,
        endpoint="https://ops.acme.dev/events",
        batch_size=7,
        batch_interval_secs=2.5,
        offline_queue_max=0,
        token_key="ACME_TOKEN",  # noqa: S106  the name of a variable
        format="otlp",
        compression="gzip",
        spool=True,
        headers={"x-team": "TEAM_KEY"},
        allow_insecure=True,
    )
    assert tuple(config.network) == ("http://proxy:3128", "/etc/ca.pem")
    assert config.routing["strategy"] == "local-first"
    assert config.routing["tool_overrides"] == [{"pattern": "db_*", "strategy": "local"}]
    assert config.warnings == ()


@pytest.mark.parametrize("dotted", ["proxy.telemetry.batch_size = 7\n", "proxy = {telemetry = {batch_size = 7}}\n"])
def test_settings_may_be_written_in_any_way_toml_allows(dotted: str, tmp_path: Path) -> None:
    """Dotted keys and inline tables mean what headings mean."""
    assert load_config(write(tmp_path, dotted)).proxy == ProxySettings(batch_size=7)


def test_settings_cannot_be_changed_once_read(tmp_path: Path) -> None:
    """What was read is frozen."""
    config = load_config(write(tmp_path, FULL))
    with pytest.raises(AttributeError):
        config.proxy.enabled = True  # type: ignore[misc]  # that is the point
    with pytest.raises(TypeError):
        config.proxy.headers["x-team"] = "OTHER"  # type: ignore[index]  # that is the point
    with pytest.raises(TypeError):
        config.routing["strategy"] = "remote"  # type: ignore[index]  # that is the point


def test_settings_take_an_empty_text_for_none(tmp_path: Path) -> None:
    """A value that was emptied rather than removed says nothing."""
    text = '[telemetry]\nendpoint = ""\n[proxy.telemetry]\nendpoint = "  "\ntoken_key = ""\n'
    config = load_config(write(tmp_path, text))
    assert (config.telemetry.endpoint, config.proxy.endpoint, config.proxy.token_key) == (None, None, None)


@pytest.mark.parametrize("content", [FULL.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + FULL.encode()])
def test_settings_may_come_from_a_windows_editor(content: bytes, tmp_path: Path) -> None:
    """Windows line ends and a byte order mark change nothing."""
    assert load_config(write(tmp_path, content)) == load_config(write(tmp_path, FULL))


WRONG = [
    ("telemetry", "enabled", '"false"', "true or false"),
    ("telemetry", "enabled", "0", "true or false"),
    ("telemetry", "mode", "false", '"on", "local" or "off"'),
    ("telemetry", "endpoint", "8080", "a URL"),
    ("proxy.telemetry", "enabled", "1", "true or false"),
    ("proxy.telemetry", "endpoint", '["https://a"]', "a URL"),
    ("proxy.telemetry", "batch_size", '"ten"', "a whole number from 1"),
    ("proxy.telemetry", "batch_size", "0", "a whole number from 1"),
    ("proxy.telemetry", "batch_size", "-5", "a whole number from 1"),
    ("proxy.telemetry", "batch_size", "1.5", "a whole number from 1"),
    ("proxy.telemetry", "batch_size", "true", "a whole number from 1"),
    ("proxy.telemetry", "batch_size", "9" * 40, "a whole number from 1"),
    ("proxy.telemetry", "batch_size", "0x" + "f" * 5000, "a whole number from 1"),
    ("proxy.telemetry", "batch_interval_secs", "-1", "seconds from 1"),
    ("proxy.telemetry", "batch_interval_secs", "0", "seconds from 1"),
    ("proxy.telemetry", "batch_interval_secs", "0.999", "seconds from 1"),
    ("proxy.telemetry", "batch_interval_secs", "nan", "seconds from 1"),
    ("proxy.telemetry", "batch_interval_secs", "inf", "seconds from 1"),
    ("proxy.telemetry", "batch_interval_secs", "true", "seconds from 1"),
    ("proxy.telemetry", "batch_interval_secs", '"30s"', "seconds from 1"),
    ("proxy.telemetry", "offline_queue_max", "-1", "a whole number from 0"),
    ("proxy.telemetry", "offline_queue_max", "false", "a whole number from 0"),
    ("proxy.telemetry", "token_key", "12", "the name of an environment variable"),
    ("proxy.telemetry", "format", '"xml"', '"json", "jsonl" or "otlp"'),
    ("proxy.telemetry", "format", '"JSON"', '"json", "jsonl" or "otlp"'),
    ("proxy.telemetry", "compression", '"zstd"', '"gzip"'),
    ("proxy.telemetry", "compression", "true", '"gzip"'),
    ("proxy.telemetry", "metrics", '"yes"', "true or false"),
    ("proxy.telemetry", "metrics", "1", "true or false"),
    ("proxy.telemetry", "spool", '"yes"', "true or false"),
    ("proxy.routing", "strategy", '"remot"', '"remote", "local", "local-first" or "remote-first", not \'remot\''),
    ("proxy.routing", "strategy", "true", '"remote", "local", "local-first" or "remote-first", not true'),
    ("proxy.routing", "fallback_on_error", '"no"', "true or false, not 'no'"),
    ("proxy.routing", "tool_overrides", '"get_*"', "an array of tables, each begun with [[proxy.routing.tool_overrides]]"),
    ("network", "https_proxy", "3128", "a URL"),
    ("network", "ca_bundle", "false", "a path"),
    ("network", "ca_bundle", "2026-01-31", "a path"),
]


@pytest.mark.parametrize(("table", "key", "value", "allowed"), WRONG, ids=lambda part: str(part)[:20])
def test_settings_of_the_wrong_type_or_range_are_named(
    table: str, key: str, value: str, allowed: str, tmp_path: Path
) -> None:
    """The error names file, line and key, and what is allowed there."""
    said = trouble(tmp_path, f"# mine\n\n[{table}]\n{key} = {value}\n")
    assert said.startswith(f", line 4: [{table}] {key} must be {allowed}")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("3", "must be a table with pattern and strategy, not 3"),
        ('{strategy = "local"}', ': pattern must be a tool name, or part of one with *, such as "get_*", and is missing'),
        ('{pattern = "", strategy = "local"}', ": pattern must be a tool name"),
        ('{pattern = 3, strategy = "local"}', ": pattern must be a tool name"),
        ('{pattern = "x"}', ': strategy must be "remote", "local", "local-first" or "remote-first", and is missing'),
        ('{pattern = "x", strategy = "nowhere"}', ": strategy must be "),
    ],
)
def test_rules_of_routing_that_are_wrong_are_named_by_number(rule: str, said: str, tmp_path: Path) -> None:
    """The error names the rule by its place, the member and what is allowed there."""
    content = f'[proxy.routing]\ntool_overrides = [{{pattern = "a", strategy = "local"}}, {rule}]\n'
    assert trouble(tmp_path, content).startswith(f": [proxy.routing] tool_overrides number 2{said if said[0] == ':' else f' {said}'}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("telemetry = false\n", ", line 1: telemetry must be a table, begun with [telemetry]"),
        ("[[telemetry]]\nenabled = false\n", ", line 1: telemetry must be a table, begun with [telemetry]"),
        ("x = 1\nproxy = 1\n", ", line 2: proxy must be a table, begun with [proxy]"),
        ("[proxy]\ntelemetry = true\n", ", line 2: [proxy] telemetry must be a table, begun with [proxy.telemetry]"),
        ('[proxy]\nrouting = "remote"\n', ", line 2: [proxy] routing must be a table, begun with [proxy.routing]"),
        ("proxy.telemetry.spool = 3\n", ": [proxy.telemetry] spool must be true or false, not 3"),
    ],
)
def test_settings_in_place_of_a_table_are_named(text: str, said: str, tmp_path: Path) -> None:
    """A value where a table belongs is refused with the heading to write."""
    assert trouble(tmp_path, text) == said


@pytest.mark.parametrize(
    ("content", "line", "word"),
    [
        ("[telemetry]\nenabled = fals\n", 2, "TOML"),
        ('[telemetry]\nmode = "off', 2, "TOML"),
        ("[telemetry]\nenabled = true\nenabled = false\n", 3, "TOML"),
        ("[telemetry]\nenabled = true\n\x00\x00\n", 3, "TOML"),
        (b"[telemetry]\n# caf\xe9\nenabled = false\n", 2, "UTF-8"),
        ("[telemetry]\n\n", 1, "ends after [telemetry]"),
        ("x = 1\n[proxy.telemetry] # soon", 2, "ends after [proxy.telemetry]"),
    ],
)
def test_settings_that_are_not_toml_name_the_line(
    content: str | bytes, line: int, word: str, tmp_path: Path
) -> None:
    """The error names the line and the mend, and shows no more of the file than a heading."""
    said = trouble(tmp_path, content)
    assert said.startswith(f", line {line}: ")
    assert word in said


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_settings_that_are_empty_are_taken_for_cut_off(content: bytes, tmp_path: Path) -> None:
    """An empty file is what a crash leaves of a refusal; it is not taken for a missing one."""
    assert "is empty" in trouble(tmp_path, content)


@pytest.mark.parametrize(
    "text",
    ["x = " + "[" * 100_000, "x = " + "9" * 10_000, "x = " + "9" * 1_001, "a." * 50_000 + "a = 1\n" + "# x" * 400_000],
    ids=["lists", "digits", "one digit too many", "length"],
)
def test_settings_made_to_exhaust_the_reader_are_refused(text: str, tmp_path: Path) -> None:
    """Depth, digits and length have limits, and each is a ConfigError like any other."""
    trouble(tmp_path, text)


def test_settings_may_have_long_digits_where_no_number_is(tmp_path: Path) -> None:
    """What stands in a string or in a comment is no number, and 1000 digits are not too many."""
    digits = "9" * 2000
    load_config(write(tmp_path, f"# {digits}\n[other]\nx = '{digits}'\ny = {digits[:1000]}\n"))


DEEP_KEYS = [
    "{} = 1",
    "[{}]\nx = 1",
    "[[{}]]\nx = 1",
    "x = {{ {} = 1 }}",
    "[a.b.c.d]\n{} = 1",
    'x = """ # """\n{} = 1',
    "# a comment with a \"\"\"\n{} = 1",
]


@pytest.mark.parametrize("key", [".".join("abcdefghi"), ' . '.join(f'"{letter}."' for letter in "abcdefghi"), "a." * 15_000 + "a"])
@pytest.mark.parametrize("text", DEEP_KEYS)
def test_settings_with_keys_more_than_eight_deep_are_refused(text: str, key: str, tmp_path: Path) -> None:
    """Depth is judged in one pass, before a parser spends its time on it."""
    assert trouble(tmp_path, text.format(key) + "\n") == ": keys are at most 8 deep; write it flatter"


@pytest.mark.parametrize(
    "text", ["x = " + "{a = " * 9 + "1" + "}" * 9, "[a.b.c.d]\ne.f.g.h.i = 1", "x = [[{a.b.c.d.e.f.g.h = 1}]]"]
)
def test_settings_that_grow_too_deep_by_nesting_are_refused(text: str, tmp_path: Path) -> None:
    """A heading, a dotted key and inline tables add up."""
    assert "8 deep" in trouble(tmp_path, text + "\n")


@pytest.mark.parametrize(
    "text",
    [
        ".".join("abcdefgh") + " = 1",
        'x = "a.b.c.d.e.f.g.h.i.j.k"',
        "x = 'a.b.c.d.e.f.g.h.i.j.k'",
        'x = """a.b.c.d.e\n.f.g.h.i.j.k\\"\\"" """',
        "x = '''a.b.c.d.e.f.g.h.i.j.k'''''",
        "# a.b.c.d.e.f.g.h.i.j.k",
        'x = "\\"#" # a.b.c.d.e.f.g.h.i.j.k',
        "x = " + "[" * 30 + "]" * 30,
        "x = [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 10.5]",
    ],
)
def test_settings_within_the_depth_are_read(text: str, tmp_path: Path) -> None:
    """Eight are read, and dots in texts, comments and numbers are none of a key's."""
    load_config(write(tmp_path, f"{text}\n"))


def test_settings_are_at_most_64_kib(tmp_path: Path) -> None:
    """The last byte that is allowed is read; one more is refused."""
    load_config(write(tmp_path, "#" * (64 * 1024)))
    assert "longer than 65536 bytes" in trouble(tmp_path, "#" * (64 * 1024 + 1))


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
def test_settings_that_others_may_write_are_refused_with_the_mend(tmp_path: Path) -> None:
    """What anybody could have written is an error, not a consent."""
    path = write(tmp_path, "[telemetry]\nenabled = true\n")
    os.chmod(path, 0o646)
    with pytest.raises(ConfigError, match="is not obeyed, because it may be written by everybody; let only yourself"):
        load_config(path)


def test_settings_with_unknown_keys_warn_with_the_nearest_known_one(tmp_path: Path) -> None:
    """Each key that is not known is one warning; the rest of the file counts."""
    path = write(
        tmp_path,
        "batch_size = 3\n[telemetry]\nenable = true\n[proxy.telemetry]\nBatch_Size = 5\nspool = true\n"
        "[proxy.telemtry]\nx = 1\n[netwrok]\nx = 1\n[proxy.routing]\nanything = 1\n",
    )
    config = load_config(path)
    assert config.proxy == ProxySettings(spool=True)
    assert sorted(config.warnings) == sorted(
        [
            f"{path}: 'batch_size' is not known; known are telemetry, proxy, network",
            f"{path}: 'netwrok' is not known; did you mean 'network'?",
            f"{path}: [telemetry] 'enable' is not known; did you mean 'enabled'?",
            f"{path}: [proxy] 'telemtry' is not known; did you mean 'telemetry'?",
            f"{path}: [proxy.telemetry] 'Batch_Size' is not known; did you mean 'batch_size'?",
            f"{path}: [proxy.routing] 'anything' is not known; known are strategy, fallback_on_error, tool_overrides",
        ]
    )


def test_settings_with_many_unknown_keys_do_not_flood_a_log(tmp_path: Path) -> None:
    """Beyond twenty warnings only their number is said."""
    config = load_config(write(tmp_path, "".join(f"k{n} = 1\n" for n in range(500))))
    assert (len(config.warnings), config.warnings[-1]) == (21, "and 480 more")


@pytest.mark.parametrize("word", ["ON", " on", "yes", "paused", "", "lokal"])
def test_settings_with_an_unknown_mode_read_as_off_and_say_so(word: str, tmp_path: Path) -> None:
    """A mode is one of three words, exactly; any other is off, with a warning."""
    config = load_config(write(tmp_path, f'[telemetry]\nmode = "{word}"\n'))
    assert config.telemetry.mode is Mode.OFF
    assert len(config.warnings) == 1
    assert 'reads as "off"' in config.warnings[0]


def test_settings_never_show_a_secret_that_was_put_in_the_wrong_place(tmp_path: Path) -> None:
    """A value that may be a secret appears in no error."""
    secret = "sk-" + "a1b2" * 8
    for text in (f'[proxy.telemetry]\ntoken_key = ["{secret}"]\n', f'[proxy.telemetry]\nendpoint = ["{secret}"]\n'):
        assert secret not in trouble(tmp_path, text)


@pytest.mark.parametrize(
    ("table", "endpoint", "mend"),
    [
        ("telemetry", "ftp://t.acme.dev", "must begin with https:// or http:// (this machine only)"),
        ("telemetry", "file:///var/tmp/heartbeats", "must begin with https:// or http:// (this machine only)"),
        ("telemetry", "http://t.acme.dev", "in the clear; use https://"),
        ("proxy.telemetry", "https://", "it names no host"),
        ("proxy.telemetry", "http://ops.acme.dev/events", "in the clear; use https://"),
        ("proxy.telemetry", "https://me:hunter2@ops.acme.dev", "credentials do not belong into a URL"),
    ],
)
def test_settings_refuse_an_endpoint_that_cannot_be_used(table: str, endpoint: str, mend: str, tmp_path: Path) -> None:
    """An endpoint to which nothing can be sent is an error that names file, line, key and the mend, and no password."""
    said = trouble(tmp_path, f'[{table}]\n\nendpoint = "{endpoint}"\n')
    assert said.startswith(f", line 3: [{table}] endpoint=")
    assert mend in said
    assert "hunter2" not in said


def test_settings_take_a_file_as_endpoint_for_events_only(tmp_path: Path) -> None:
    """Events may go to a file on this machine; the heartbeat has no use for one."""
    config = load_config(write(tmp_path, '[proxy.telemetry]\nendpoint = "file:///var/tmp/events.jsonl"\n'))
    assert config.proxy.endpoint == "file:///var/tmp/events.jsonl"
