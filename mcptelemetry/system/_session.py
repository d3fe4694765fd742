"""
The `requests.Session` we use, with two additions that it lacks.

Reading an answer has one deadline rather than one a packet, so that a server that drips
its headers cannot hold the worker for ever; and the pool's queue has no lock that a fork
could leave held in the child. Importing this module imports `requests`.
"""

from __future__ import annotations

import io
import queue
import socket
import time
from collections import deque
from http.client import HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

__all__ = ["build_session"]


def build_session() -> requests.Session:
    """Return a session that takes nothing from its surroundings."""
    session = _Session()
    session.trust_env = False  # no ~/.netrc, and no proxy that was not handed over
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.clear()
    adapter = _Adapter(pool_connections=1, pool_maxsize=1, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class _Session(requests.Session):
    """A session that does not look where a redirect leads, not even when told not to follow it."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002  requests' signature
        # Otherwise requests reads the whole body of a redirect, however long, and stumbles
        # over a target that is no address.
        return None


class _DeadlineReader(io.RawIOBase):
    """Reads a socket's bytes until a moment that all reads share."""

    def __init__(self, sock: Any, secs: float) -> None:  # noqa: ANN401  plain or TLS socket
        self._sock = sock
        self._ends_at = time.monotonic() + secs
        # The socket counts its readers and closes itself with the last of them.
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401  any writable buffer
        left = self._ends_at - time.monotonic()
        if left <= 0:
            msg = "the answer took too long"
            raise socket.timeout(msg)
        self._sock.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineResponse(HTTPResponse):
    """An answer whose every read obeys the deadline that began with it."""

    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:  # noqa: ANN401  http.client's signature
        super().__init__(sock, *args, **options)
        secs = sock.gettimeout()
        if secs:
            self.fp.close()
            self.fp = io.BufferedReader(_DeadlineReader(sock, secs))


class _LockFreeQueue:
    """The connections at rest: a deque's own steps are whole, so nothing can be left locked."""

    def __init__(self, maxsize: int = 0) -> None:
        self._items: deque[Any] = deque()
        self._maxsize = maxsize

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: ANN401, ARG002, FBT001, FBT002  queue's signature
        try:
            return self._items.pop()
        except IndexError:
            raise queue.Empty from None

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ANN401, ARG002, FBT001, FBT002  queue's signature
        if self._maxsize and len(self._items) >= self._maxsize:
            raise queue.Full
        self._items.append(item)

    def qsize(self) -> int:
        return len(self._items)


def _with_deadline(connection_class: Any) -> Any:  # noqa: ANN401  one of urllib3's connection classes
    return type(connection_class.__name__, (connection_class,), {"response_class": _DeadlineResponse})


class _HttpPool(HTTPConnectionPool):
    QueueCls = _LockFreeQueue  # type: ignore[assignment]  # the four methods that urllib3 calls
    ConnectionCls = _with_deadline(HTTPConnectionPool.ConnectionCls)


class _HttpsPool(HTTPSConnectionPool):
    QueueCls = _LockFreeQueue  # type: ignore[assignment]  # as above
    ConnectionCls = _with_deadline(HTTPSConnectionPool.ConnectionCls)


class _Adapter(HTTPAdapter):
    """An adapter whose pools are ours, with and without a proxy."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:  # noqa: ANN401  requests' signature
        super().init_poolmanager(*args, **options)
        self._use_our_pools(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401  requests' signature
        manager = super().proxy_manager_for(*args, **options)
        self._use_our_pools(manager)
        return manager

    @staticmethod
    def _use_our_pools(manager: Any) -> None:  # noqa: ANN401  a pool manager of urllib3
        manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
