"""What an operator may decide about routing, in code and in the file."""

from __future__ import annotations

from typing import Any

import pytest

from mcptelemetry import Telemetry
from mcptelemetry.errors import ConfigError
from mcptelemetry.matching import ROUTING_KEYS, ROUTING_RULE_KEYS, RoutingConfig, RoutingRule
from mcptelemetry.vocabulary import RoutingStrategy


def test_config_without_arguments_is_remote_with_fallback() -> None:
    """The default strategy is remote, a second try is permitted, and there are no rules."""
    assert RoutingConfig() == RoutingConfig(RoutingStrategy.REMOTE, True, ())
    assert RoutingConfig.from_mapping({}) == RoutingConfig()


def test_config_takes_the_words_of_the_file() -> None:
    """A strategy given as its word becomes the member, in a configuration and in a rule."""
    config = RoutingConfig("local-first", tool_overrides=[RoutingRule("get_*", "local")])  # type: ignore[arg-type]

    assert config.strategy is RoutingStrategy.LOCAL_FIRST
    assert config.tool_overrides == (RoutingRule("get_*", RoutingStrategy.LOCAL),)


def test_from_mapping_reads_every_key() -> None:
    """All keys of `[proxy.routing]` are read, the rules in their order."""
    table = {
        "strategy": "remote-first",
        "fallback_on_error": False,
        "tool_overrides": [
            {"pattern": "get_*", "strategy": "local-first"},
            {"pattern": "*", "strategy": "remote", "comment": "ignored here"},
        ],
        "unknown": 1,
    }

    assert RoutingConfig.from_mapping(table) == RoutingConfig(
        RoutingStrategy.REMOTE_FIRST,
        fallback_on_error=False,
        tool_overrides=(
            RoutingRule("get_*", RoutingStrategy.LOCAL_FIRST),
            RoutingRule("*", RoutingStrategy.REMOTE),
        ),
    )


def test_keys_of_the_tables_are_offered() -> None:
    """Whoever warns of unknown keys can ask which are known."""
    assert ROUTING_KEYS == ("strategy", "fallback_on_error", "tool_overrides")
    assert ROUTING_RULE_KEYS == ("pattern", "strategy")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"strategy": "fast"}, ("strategy", "'fast'", '"remote"', '"local-first"')),
        ({"strategy": "Remote"}, ("strategy", "'Remote'", '"remote"')),
        ({"strategy": 3}, ("strategy", "3", '"remote-first"')),
        ({"strategy": True}, ("strategy", "true", '"local"')),
        ({"fallback_on_error": "yes"}, ("fallback_on_error", "'yes'", "true or false")),
        ({"fallback_on_error": 1}, ("fallback_on_error", "1", "true or false")),
        ({"tool_overrides": "get_*"}, ("tool_overrides", "'get_*'", "array of tables")),
        ({"tool_overrides": {"pattern": "a", "strategy": "local"}}, ("tool_overrides", "array of tables")),
        ({"tool_overrides": ["get_*"]}, ("tool_overrides number 1", "'get_*'", "pattern and strategy")),
        ({"tool_overrides": [{"pattern": "a"}]}, ("tool_overrides number 1", "no strategy")),
        ({"tool_overrides": [{"strategy": "local"}]}, ("tool_overrides number 1", "no pattern")),
        (
            {"tool_overrides": [{"pattern": "a", "strategy": "local"}, {"pattern": "b", "strategy": "x"}]},
            ("tool_overrides number 2", "strategy", "'x'", '"local"'),
        ),
        ({"tool_overrides": [{"pattern": "", "strategy": "local"}]}, ("number 1", "pattern = ''", "name")),
        ({"tool_overrides": [{"pattern": 4, "strategy": "local"}]}, ("number 1", "pattern = 4", "tool name")),
        ({"strategy": "x" * 10_000}, ("strategy", "…", '"remote"')),
        ("local", ("[proxy.routing]", "table", "'local'")),
    ],
)
def test_from_mapping_tells_key_value_and_what_is_allowed(table: Any, words: tuple[str, ...]) -> None:
    """What is wrong in the file is a one-line `ConfigError` with the key, the value and the mend."""
    with pytest.raises(ConfigError) as caught:
        RoutingConfig.from_mapping(table)

    message = str(caught.value)
    assert "[proxy.routing]" in message
    assert all(word in message for word in words)
    assert "\n" not in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("arguments", "error", "argument"),
    [
        ({"strategy": "fast"}, ValueError, "strategy"),
        ({"strategy": None}, TypeError, "strategy"),
        ({"fallback_on_error": 1}, TypeError, "fallback_on_error"),
        ({"tool_overrides": "get_*"}, TypeError, "tool_overrides"),
        ({"tool_overrides": 3}, TypeError, "tool_overrides"),
        ({"tool_overrides": [("get_*", "local")]}, TypeError, "tool_overrides"),
    ],
)
def test_config_refuses_wrong_arguments(
    arguments: dict[str, Any], error: type[Exception], argument: str
) -> None:
    """A wrong argument of the configuration is told by its name."""
    with pytest.raises(error, match=argument):
        RoutingConfig(**arguments)


