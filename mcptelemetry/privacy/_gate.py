"""
The gate: the only way out of the process.

Everything that leaves takes the same four steps here: search the body, ask the switch,
send, judge the answer. Nobody else holds a transport. Results are values; what becomes
of the sender's data is the sender's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from enum import Enum
from typing import Any, NamedTuple, Union
from urllib.parse import unquote, unquote_plus, urljoin, urlsplit

from ..system import Answer, Clock, MissingPackage, NoAnswer, Request, Transport, Withheld
from ..vocabulary import DAY_SECS
from ._mends import is_page, mend_of
from ._retry_after import parse_retry_after

__all__ = ["Gate", "NotYet", "Refusal", "SendResult", "Verdict"]

_EXCERPT_MAX_CHARACTERS = 200
_ANSWER_MAX_BYTES = 4096
_LOOK_AGAIN_AFTER_SECS = 1.0
# Whose values are no secret, or are handed over as the secret beside them.
_PLAIN_HEADERS = frozenset({"authorization", "content-encoding", "content-type"})
_QUERY_SECRET_CHARACTERS_MIN = 4  # fewer keep no secret, and are found in every second message


class Verdict(Enum):
    """What an attempt came to."""

    DELIVERED = "delivered"
    LATER = "later"  # the same body may be sent again
    NOT_YET = "not yet"  # later too: nothing was sent, and nobody said no
    UNAUTHORIZED = "unauthorized"  # later too, once somebody has mended the token
    MISPLACED = "misplaced"  # later too, once somebody has mended the address
    UNABLE = "unable"  # later too, and hardly in this process: it lacks a package
    TOO_LARGE = "too large"  # in smaller pieces
    REJECTED = "rejected"  # never again
    REFUSED = "refused"  # the person said no: nothing was sent, or the rest was not
    UNCLEAN = "unclean"  # nothing was sent: the body holds what must not leave

    @property
    def is_retryable(self) -> bool:
        """Whether the same body may be sent again."""
        return self in (
            Verdict.LATER,
            Verdict.NOT_YET,
            Verdict.UNAUTHORIZED,
            Verdict.MISPLACED,
            Verdict.UNABLE,
        )


class SendResult(NamedTuple):
    """
    What an attempt came to, and why.

    *status* is None when nothing was answered; *retry_after_secs* what the endpoint asked
    for; *message* one line for a log: the status and an excerpt of the body; *mend* what a person
    can do about it, ``""`` when nothing need be done or nothing is known.
    """

    verdict: Verdict
    status: int | None
    retry_after_secs: float | None
    message: str
    body: bytes = b""
    mend: str = ""

    @property
    def is_doubtful(self) -> bool:
        """Whether it was taken, as the status says, by what can hardly be a collector."""
        return self.verdict is Verdict.DELIVERED and self.mend != ""

    @property
    def advice(self) -> str:
        """The message and the mend, in one line."""
        return f"{self.message}; {self.mend}" if self.mend else self.message


class NotYet(NamedTuple):
    """Why something may not leave now, but may in *secs* seconds: the same body, later."""

    reason: str
    secs: float


Refusal = Union[str, NotYet, None]
"""What the gate is answered: why nothing may leave (a no), what it has to wait for, or None."""


# The policy for HTTP statuses; what is not in it is rejected.
_VERDICT_OF_STATUS: dict[int, Verdict] = {
    **dict.fromkeys(range(200, 300), Verdict.DELIVERED),
    **dict.fromkeys((408, 425, 429, *range(500, 600)), Verdict.LATER),
    **dict.fromkeys((401, 403, 407), Verdict.UNAUTHORIZED),
    **dict.fromkeys((*range(300, 400), 404, 405, 421), Verdict.MISPLACED),
    413: Verdict.TOO_LARGE,
}


class _Question:
    """What one transmission is asked while it is on its way, and why the answer was no."""

    def __init__(self, ask: Callable[[], Refusal]) -> None:
        self._ask = ask
        self.refusal: Refusal = None

    def may_send(self) -> bool:
        """Return whether the next block may leave; a no is final."""
        if self.refusal is None:
            self.refusal = self._ask()
        return self.refusal is None


class Gate:
    """
    Sends what may be sent.

    *scan* is given every body, or what stands for it, and returns what must not leave in it, in
    words without the thing itself, or None. *refusal* is asked immediately before every
    transmission, again when the way stands, and before each further block of the body; it
    returns why nothing may leave, a `NotYet`, or None. When either raises, nothing leaves now. *given_up* are
    statuses that are final for what is sent here, although they are not for other documents. Used by
    one thread at a time.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        refusal: Callable[[], Refusal],
        clock: Clock,
        scan: Callable[[Any], str | None] | None = None,
        given_up: Container[int] = (),
    ) -> None:
        self._transport = transport
        self._refusal = refusal
        self._clock = clock
        self._scan = scan
        self._given_up = given_up
        self._kept_secrets: tuple[object, tuple[str, ...]] = (None, ())

    def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        timeout_secs: float,
        *,
        secret: str | None = None,
        answer_max_bytes: int = _ANSWER_MAX_BYTES,
        searched: object = None,
        is_repeatable: bool = True,
        refusal: Callable[[], Refusal] | None = None,
    ) -> SendResult:
        """
        Send *body* if nothing speaks against it, and judge the answer.

        *secret* is kept out of the outcome's message, whatever the endpoint says, and so are the
        values of a query and of the headers that are not ours. At most
        *answer_max_bytes* of the answer are read. *searched* is what is searched instead of
        *body*, such as the names that went into it. Without *is_repeatable* the body is never written
        twice, not even when a connection at rest turns out to be dead. *refusal* is what this very
        body is asked about beside the question about all of them.
        """
        secrets = self._secrets_of(url, headers, secret)
        found = self._search(body if searched is None else searched)
        if found is not None:
            return SendResult(Verdict.UNCLEAN, None, None, f"nothing was sent: {found}")
        # Asked anew each time; one question for the whole way, because a no is final.
        question = _Question(lambda: self._ask(refusal))
        if not question.may_send():
            return _refused("nothing was sent", question.refusal)
        # Asked again by the transport: to look a name up, to connect and to agree on TLS takes
        # time, and nothing that takes time may lie between a no and a byte that leaves.
        request = Request(url, body, headers, timeout_secs, answer_max_bytes, question.may_send, is_repeatable)
        try:
            answer = self._transport.post(request)
        except Withheld:
            return _refused("the sending was stopped", question.refusal)
        except MissingPackage as error:
            return SendResult(Verdict.UNABLE, None, DAY_SECS, f"nothing can be sent: {error}")
        except NoAnswer as error:
            reason = _without(secrets, _one_line(str(error)))
            message = f"no answer from {_host(url)} ({reason})"
            return SendResult(Verdict.LATER, None, None, message, mend=error.mend)
        except Exception as error:  # noqa: BLE001  a fault in a transport must not end the worker
            return SendResult(Verdict.LATER, None, None, f"no answer from {_host(url)} ({type(error).__name__})")
        return self._judge(url, answer, secrets, answer_max_bytes)

    def after_fork(self) -> None:
        """Forget the parent's connections, in a forked child."""
        self._transport.after_fork()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _secrets_of(self, url: str, headers: Mapping[str, str], secret: str | None) -> tuple[str, ...]:
        key = (url, headers, secret)
        if self._kept_secrets[0] != key:  # mostly all that is sent goes to the same place, with the same words
            self._kept_secrets = ((url, dict(headers), secret), _secrets_of(url, headers, secret))
        return self._kept_secrets[1]

    def _ask(self, of_this_body: Callable[[], Refusal] | None) -> Refusal:
        try:
            found = self._refusal()
            return of_this_body() if found is None and of_this_body is not None else found
        except Exception as error:  # noqa: BLE001  in doubt it is not sent, whatever the doubt
            # Nobody said no, so nothing is given up for it: an interrupted look is over at the next.
            return NotYet(f"the switches could not be read ({type(error).__name__})", _LOOK_AGAIN_AFTER_SECS)

    def _search(self, body: object) -> str | None:
        if self._scan is None:
            return None
        try:
            return self._scan(body)
        except Exception as error:  # noqa: BLE001  in doubt it is not sent, whatever the doubt
            return f"the body could not be searched ({type(error).__name__})"

    def _judge(self, url: str, answer: Answer, secrets: tuple[str, ...], answer_max_bytes: int) -> SendResult:
        retry_after = parse_retry_after(answer.headers.get("retry-after"), now=self._clock.time())
        message = f"HTTP {answer.status} from {_host(url)}"
        mend = mend_of(answer, url)
        if 300 <= answer.status < 400:  # a class of statuses
            target = _without(secrets, _redirect_target(url, answer.headers.get("location", "")))[:_EXCERPT_MAX_CHARACTERS]
            message += f" (a redirect to {target}, which is not followed)"
        elif mend and is_page(answer):
            message += ", which is a web page"
        elif answer.body:
            # In this order: one line may put a secret together, a cut leave a part of it.
            text = _without(secrets, _one_line(answer.body.decode("utf-8", "replace")))
            if secrets and len(answer.body) >= answer_max_bytes:
                text = text[: max(0, len(text) - len(secrets[0]) + 1)]  # reading may have been a cut, too
            excerpt = text[:_EXCERPT_MAX_CHARACTERS].rstrip()
            message += f": {excerpt}" if excerpt else ""
        is_final = answer.status in self._given_up
        verdict = Verdict.REJECTED if is_final else _VERDICT_OF_STATUS.get(answer.status, Verdict.REJECTED)
        return SendResult(verdict, answer.status, retry_after, message, answer.body, mend)


