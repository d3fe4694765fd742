"""Which hosts can only be this machine."""

from __future__ import annotations

import pytest

from mcptelemetry.system import is_loopback_host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.255.0.9", "::1", "localhost", "LocalHost", "localhost.", "a.localhost"])
def test_loopback_is_recognised(host):
    """Addresses and names that stand for this machine are known, in any case."""
    assert is_loopback_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "0.0.0.0",
        "::",
        "10.0.0.1",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "notlocalhost",
        "t.acme.dev",
        "127.1",
        "2130706433",
        "0x7f000001",
        "::2",
    ],
)
def test_other_hosts_are_not_loopback(host):
    """Whatever could be another machine is treated as one."""
    assert not is_loopback_host(host)
