"""Which hosts can only be this machine."""

from __future__ import annotations

import pytest

from mcptelemetry.system import is_loopback_host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.255.0.9", "::1", "0:0:0:0:0:0:0:1", "localhost", "LocalHost"])
def test_loopback_is_recognised(host):
    """The addresses of this machine and its one name are known, in any case."""
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
        # Names that a name server is asked for, and what one reader decodes and the next one drops.
        "localhost.",
        "a.localhost",
        "127.0.0.1%2eevil.example",
        "127.0.0.1%25x.evil.example",
        "localhost%2eevil.example",
        "::1%lo",
        "::ffff:127.0.0.1",
        "127.0.0.1.",
        "１２７.0.0.1",
        "ⓛocalhost",
        " 127.0.0.1",
    ],
)
def test_other_hosts_are_not_loopback(host):
    """Whatever could be another machine is treated as one."""
    assert not is_loopback_host(host)