def _refused(what: str, why: Refusal) -> SendResult:
    if isinstance(why, NotYet):
        return SendResult(Verdict.NOT_YET, None, why.secs, f"{what}: {why.reason}")
    return SendResult(Verdict.REFUSED, None, None, f"{what}: {why}")


def _host(url: str) -> str:
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or parts.path


def _redirect_target(url: str, location: str) -> str:
    """Return the host that *location*, said by *url*, leads to; with the path when it is the same host's."""
    try:
        target, host = urlsplit(urljoin(url, location)), urlsplit(url).hostname
        if not location or not target.hostname:
            return "nowhere"
        # Decoded, so that a secret in it is one to whoever blots it out.
        return _one_line(target.hostname + (unquote(target.path) if target.hostname == host else ""))
    except ValueError:
        return "what is no address"


def _one_line(text: str) -> str:
    """Return *text* without line breaks, or anything else that a terminal might obey."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _secrets_of(url: str, headers: Mapping[str, str], secret: str | None) -> tuple[str, ...]:
    """Return what no message may repeat, the longest first: an endpoint may echo all that it was told."""
    words = {secret or "", *(value for name, value in headers.items() if name.lower() not in _PLAIN_HEADERS)}
    for part in urlsplit(url).query.split("&"):
        value = part.partition("=")[2] or part
        words |= {word for word in (value, unquote_plus(value)) if len(word) >= _QUERY_SECRET_CHARACTERS_MIN}
    return tuple(sorted(words - {""}, key=len, reverse=True))


def _without(secrets: tuple[str, ...], text: str) -> str:
    # A host name comes in lower case, and an endpoint may echo in any.
    return re.sub("|".join(map(re.escape, secrets)), "***", text, flags=re.IGNORECASE) if secrets else text
