"""Which token `wrap` takes along to its endpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcptelemetry.cli._wrap_recording import _open_telemetry
from mcptelemetry.cli._wrap_words import WrapWords

ENDPOINT = "https://option.acme.dev/e"


@pytest.mark.parametrize(("option", "token"), [("MY_TOKEN", "of the option"), (None, None), ("UNSET", None)])
def test_wrap_takes_no_token_but_the_one_for_its_endpoint(tmp_path: Path, option: str | None, token: str | None) -> None:
    """--token-env names the token of --endpoint; the file's and the variable's belong to other endpoints."""
    (tmp_path / ".acme-mcp").mkdir()
    (tmp_path / ".acme-mcp" / "telemetry.toml").write_text(
        '[proxy.telemetry]\nendpoint = "https://ops.acme.dev/e"\ntoken_key = "FILE_TOKEN"\n'
    )
    environ = {
        "HOME": str(tmp_path),
        "FILE_TOKEN": "of the file",
        "ACME_MCP_EVENTS_ENDPOINT": "https://environ.acme.dev/e",
        "ACME_MCP_EVENTS_TOKEN": "of the environment",
        "MY_TOKEN": "of the option",
    }
    words = WrapWords("acme-mcp", endpoint=ENDPOINT, token_env=option)
    with _open_telemetry(words, environ) as telemetry:
        target = telemetry._events.target
        assert (target.settings.endpoint, target.auth.bearer_token) == (ENDPOINT, token)
