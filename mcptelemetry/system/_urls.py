"""
Two questions about a URL: is it this machine, and what of it may be shown.

Both are answered for the worst reading. A host is this machine only when the resolver
would be asked for exactly that; and what might be a password or a key is not shown.
"""

from __future__ import annotations

import ipaddress

__all__ = ["is_loopback_host", "url_without_secrets"]

_LOOPBACK_NAME = "localhost"
_LOOPBACK_BLOCK_OF_IPV4 = 127


def is_loopback_host(host: str) -> bool:
    """
    Return whether *host* (a name or an address, no port) can only be this machine.

    That is ``localhost``, ``127.0.0.0/8`` and ``::1``, as they stand: a name below
    ``localhost`` is asked of a name server, and a ``%`` begins what one reader drops and the
    next one decodes.
    """
    if host.lower() == _LOOPBACK_NAME:
        return True
    if "%" in host:
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address.packed[0] == _LOOPBACK_BLOCK_OF_IPV4
    return int(address) == 1


def url_without_secrets(url: str) -> str:
    """
    Return *url* for a person to read: without credentials, query and fragment.

    Everything before the last ``@`` is taken for credentials, wherever it stands: a password
    may hold a slash or a question mark, and then no parser finds its end.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    shown = rest.rpartition("@")[2].split("?")[0].split("#")[0]
    return f"{scheme}{separator}{shown}"
