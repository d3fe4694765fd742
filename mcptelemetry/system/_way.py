"""
The way of a request to one URL: through `urllib3` once, and then over the connection that stands.

To find a proxy, look a name up, agree on TLS and open a tunnel is `urllib3`'s business. Once that is
done a request is one write and an answer mostly one read, so further ones go to the
connection itself. Importing this module imports `urllib3`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Any

from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError
from urllib3.util import Retry, Timeout
from urllib3.util.connection import is_connection_dropped

from ._answers import DeadlineResponse
from ._connection import Letter, compose_head
from ._transport import Answer

__all__ = ["ERRORS", "Way"]

ERRORS: tuple[type[Exception], ...] = (HTTPError, HTTPException, OSError, ValueError)
"""What the libraries raise; requests' own are among the third."""

_NO_SECOND_ATTEMPT = Retry(0, read=False)


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
            if isinstance(found, Answer):
                self._give_back(connection)
                return found
            response = self._wrap(found, connection)
        except BaseException:
            connection.close()
            self._give_back(None)
            raise
        return _read(response, answer_max_bytes)

    def _wrap(self, begun: DeadlineResponse, connection: Any) -> HTTPResponse:
        """Return what *begun* is in the hands of urllib3, which gives *connection* back or ends it."""
        headers: Any = [
            # A value over several lines is one of them.
            (name, " ".join(line.strip(" \t\r") for line in value.split("\n")))
            for name, value in begun.headers.items()
        ]
        try:
            return HTTPResponse(
                begun,
                headers=headers,
                status=begun.status,
                preload_content=False,
                decode_content=False,
                original_response=begun,
                pool=self._pool,
                connection=connection,
                request_method="POST",
            )
        except BaseException:
            begun.close()
            raise

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
