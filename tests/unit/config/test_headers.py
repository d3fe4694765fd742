"""Headers and plain HTTP for an operator's endpoint: what may be written, and what the error says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcptelemetry import ConfigError, PipelineConfig, TelemetryAuth
from mcptelemetry.config import load_config


def settings(tmp_path: Path, *lines: str) -> str:
    """Return the path of a file with *lines* in its table for events."""
    path = tmp_path / "telemetry.toml"
    path.write_text("\n".join(["[proxy.telemetry]", *lines, ""]))
    return str(path)


def test_settings_take_headers_that_name_variables(tmp_path: Path) -> None:
    """Any name of a header goes, also one that looks like a switch: nothing in there is one."""
    config = load_config(settings(tmp_path, 'headers = { "x-team" = "TEAM_KEY", dnt = "DNT", enable = "X_1" }'))
    assert dict(config.proxy.headers) == {"x-team": "TEAM_KEY", "dnt": "DNT", "enable": "X_1"}
    assert (config.warnings, config.events_doubt, config.telemetry_doubt) == ((), "", "")


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ('"x-team"', "must be a table of header names"),
        ("[1]", "must be a table of header names"),
        ('{ "x team" = "K" }', "'x team', which is no header name"),
        ('{ "" = "K" }', "'', which is no header name"),
        ('{ "x-t\\u00e9am" = "K" }', "which is no header name"),
        ('{ Host = "K" }', "'Host', which every request has already"),
        ('{ content-LENGTH = "K" }', "'content-LENGTH', which every request has already"),
        ('{ content-type = "K" }', "which every request has already"),
        ('{ user-agent = "K" }', "which every request has already"),
        ('{ authorization = "K" }', "name its variable in token_key"),
        ('{ Connection = "K" }', "'Connection', which belongs to the connection"),
        ('{ transfer-encoding = "K" }', "which belongs to the connection"),
        ('{ te = "K" }', "which belongs to the connection"),
        ('{ proxy-authorization = "K" }', "which belongs to the connection"),
        ('{ x-a = "K", X-A = "L" }', "'X-A' twice"),
        ('{ x-a = "" }', "must give 'x-a' the name of an environment variable"),
        ('{ x-a = 7 }', "must give 'x-a' the name of an environment variable"),
        ('{ x-a = "hunter2-secret" }', "must give 'x-a' the name of an environment variable"),
        ('{ x-a = "2hunter2" }', "must give 'x-a' the name of an environment variable"),
    ],
)
def test_settings_refuse_headers_that_cannot_be_sent(headers: str, words: str, tmp_path: Path) -> None:
    """The error names file, line, key and mend, and repeats no value, which may be the secret itself."""
    path = settings(tmp_path, f"headers = {headers}")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"{path}, line 2: [proxy.telemetry] headers ")
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_settings_refuse_a_token_where_its_variable_belongs(tmp_path: Path) -> None:
    """Whoever writes the token itself is told so, and the token is not repeated."""
    with pytest.raises(ConfigError, match="token_key must be the name of an environment variable") as caught:
        load_config(settings(tmp_path, 'token_key = "sk-hunter2"'))
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ValueError, match="token_key is not usable: it must be the name of an environment") as raised:
        PipelineConfig(token_key="sk-hunter2")
    assert "hunter2" not in str(raised.value)


def test_plain_http_goes_where_the_file_allows_it(tmp_path: Path) -> None:
    """`allow_insecure` lets plain HTTP reach another machine; without it the error says that there is such a word."""
    endpoint = 'endpoint = "http://collector:8080"'
    assert load_config(settings(tmp_path, endpoint, "allow_insecure = true")).proxy.allow_insecure
    with pytest.raises(ConfigError, match="use https://, or say allow_insecure = true$"):
        load_config(settings(tmp_path, endpoint))
    with pytest.raises(ConfigError, match="use https://, or say allow_insecure = true$"):
        load_config(settings(tmp_path, endpoint, "allow_insecure = false"))
    with pytest.raises(ConfigError, match="allow_insecure must be true or false, not 'yes'"):
        load_config(settings(tmp_path, endpoint, 'allow_insecure = "yes"'))


def test_plain_http_is_the_operators_alone(tmp_path: Path) -> None:
    """The maintainer's heartbeat never leaves in the clear, whatever stands in the other table."""
    path = settings(tmp_path, "allow_insecure = true", "[telemetry]", 'endpoint = "http://collector:8080"')
    with pytest.raises(ConfigError, match="use https://$"):
        load_config(path)


def test_headers_given_in_code_obey_the_same_rules() -> None:
    """Credentials refuse a name or value that cannot be sent, and show no value."""
    auth = TelemetryAuth("t0k", headers={"X-Team": "hunter2"})
    assert repr(auth) == "TelemetryAuth(bearer_token=***, X-Team=***)"
    for headers, words in (
        ({"Host": "a"}, "holds 'Host'"),
        ({"X-Team": "hunter2\r\n"}, "a value of 'X-Team'"),
        ({"X-Team": 7}, "a value of 'X-Team'"),
    ):
        with pytest.raises(ValueError, match=words) as caught:
            TelemetryAuth(headers=headers)
        assert "hunter2" not in str(caught.value)
    with pytest.raises(ValueError, match="headers is not usable: it holds 'te'"):
        PipelineConfig(headers={"te": "K"})
