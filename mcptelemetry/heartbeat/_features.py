"""
Which features are switched on, and which kinds of OAuth providers are in use.

Both are closed words. A provider's address is looked at here and forgotten: only its kind
goes on, and only the host's ending decides it, because a part of a name proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..wire import FEATURE_FLAGS, OAUTH_PROVIDERS

__all__ = ["FeatureFlagSnapshot", "classify_oauth_provider", "sorted_oauth_provider_types"]

_GENERIC = "generic"

# Domains whose hosts, and the hosts below them, belong to the provider.
_DOMAINS_OF_PROVIDER = (
    ("google", ("google.com", "googleapis.com")),
    ("github", ("github.com", "githubusercontent.com")),
    (
        "microsoft",
        ("microsoft.com", "microsoftonline.com", "microsoftonline.us", "live.com", "windows.net", "azure.com"),
    ),
)


@dataclass(frozen=True)
class FeatureFlagSnapshot:
    """
    The features of an MCP proxy that a heartbeat reports, as they are now.

    *oauth_provider_types* are kinds (`google`, `github`, `microsoft`, `generic`), never
    addresses; see `classify_oauth_provider`.
    """

    enable_socket: bool = False
    enable_web_ui: bool = False
    enable_prompts: bool = False
    require_mcp_auth: bool = False
    enable_code_execution: bool = False
    quarantine_enabled: bool = False
    sensitive_data_detection_enabled: bool = False
    oauth_provider_types: tuple[str, ...] = ()
    docker_available: bool = False

    def to_dict(self) -> dict[str, object]:
        """Return the form on the wire: booleans, and the kinds of providers sorted and once each."""
        flags: dict[str, object] = {name: getattr(self, name) is True for name in FEATURE_FLAGS}
        flags["oauth_provider_types"] = sorted_oauth_provider_types(self.oauth_provider_types)
        return flags


def sorted_oauth_provider_types(types: Iterable[str]) -> list[str]:
    """Return the kinds of providers in *types*, sorted, each once; an unknown one is `generic`."""
    if isinstance(types, str):
        types = (types,)
    return sorted({kind if isinstance(kind, str) and kind in OAUTH_PROVIDERS else _GENERIC for kind in types})


def classify_oauth_provider(url: str) -> str:
    """
    Return `google`, `github`, `microsoft` or `generic` for the provider at *url*.

    Decided by the ending of the host name: ``https://github.com.evil.example`` is
    `generic`, and so is anything that cannot be read.
    """
    try:
        text = url.strip()
        host = (urlsplit(text if "://" in text else f"//{text}").hostname or "").rstrip(".")
    except (AttributeError, ValueError):
        return _GENERIC
    return next(
        (
            provider
            for provider, domains in _DOMAINS_OF_PROVIDER
            if any(host == domain or host.endswith(f".{domain}") for domain in domains)
        ),
        _GENERIC,
    )
