"""
The way of a request through `requests`: an adapter of our own, and no session round it.

A session would look at cookies, redirects, `~/.netrc` and the hooks of others for each
request, which is most of its cost; the adapter keeps connections, proxies and certificates.
Its pool has no lock that a fork could leave held in the child. Importing this module
imports `requests`.
"""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from ._connection import Letter, guard_connection

__all__ = ["Adapter", "PreparedLetter"]

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


class PreparedLetter(requests.PreparedRequest):
    """A POST as the adapter takes it; what goes over the wire is its *letter*."""

    letter: Letter


class Adapter(HTTPAdapter):
    """An adapter whose pools are ours, with and without a proxy, and which keeps one connection."""

    def __init__(self) -> None:
        self._prepared_urls: dict[str, str] = {}
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

    def prepare(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        proxies: Mapping[str, str],
        may_send: Callable[[], bool],
    ) -> PreparedLetter:
        """Return the request for `send`; a `RequestException` or `ValueError` when it cannot be one."""
        prepared = PreparedLetter()
        prepared.method = "POST"
        prepared.url = self._prepared_urls.get(url)
        if prepared.url is None:
            prepared.prepare_url(url, None)
            self._prepared_urls = {url: str(prepared.url)}
        proxy = proxies.get(urlsplit(url).scheme)
        own = dict(_complete(prepared.url or "", body, headers))
        if proxy and url.lower().startswith("http:"):  # the proxy reads the request itself
            own.update(self.proxy_headers(proxy))
        target = self.request_url(prepared, dict(proxies))
        prepared.letter = Letter.of(body, target, own.items(), may_send)
        prepared.headers = CaseInsensitiveDict(own)
        prepared.body = prepared.letter
        prepared._cookies = requests.cookies.RequestsCookieJar()  # type: ignore[attr-defined]  # not in its stubs
        return prepared

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


def _complete(url: str, body: bytes, headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield *headers* with the two that every POST has."""
    parts = urlsplit(url)
    yield "Host", parts.netloc.rpartition("@")[2].removesuffix(_DEFAULT_PORTS.get(parts.scheme, ""))
    yield from headers.items()
    yield "Content-Length", str(len(body))
