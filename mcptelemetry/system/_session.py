"""
The way of a request through `requests` and `urllib3`: an adapter of our own, and no session round it.

A session would look at cookies, redirects, `~/.netrc` and the hooks of others for each
request, and its adapter at proxies and certificates: most of what a request costs. Here the
adapter finds the pool of connections once, for as long as nothing changes that it depends on, and a
request goes to the pool. Its pool has no lock that a fork could leave held in the child.
Importing this module imports `requests`.
"""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError
from urllib3.util import Retry, Timeout
from urllib3.util.connection import is_connection_dropped

from ._connection import Letter, compose_head, guard_connection
from ._transport import Answer

__all__ = ["ERRORS", "Adapter", "Way"]

ERRORS: tuple[type[Exception], ...] = (HTTPError, HTTPException, OSError, ValueError)
"""What the libraries raise; requests' own are among the third."""

_NO_SECOND_ATTEMPT = Retry(0, read=False)
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


class Way:
    """
    What all requests to one URL have in common, by the same proxy and with the same certificates.

    *pool* holds the connection, *target* is what the request line says, *host* and *for_proxy* are the
    headers that belong to the way.
    """

    def __init__(self, pool: Any, target: str, host: str, for_proxy: Mapping[str, str]) -> None:  # urllib3's pool
        self._pool = pool
        self._target = target
        self._host = host
        self._for_proxy = dict(for_proxy)
        self._head: tuple[Mapping[str, str], bytes] | None = None
        self._timeout: tuple[float, Timeout] | None = None

    def write(
        self, body: bytes, headers: Mapping[str, str], may_send: Callable[[], bool], timeout_secs: float
    ) -> Letter:
        """Return what goes over the wire; `ValueError` for a header that would be two."""
        kept = self._head
        if kept is None or kept[0] != headers:
            own = {"Host": self._host, **headers, **self._for_proxy}
            kept = self._head = (dict(headers), compose_head(self._target, own.items()))
        return Letter.of(b"%s%d\r\n\r\n" % (kept[1], len(body)), body, may_send, timeout_secs)

    def exchange(self, letter: Letter, answer_max_bytes: int) -> Answer:
        """
        Send *letter*; return the answer with at most *answer_max_bytes* of its body.

        `urllib3`'s `HTTPError`, an `HTTPException` or an `OSError` when there is none.
        """
        connection = self._take_standing()
        if connection is None:
            return _read(self._urlopen(letter), answer_max_bytes)
        # Proxy, name and certificate are settled for as long as it stands: what urllib3 does
        # beyond that costs more than the request.
        try:
            found = connection.exchange(letter, answer_max_bytes)
        except BaseException:
            connection.close()
            self._give_back(None)
            raise
        if isinstance(found, Answer):
            self._give_back(connection)
            return found
        response = HTTPResponse(
            found,
            headers=found.headers.items(),
            status=found.status,
            preload_content=False,
            decode_content=False,
            original_response=found,
            pool=self._pool,
            connection=connection,
            request_method="POST",
        )
        return _read(response, answer_max_bytes)

    def _take_standing(self) -> Any:
        """Return the connection at rest, taken from the pool, when it stands; otherwise None."""
        at_rest = self._pool.pool
        connection = at_rest.get() if at_rest is not None and at_rest.qsize() else None
        if connection is None:
            return None  # the pool makes one where there is none
        if connection.sock is not None and not is_connection_dropped(connection):
            return connection
        at_rest.put(connection)
        return None

    def _give_back(self, connection: Any) -> None:
        at_rest = self._pool.pool
        if at_rest is not None:
            at_rest.put(connection)
        elif connection is not None:
            connection.close()  # the pool was closed meanwhile

    def _urlopen(self, letter: Letter) -> Any:
        kept = self._timeout
        if kept is None or kept[0] != letter.timeout_secs:
            secs = letter.timeout_secs
            kept = self._timeout = (secs, Timeout(connect=secs, read=secs))
        return self._pool.urlopen(
            "POST",
            self._target,
            body=letter,
            headers={},  # the letter has its own
            retries=_NO_SECOND_ATTEMPT,
            redirect=False,
            assert_same_host=False,
            timeout=kept[1],
            preload_content=False,
            decode_content=False,
        )

    def is_beside(self, other: Way) -> bool:
        """Return whether both go over the same connection."""
        return self._pool is other._pool

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


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


def _read(response: Any, body_max_bytes: int) -> Answer:  # urllib3's response
    try:
        headers = {name.lower(): value for name, value in response.headers.itermerged()}
        return Answer(response.status, headers, _read_at_most(response, body_max_bytes))
    finally:
        response.close()  # before it is given back: what was not read to its end is not used again
        response.release_conn()


def _read_at_most(response: Any, count: int) -> bytes:  # urllib3's response
    parts = bytearray()
    try:
        while len(parts) < count:
            part = response.read(count - len(parts), decode_content=False)
            parts += part
            if not part or response.length_remaining == 0:
                return bytes(parts)
        response.read(1)  # the end of a chunked body must be read for the connection to be kept
    except ERRORS:
        pass  # the status is known by now; a body that breaks off, or never ends, changes nothing
    return bytes(parts)
