"""Surfaces, buckets and the names of clients."""

from __future__ import annotations

import pytest

from mcptelemetry import Surface
from mcptelemetry.counters import bucket_tokens, bucket_upstream_calls, parse_client_surface, sanitize_client_name


@pytest.mark.parametrize(
    ("header", "surface"),
    [
        ("cli/1.2", Surface.CLI), ("CLI/v1.2.3", Surface.CLI), ("webui/web", Surface.WEBUI), ("tray/0.9", Surface.TRAY),
        ("mcp/1", Surface.MCP), ("cli", Surface.CLI), (" tray /1", Surface.TRAY),
        ("", Surface.UNKNOWN), ("/1.2", Surface.UNKNOWN), ("browser/1", Surface.UNKNOWN), (None, Surface.UNKNOWN),
        (b"cli/1", Surface.UNKNOWN), (7, Surface.UNKNOWN), ("cli2/1", Surface.UNKNOWN),
    ],
)  # fmt: skip
def test_parse_client_surface_reads_the_word_before_the_slash(header, surface):
    """The surface is the word before the slash, in any case; all else is unknown."""
    assert parse_client_surface(header) is surface


@pytest.mark.parametrize(
    ("n", "bucket"),
    [
        (-1, "0"), (0, "0"), (1, "1-10"), (10, "1-10"), (11, "11-100"), (100, "11-100"), (101, "101-1000"),
        (1000, "101-1000"), (1001, "1000+"), (10**30, "1000+"), ("7", "0"), (None, "0"),
    ],
)  # fmt: skip
def test_bucket_upstream_calls_has_five_buckets(n, bucket):
    """A number of calls is shown by its bucket."""
    assert bucket_upstream_calls(n) == bucket


@pytest.mark.parametrize(
    ("n", "bucket"),
    [
        (-5, "0"), (0, "0"), (1, "1_100"), (100, "1_100"), (101, "100_1k"), (1_000, "100_1k"), (1_001, "1k_10k"),
        (10_000, "1k_10k"), (10_001, "10k_100k"), (100_000, "10k_100k"), (100_001, "100k_plus"), (10**30, "100k_plus"),
    ],
)  # fmt: skip
def test_bucket_tokens(n, bucket):
    """The upper edge of each bucket belongs to it."""
    assert bucket_tokens(n) == bucket


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Visual Studio Code", "vscode"), ("visual-studio-code", "vscode"), ("Visual Studio Code - Insiders", "vscode-insiders"),
        ("Claude Desktop", "claude-desktop"), ("claude-ai", "claude-desktop"), ("Claude Code", "claude-code"),
        ("claude-code", "claude-code"), ("cursor-vscode", "cursor"), ("Cursor", "cursor"), ("  Zed  ", "zed"),
        ("codex-mcp-client", "codex"), ("my_client.v2", "my_client.v2"), ("ACME-IDE", "acme-ide"), ("0x", "0x"),
        ("a" * 64, "a" * 64), ("cursor/1.2", "cursor"), ("claude-code 2.0.1", "claude-code"), ("Visual Studio Code 1.90.0", "vscode"),
        ("zed@v0.2.1-beta", "zed"), ("my-agent/2026.1+g1234", "my-agent"), ("my-agent v2", "my-agent"), ("agent-10.0.0.5", "agent-10.0.0.5"),
    ],
)  # fmt: skip
def test_sanitize_client_name_knows_spellings_and_keeps_short_names(raw, name):
    """Well-known clients have one name however they spell it; other short names are lower-cased."""
    assert sanitize_client_name(raw) == name


@pytest.mark.parametrize(
    "raw",
    [
        "/Users/alice/bin/client", "C:\\Users\\alice", "../../etc/passwd", "a..b", "alice@example.com", "@scope/name",
        "two words", "", "   ", ".hidden", "-x", "caf\u00e9", "a" * 65, "a\nb", "a\x00b", "x" * 10**6, "two words 1.2", "/1.2", "a/b/1", None, 7, b"cursor", [],
    ],
)  # fmt: skip
def test_sanitize_client_name_path_like_becomes_unknown(raw):
    """What looks like a path, an address or a sentence is unknown."""
    assert sanitize_client_name(raw) == "unknown"
