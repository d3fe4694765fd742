"""One base URL: the same address for events, heartbeat and feedback, and what cannot be one."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcptelemetry import ConfigError, Telemetry
from mcptelemetry.config import check_endpoint, events_url, load_config

EVENTS_PATH = "/api/telemetry/tool-invocations"


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("https://t.acme.dev", f"https://t.acme.dev{EVENTS_PATH}"),
        ("https://t.acme.dev/", f"https://t.acme.dev{EVENTS_PATH}"),
        ("http://127.0.0.1:8080", f"http://127.0.0.1:8080{EVENTS_PATH}"),
        ("https://t.acme.dev?key=1", f"https://t.acme.dev{EVENTS_PATH}?key=1"),
        ("https://t.acme.dev/events", "https://t.acme.dev/events"),
        (f"https://t.acme.dev{EVENTS_PATH}", f"https://t.acme.dev{EVENTS_PATH}"),
        ("https://t.acme.dev/in/my/own/way?key=1", "https://t.acme.dev/in/my/own/way?key=1"),
        ("file:///var/log/acme.jsonl", "file:///var/log/acme.jsonl"),
    ],
)
def test_events_go_behind_a_base_and_to_a_path_as_it_stands(endpoint: str, url: str) -> None:
    """A base gets our path, whatever has one is left as it is."""
    assert check_endpoint(endpoint) == endpoint
    assert events_url(endpoint) == url


# What a person may write, and what they are told to write instead.
BASES = [
    ("https://t.acme.dev/heartbeat", "https://t.acme.dev"),
    ("https://t.acme.dev/heartbeat/", "https://t.acme.dev"),
    ("https://t.acme.dev/in/feedback", "https://t.acme.dev/in"),
    ("https://t.acme.dev/events", "https://t.acme.dev"),
    (f"https://t.acme.dev{EVENTS_PATH}", "https://t.acme.dev"),
    ("https://t.acme.dev/in?key=hunter2", "https://t.acme.dev/in"),
    ("https://t.acme.dev?", "https://t.acme.dev"),
    ("https://t.acme.dev#part", "https://t.acme.dev"),
]


@pytest.mark.parametrize(("endpoint", "mend"), BASES)
def test_base_of_the_heartbeat_is_a_base(endpoint: str, mend: str, tmp_path: Path) -> None:
    """A path of ours or a query behind it is an error that says what to write, in code and in the file."""
    with pytest.raises(ValueError, match="heartbeat_endpoint=.* is not usable: ") as raised:
        Telemetry("acme-mcp", "1.0.0", heartbeat_endpoint=endpoint, environ={}, data_dir=str(tmp_path))
    assert str(raised.value).endswith(f"; write {mend}")
    assert "hunter2" not in str(raised.value)
    file = tmp_path / "telemetry.toml"
    file.write_text(f'[telemetry]\nendpoint = "{endpoint}"\n')
    with pytest.raises(ConfigError, match="line 2: ") as said:
        load_config(str(file))
    assert str(said.value).endswith(f"; write {mend}")
    assert "hunter2" not in str(said.value)


@pytest.mark.parametrize(
    ("endpoint", "mend"),
    [
        ("https://t.acme.dev/heartbeat", "https://t.acme.dev"),
        ("https://t.acme.dev/feedback/", "https://t.acme.dev"),
        ("https://t.acme.dev/in/heartbeat", f"https://t.acme.dev/in{EVENTS_PATH}"),
    ],
)
def test_events_do_not_go_where_other_documents_do(endpoint: str, mend: str, tmp_path: Path) -> None:
    """The path of another stream is an error that says what to write."""
    with pytest.raises(ValueError, match="events_endpoint=.* is not usable: ") as raised:
        Telemetry("acme-mcp", "1.0.0", events_endpoint=endpoint, environ={}, data_dir=str(tmp_path))
    assert str(raised.value).endswith(f"; write {mend}")


def test_path_of_ones_own_before_the_base_is_kept() -> None:
    """Behind a reverse proxy a base may have a path, as long as it is none of ours."""
    assert check_endpoint("https://acme.dev/telemetry", is_base=True) == "https://acme.dev/telemetry"