@pytest.mark.parametrize(
    ("pattern", "strategy", "error", "argument"),
    [
        (None, "local", TypeError, "pattern"),
        ("", "local", ValueError, "pattern"),
        ("a", "never", ValueError, "strategy"),
        ("a", 1, TypeError, "strategy"),
    ],
)
def test_rule_refuses_wrong_arguments(
    pattern: Any, strategy: Any, error: type[Exception], argument: str
) -> None:
    """A wrong argument of a rule is told by its name."""
    with pytest.raises(error, match=argument):
        RoutingRule(pattern, strategy)


def telemetry_with(tmp_path, settings: str | None) -> Telemetry:
    """Return a telemetry on whose machine `telemetry.toml` holds *settings*."""
    if settings is not None:
        (tmp_path / "telemetry.toml").write_text(settings)
    return Telemetry("acme-mcp", "1.0.0", data_dir=str(tmp_path), environ={"HOME": str(tmp_path)})


@pytest.mark.parametrize("settings", [None, "[telemetry]\nenabled = true\n"])
def test_from_settings_without_the_table_is_all_defaults(tmp_path, settings) -> None:
    """A machine without a file, and a file without `[proxy.routing]`, leave the defaults."""
    assert RoutingConfig.from_settings(telemetry_with(tmp_path, settings)) == RoutingConfig()


def test_from_settings_reads_the_persons_file(tmp_path) -> None:
    """What stands in `telemetry.toml` is the configuration, also when it was written after the start."""
    telemetry = telemetry_with(tmp_path, '[proxy.routing]\nstrategy = "local"\n')
    assert RoutingConfig.from_settings(telemetry) == RoutingConfig("local")
    (tmp_path / "telemetry.toml").write_text(
        '[proxy.routing]\nfallback_on_error = false\n[[proxy.routing.tool_overrides]]\npattern = "a*"\nstrategy = "local"\n'
    )
    assert RoutingConfig.from_settings(telemetry) == RoutingConfig("remote", False, [RoutingRule("a*", "local")])


def test_nonsense_about_routing_is_told_like_nonsense_elsewhere(tmp_path) -> None:
    """The error names file, line, key and words; telemetry is off for this run, and the status says why."""
    telemetry = telemetry_with(tmp_path, '[proxy.routing]\nstrategy = "remot"\n')
    with pytest.raises(ConfigError) as caught:
        RoutingConfig.from_settings(telemetry)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'telemetry.toml'}, line 2: [proxy.routing] strategy must be ")
    assert '"remote", "local", "local-first" or "remote-first"' in said
    assert telemetry.status()["events"]["reason"] == said
    assert telemetry.status()["mode"] == "off"
