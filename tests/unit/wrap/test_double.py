"""What a wrapped server is told of where its calls are reported."""

from __future__ import annotations

import pytest

from mcptelemetry.wrap import place_mark


@pytest.mark.parametrize(
    "same",
    [
        ("https://t.acme.dev", "https://t.acme.dev/api/telemetry/tool-invocations", "HTTPS://T.acme.dev/e?key=1", "https://a:b@t.acme.dev/"),
        ("file:///var/log/e.jsonl",),
        ("file:///var/log/other.jsonl",),
        ("http://127.0.0.1:8080/events", "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8081",),
    ],
)  # fmt: skip
def test_mark_is_the_same_for_the_same_place_and_no_other(same: tuple[str, ...]) -> None:
    """Path, query and credentials of a URL do not matter, and are not in it; host, port and file do."""
    assert len({place_mark(endpoint) for endpoint in same}) == 1
    others = {place_mark(endpoint) for endpoint in ("https://acme.dev", "file:///var/log/third", "http://127.0.0.1:80")}
    assert place_mark(same[0]) not in others
    assert len(place_mark(same[0])) == 8
