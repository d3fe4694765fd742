"""What of a URL, and of a request, a person may see."""

from __future__ import annotations

import pytest

from mcptelemetry.system import NetworkSettings, Request, url_without_secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://t.acme.dev/events", "https://t.acme.dev/events"),
        ("https://t.acme.dev:8443/e?key=hunter2", "https://t.acme.dev:8443/e"),
        ("https://t.acme.dev/e#hunter2", "https://t.acme.dev/e"),
        ("https://user:hunter2@t.acme.dev/e", "https://t.acme.dev/e"),
        ("https://user:hun/ter2@t.acme.dev/e", "https://t.acme.dev/e"),
        ("https://user:hun?ter2@t.acme.dev/e", "https://t.acme.dev/e"),
        ("https://user:hun#ter2@t.acme.dev/e", "https://t.acme.dev/e"),
        ("https://user:hun@ter2@t.acme.dev/e", "https://t.acme.dev/e"),
        ("user:hunter2@t.acme.dev/e?x", "t.acme.dev/e"),
        ("file:///var/log/e.jsonl", "file:///var/log/e.jsonl"),
        ("", ""),
    ],
)
def test_outline_shows_where_and_nothing_secret(url, shown):
    """Credentials, query and fragment are left out, wherever a password puts its marks."""
    assert url_without_secrets(url) == shown


def test_request_shows_no_token():
    """A request says where it goes and how long it is; no header's value, no body, no query."""
    headers = {"Authorization": "Bearer hunter2"}
    shown = repr(Request("https://t.acme.dev/e?key=hunter2", b"hunter2", headers, 5.0))
    assert "hunter2" not in shown
    assert "https://t.acme.dev/e" in shown
    assert "Authorization" in shown
    assert "7 bytes" in shown


def test_network_settings_show_no_password():
    """The password of a proxy is not shown."""
    assert "hunter2" not in repr(NetworkSettings("http://user:hunter2@proxy:3128"))
    assert "proxy:3128" in repr(NetworkSettings("http://user:hunter2@proxy:3128"))
