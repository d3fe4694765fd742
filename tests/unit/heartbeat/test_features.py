"""Feature flags and OAuth providers as closed words."""

from __future__ import annotations

import pytest

from mcptelemetry.heartbeat._features import FeatureFlagSnapshot, classify_oauth_provider, sorted_oauth_provider_types


def test_sorted_oauth_provider_types_sorts_and_drops_repeats():
    """The kinds of providers come sorted and each once."""
    assert sorted_oauth_provider_types(["microsoft", "github", "google", "github"]) == ["github", "google", "microsoft"]
    assert sorted_oauth_provider_types([]) == []


def test_sorted_oauth_provider_types_never_passes_a_word_of_its_own():
    """A kind that is not one of the four is generic, whatever it says."""
    assert sorted_oauth_provider_types(["https://sso.acme.dev", "github", 7, None]) == ["generic", "github"]


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("https://accounts.google.com/o/oauth2/v2/auth", "google"),
        ("https://oauth2.googleapis.com/token", "google"),
        ("https://github.com/login/oauth/authorize", "github"),
        ("https://GITHUB.COM./login", "github"),
        ("https://login.microsoftonline.com/tenant/oauth2", "microsoft"),
        ("https://login.live.com:443/x", "microsoft"),
        ("github.com/login", "github"),
        ("https://sso.acme.dev/authorize", "generic"),
        ("https://github.com.evil.example/login", "generic"),
        ("https://notgithub.com/login", "generic"),
        ("https://evil.example/?x=github.com", "generic"),
        ("https://github.com@evil.example/", "generic"),
        ("http://[::1", "generic"),
        ("", "generic"),
        (None, "generic"),
    ],
)
def test_classify_oauth_provider_by_host_suffix(url, provider):
    """The ending of the host name decides, never a part of the text."""
    assert classify_oauth_provider(url) == provider


def test_feature_flag_snapshot_holds_booleans_and_kinds_only():
    """What is no boolean reads as false, and providers are reduced to their kinds."""
    snapshot = FeatureFlagSnapshot(
        enable_socket=True, enable_web_ui="MY-CANARY-SERVER", oauth_provider_types=("github", "MY-CANARY-SERVER")
    )
    assert snapshot.to_dict() == {
        "enable_socket": True,
        "enable_web_ui": False,
        "enable_prompts": False,
        "require_mcp_auth": False,
        "enable_code_execution": False,
        "quarantine_enabled": False,
        "sensitive_data_detection_enabled": False,
        "oauth_provider_types": ["generic", "github"],
        "docker_available": False,
    }
