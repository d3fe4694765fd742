"""
HTTP over one kept-alive connection of `requests`, which is imported at the first send.

Nothing of the surroundings gets in unasked: no redirect is followed, no cookie kept, no
`~/.netrc` read, no header added, whoever patched what; proxy and certificate settings come
from the given environment and network settings only.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from .._version import VERSION
from ._clock import Clock, SystemClock
from ._fork import around_fork
from ._http_trouble import PROXY_WANTS_CREDENTIALS, ProxyRefusal, describe, errors_in, mend_of
from ._interpreter import install_hint
from ._transport import Answer, MissingPackage, NoAnswer, Request
from ._turns import Turns
from ._urls import is_loopback_host, url_without_secrets

if TYPE_CHECKING:
    from ._connection import Letter
    from ._session import Adapter
    from ._way import Way

__all__ = ["HttpTransport", "NetworkSettings"]

_USER_AGENT = f"mcptelemetry/{VERSION}"
# Other threads of a busy host make an import slow, and a child has no second chance.
_FORK_WAITS_FOR_IMPORT_SECS = 20.0
_REST_MAX_SECS = 5.0


class NetworkSettings(NamedTuple):
    """What `[network]` in `telemetry.toml` says; each wins over its environment variable."""

    https_proxy: str | None = None
    ca_bundle: str | None = None

    def __repr__(self) -> str:
        # A proxy's URL may hold the password of its user.
        proxy = None if self.https_proxy is None else url_without_secrets(self.https_proxy)
        return f"NetworkSettings(https_proxy={proxy!r}, ca_bundle={self.ca_bundle!r})"


class _Place(NamedTuple):
    """Where a URL leads, taken apart once."""

    url: str
    scheme: str
    netloc: str
    host: str
    is_loopback: bool

    @classmethod
    def of(cls, url: str) -> _Place:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return cls(url, parts.scheme, parts.netloc, host, is_loopback_host(host))


class HttpTransport:
    """
    A `Transport` over HTTP and HTTPS.

    One thread posts at a time; `after_fork()` may be called in a forked child whatever the
    parent was doing.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str] | None = None,
        network: NetworkSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._network = NetworkSettings() if network is None else network
        self._clock = SystemClock() if clock is None else clock
        self._adapter: Adapter | None = None
        self._place: _Place | None = None  # of the last request, which mostly is that of the next
        self._answered_at = 0.0  # monotonic
        self._abandoned: list[object] = []
        # Taken while requests is imported, and waited for by every fork: a child that was forked
        # in the middle of an import would wait for ever for a module lock that no thread holds.
        self._imports = Turns(fork_wait_secs=_FORK_WAITS_FOR_IMPORT_SECS)
        self._is_cut_off = False
        self._missing: str | None = None
        around_fork(in_child=self.after_fork, place="transport")

    def post(self, request: Request) -> Answer:
        """Send *request*; raise `NoAnswer` when no status came back, `Withheld` when it may not be sent."""
        adapter = self._adapter or self._open_adapter()
        if self._clock.monotonic() - self._answered_at > _REST_MAX_SECS:
            adapter.close()  # a balancer on the way may have forgotten the connection, and say nothing
        try:
            return self._post(adapter, request)
        except _errors_of_libraries() as error:
            found = errors_in(error)
            raise NoAnswer(describe(found), mend=mend_of(found)) from None

    def after_fork(self) -> None:
        """Forget the connection of the parent, whose sockets and locks this child shares."""
        self._is_cut_off = self._imports.after_fork() or self._is_cut_off
        if self._adapter is not None:
            # Kept, unused: letting go of it would run its clean-up on shared state.
            self._abandoned.append(self._adapter)
            self._adapter = None

    def close(self) -> None:
        """Close the connection."""
        adapter, self._adapter = self._adapter, None
        if adapter is not None:
            adapter.close()

    def _post(self, adapter: Adapter, request: Request) -> Answer:
        headers = {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity", **request.headers}
        if self._place is None or self._place.url != request.url:
            self._place = _Place.of(request.url)
        proxies = self._proxies_for(self._place)
        verify = self._certificates() if self._place.scheme == "https" else True

        def write() -> tuple[Way, Letter]:
            way = adapter.find_way(request.url, proxies, verify)
            return way, way.write(request.body, headers, request.may_send, request.timeout_secs)

        way, first = write()
        try:
            return self._exchange(way, first, request, is_proxied=bool(proxies))
        except _errors_of_libraries() as error:
            if not (request.is_repeatable and _broke_at_rest(first, error)):
                raise
        adapter.close()
        way, second = write()
        return self._exchange(way, second, request, is_proxied=bool(proxies))

    def _exchange(self, way: Way, letter: Letter, request: Request, *, is_proxied: bool) -> Answer:
        with _without_tracing():
            answer = way.exchange(letter, request.answer_max_bytes)
        self._answered_at = self._clock.monotonic()
        if answer.status == PROXY_WANTS_CREDENTIALS and is_proxied:
            raise ProxyRefusal(answer.status)
        return answer

    def _open_adapter(self) -> Adapter:
        if self._is_cut_off:
            msg = "this process was forked while its parent was importing requests"
            raise NoAnswer(msg)
        if self._missing is not None:  # looked for once: a search of the whole path is not free
            raise MissingPackage(self._missing)
        turn = self._imports.take(_FORK_WAITS_FOR_IMPORT_SECS)
        try:
            from ._session import Adapter  # this is where requests comes in

            # The codec behind every look-up of a name imports itself at its first use.
            "localhost".encode("idna")
        except ModuleNotFoundError as error:
            self._missing = f"the package {error.name} is missing; {install_hint(str(error.name))}"
            raise MissingPackage(self._missing) from None
        finally:
            if turn is not None:
                self._imports.give_back(turn)
        self._adapter = Adapter()
        return self._adapter

    def _certificates(self) -> str | bool:
        names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
        candidates = (self._network.ca_bundle, *(self._environ.get(name) for name in names))
        return next((path for path in candidates if path), True)

    def _proxies_for(self, place: _Place) -> dict[str, str]:
        if place.is_loopback:
            return {}  # what is meant for this machine does not take a way round by another
        if _is_past_proxies(place.netloc, place.host, self._first_of("no_proxy") or ""):
            return {}
        own = self._network.https_proxy if place.scheme == "https" else None
        proxy = own or self._first_of(f"{place.scheme}_proxy") or self._first_of("all_proxy")
        return {place.scheme: proxy} if proxy else {}

    def _first_of(self, name: str) -> str | None:
        return self._environ.get(name) or self._environ.get(name.upper()) or None


def _errors_of_libraries() -> tuple[type[Exception], ...]:
    from ._way import ERRORS  # loaded by now

    return ERRORS


def _is_past_proxies(netloc: str, host: str, refused: str) -> bool:
    """Return whether *refused*, the text of NO_PROXY, says that *host* is reached directly."""
    if not refused:
        return False
    # Heavy, and loaded by requests anyway.
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # not in its stubs

    from requests.utils import address_in_network, is_ipv4_address, is_valid_cidr

    words = [word for word in refused.replace(" ", "").split(",") if word]
    if is_ipv4_address(host) and any(is_valid_cidr(word) and address_in_network(host, word) for word in words):
        return True
    return bool(proxy_bypass_environment(netloc, {"no": refused}))


def _broke_at_rest(letter: Letter, error: BaseException) -> bool:
    """Return whether a connection that had served before ended without a word about *letter*."""
    import ssl  # loaded with requests

    broken = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
    return (
        letter.is_on_used_connection
        and not letter.has_answer_begun
        and any(isinstance(found, broken) for found in errors_in(error))
    )


@contextlib.contextmanager
def _without_tracing() -> Iterator[None]:
    """Tell OpenTelemetry, when the host has it loaded, to leave this request alone."""
    context = sys.modules.get("opentelemetry.context")
    if context is None:
        yield
        return
    quiet = context.set_value("suppress_instrumentation", True)
    token = context.attach(context.set_value("suppress_http_instrumentation", True, quiet))
    try:
        yield
    finally:
        context.detach(token)
