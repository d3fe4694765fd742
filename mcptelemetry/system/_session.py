"""
Where the ways of requests begin, in `requests`: an adapter of our own, and no session round it.

A session would look at cookies, redirects, `~/.netrc` and the hooks of others for each
request, and its adapter at proxies and certificates: most of what a request costs. Here the
adapter finds the pool of connections once, for as long as nothing changes that it depends on, and a
request goes its `Way` from there. Its pool has no lock that a fork could leave held in the child.
Importing this module imports `requests`.
"""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from ._connection import guard_connection
from ._way import Way

__all__ = ["Adapter"]

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class _LockFreeQueue:
    """The connections at rest: a deque's own steps are whole, so nothing can be left locked."""

    def __init__(self, maxsize: int = 0) -> None:
        self._items: deque[Any] = deque()
        self._maxsize = maxsize

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # queue's signature
        try:
            return self._items.pop()
        except IndexError:
            raise queue.Empty from None

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # queue's signature
        if self._maxsize and len(self._items) >= self._maxsize:
            raise queue.Full
        self._items.append(item)

    def qsize(self) -> int:
        return len(self._items)


class Adapter(HTTPAdapter):
    """An adapter whose pools are ours, with and without a proxy, and which keeps one connection."""

    def __init__(self) -> None:
        self._way: tuple[tuple[str, Mapping[str, str], str | bool], Way] | None = None
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:  # requests' signature
        super().init_poolmanager(*args, **options)
        self._use_our_pools(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:  # requests' signature
        is_known = bool(args) and args[0] in self.proxy_manager
        manager = super().proxy_manager_for(*args, **options)
        if not is_known:
            self._use_our_pools(manager)
        return manager

    def close(self) -> None:
        """Close every connection; a way that was found before is none any more."""
        self._leave_way()
        super().close()

    def find_way(self, url: str, proxies: Mapping[str, str], verify: str | bool) -> Way:
        """
        Return the way to *url*, the same as long as all three are.

        Raises a `RequestException`, urllib3's `HTTPError` or a `ValueError` when there can be none.
        """
        key = (url, proxies, verify)
        if self._way is None or self._way[0] != key:
            way = self._open_way(url, dict(proxies), verify)
            if self._way is not None and not self._way[1].is_beside(way):
                self._leave_way()
            self._way = (key, way)
        return self._way[1]

    def _leave_way(self) -> None:
        # Here and now: urllib3 leaves it to the garbage collector, and an error of an earlier
        # attempt may hold the frames that hold the pool.
        kept, self._way = self._way, None
        if kept is not None:
            kept[1].close()

    def _open_way(self, url: str, proxies: dict[str, str], verify: str | bool) -> Way:
        request = requests.PreparedRequest()
        request.prepare_method("POST")
        request.prepare_url(url, None)
        prepared_url = request.url or ""
        parts = urlsplit(prepared_url)
        if hasattr(self, "get_connection_with_tls_context"):
            pool = self.get_connection_with_tls_context(request, verify, proxies=proxies)
        else:  # requests before 2.32
            pool = self.get_connection(prepared_url, proxies)
        self.cert_verify(pool, prepared_url, verify, None)  # type: ignore[no-untyped-call]  # not in its stubs
        target = self.request_url(request, proxies)
        proxy = proxies.get(parts.scheme)
        # Whoever is asked with the whole URL is a proxy that reads the request. A tunnel's is told
        # beforehand, and so is a SOCKS proxy: its credentials are none of the endpoint's business.
        is_for_proxy = proxy is not None and not target.startswith("/")
        host = parts.netloc.rpartition("@")[2].removesuffix(_DEFAULT_PORTS.get(parts.scheme, ""))
        return Way(pool, target, host, self.proxy_headers(proxy or "") if is_for_proxy else {})

    @staticmethod
    def _use_our_pools(manager: Any) -> None:  # a pool manager of urllib3
        # Derived from the manager's own: a SOCKS proxy has connections of another kind.
        manager.pool_classes_by_scheme = {
            scheme: type(
                pool.__name__,
                (pool,),
                {"QueueCls": _LockFreeQueue, "ConnectionCls": guard_connection(pool.ConnectionCls)},
            )
            for scheme, pool in manager.pool_classes_by_scheme.items()
        }
