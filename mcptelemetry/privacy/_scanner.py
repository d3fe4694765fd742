"""
The last look at a document before it may leave: does it hold anything of a person's?

It fails closed: whatever cannot be read, is not known or goes wrong in here is a violation.
And a violation names a rule and a place, never what stood there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Union

from ..errors import TelemetryError
from ..wire import DECLARED, HEARTBEAT, OPEN, OWN, VERSION, Object, Problem, Shape, find_token_shape, walk
from ._addresses import find_address, find_address_in_version
from ._blocked_values import BlockedValue, as_blocked_values
from ._reading import read_object, text_of
from ._spellings import Layers

__all__ = ["AnonymityViolation", "find_blocked_prefix", "scan_for_pii", "scan_text_for_pii"]

# Between two values that are searched together: no word and no address crosses it.
_BOUNDARY = "\0"

# What is searched for where: everything in open places; no IP address and no name among the
# numbers in a version; credentials and token shapes only in what the program made or the
# application declared in its code. A kind that is not here is open.
_SEARCHED_AS = {OPEN: OPEN, VERSION: VERSION, OWN: OWN, DECLARED: OWN}

_RELEASE_NUMBERS = re.compile(r"[vV]?[0-9][0-9.]*(?!\w)")

_RULE_OF_PROBLEM = {
    Problem.UNKNOWN_KEY: ("unknown_field", "it holds a key that is not in the table of fields"),
    Problem.UNFIT_KEY: ("invalid_value", "it holds a key that the table of fields does not allow there"),
    Problem.UNFIT_VALUE: ("invalid_value", "it does not hold what the table of fields allows there"),
    Problem.MISSING: ("invalid_value", "it is missing, and the table of fields has it always present"),
}


class AnonymityViolation(TelemetryError):
    """
    A document holds, or may hold, something of a person's, and must not leave.

    *rule* is the rule that refused it: `blocked_prefix`, `blocked_value`,
    `malformed_payload`, `env_markers_non_bool`, `unknown_field` or `invalid_value`.
    *pattern* is the blocked prefix, where the blocked value came from (`hostname`,
    `env:GITHUB_TOKEN`), or the field; never the value itself. *reason* is one sentence.
    """

    def __init__(self, rule: str, pattern: str, reason: str) -> None:
        super().__init__(rule, pattern, reason)
        self.rule = rule
        self.pattern = pattern
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.rule} ({self.pattern}): {self.reason}"


def scan_for_pii(
    payload: Union[bytes, str, Mapping[str, Any]],
    blocked_values: Iterable[Union[BlockedValue, str]] = (),
    *,
    fields: Mapping[str, Shape] | None = None,
) -> None:
    """
    Return None when the heartbeat *payload* may leave, raise `AnonymityViolation` otherwise.

    *payload* is the document as JSON (bytes or text) or as a mapping. *blocked_values* must
    not stand in it, in any form. The document is judged by the table of fields, from which
    nothing may be missing that is always present; *fields* is another table, of which
    nothing need be there.
    """
    violation = _judge(_judge_document, payload, blocked_values, fields)
    # An error reporter may show the local variables of this frame.
    del payload, blocked_values
    if violation is not None:
        raise violation


def scan_text_for_pii(text: str, blocked_values: Iterable[Union[BlockedValue, str]] = ()) -> None:
    """
    Return None when free *text* may leave, raise `AnonymityViolation` otherwise.

    Only blocked prefixes and blocked values are looked for: a person may write the rest.
    """
    violation = _judge(_judge_text, text, blocked_values)
    del text, blocked_values
    if violation is not None:
        raise violation


def find_blocked_prefix(text: str) -> str | None:
    """Return the one of `ANONYMITY_BLOCKED_PREFIXES` that stands in *text* in any form, else None."""
    return Layers(text).find_prefix()


def _judge(judge: Any, *arguments: Any) -> AnonymityViolation | None:  # passed through
    """
    Return what *judge* finds; an error inside it is a violation too.

    The violation is returned, not raised: raised in here it would carry the error, and with
    it the document, as its context.
    """
    try:
        found: AnonymityViolation | None = judge(*arguments)
    except Exception:  # noqa: BLE001  fails closed, whatever it was
        return AnonymityViolation("malformed_payload", "scanner", "the document could not be searched")
    return found


def _judge_text(text: str, blocked_values: Iterable[Union[BlockedValue, str]]) -> AnonymityViolation | None:
    layers = Layers(text)
    violation = _prefix_violation(layers) or _value_violation(layers, as_blocked_values(blocked_values))
    layers.check_end()
    return violation


def _judge_document(
    payload: Union[bytes, str, Mapping[str, Any]],
    blocked_values: Iterable[Union[BlockedValue, str]],
    fields: Mapping[str, Shape] | None,
) -> AnonymityViolation | None:
    blocked = as_blocked_values(blocked_values)
    text, is_readable = text_of(payload)
    raw = Layers(text)
    violation = _prefix_violation(raw)
    if violation is not None:
        return violation
    document = read_object(text) if is_readable else None
    if document is None:
        # Nothing says which parts are ours, so all of it is searched.
        return _value_violation(raw, blocked) or AnonymityViolation(
            "malformed_payload", "document", "the document is not one JSON object in UTF-8 with each key once"
        )
    found = _Findings(document, HEARTBEAT if fields is None else Object(fields, optional=fields))
    names = tuple(value for value in blocked if value.is_name)
    credentials = tuple(value for value in blocked if not value.is_name)
    violation = (
        _value_violation(found.open, blocked)
        or _value_violation(found.versions, credentials)
        or _value_violation(found.names_in_versions, names)
        or _value_violation(found.own, credentials)
    )
    if violation is not None:
        return violation
    raw.check_end()
    found.check_end()
    return (
        _marker_violation(document)
        or found.violations.get("unknown_field")
        or _address_violation(found.open, find_address)
        or _address_violation(found.versions, find_address_in_version)
        or _address_violation(found.own, find_token_shape)
        or found.violations.get("invalid_value")
    )


def _prefix_violation(layers: Layers) -> AnonymityViolation | None:
    prefix = layers.find_prefix()
    if prefix is None:
        return None
    return AnonymityViolation("blocked_prefix", prefix, f"a path below {prefix} is a person's own")


def _value_violation(layers: Layers, blocked: tuple[BlockedValue, ...]) -> AnonymityViolation | None:
    value = layers.find_value(blocked)
    if value is None:
        return None
    return AnonymityViolation("blocked_value", value.label, f"the value of {value.label} must not leave")


def _address_violation(layers: Layers, find: Callable[[str], str | None]) -> AnonymityViolation | None:
    found = next(filter(None, map(find, layers)), None)
    if found is None:
        return None
    return AnonymityViolation("invalid_value", found, f"it holds what looks like: {found}")


class _Findings:
    """
    What one walk over a document finds: the texts in each kind of place, and what is wrong.

    *violations* holds the first of each rule. *names_in_versions* is what stands behind the
    numbers of a version: a machine called `v1` is not named by `v1.4.0`.
    """

    def __init__(self, document: dict[str, Any], shape: Shape) -> None:
        texts: dict[str, list[str]] = {OPEN: [], VERSION: [], OWN: []}
        self.violations: dict[str, AnonymityViolation] = {}
        for place in walk(shape, document):
            if place.text is not None:
                texts[_SEARCHED_AS.get(place.kind, OPEN)].append(place.text)
            if place.problem is not None:
                self._note(place.problem, place.path or "document")
        self.open = Layers(_BOUNDARY.join(texts[OPEN]))
        self.own = Layers(_BOUNDARY.join(texts[OWN]))
        self.versions = Layers(_BOUNDARY.join(texts[VERSION]))
        self.names_in_versions = Layers(_BOUNDARY.join(map(_behind_numbers, texts[VERSION])))

    def check_end(self) -> None:
        """Raise `TooManyLayersError` when anything could not be searched to its end."""
        for layers in (self.open, self.own, self.versions, self.names_in_versions):
            layers.check_end()

    def _note(self, problem: Problem, path: str) -> None:
        rule, reason = _RULE_OF_PROBLEM[problem]
        if rule not in self.violations:
            self.violations[rule] = AnonymityViolation(rule, path, reason)


def _behind_numbers(version: str) -> str:
    match = _RELEASE_NUMBERS.match(version)
    return version if match is None else version[match.end() :]


def _marker_violation(document: dict[str, Any]) -> AnonymityViolation | None:
    if "env_markers" not in document:
        return None
    markers = document["env_markers"]
    if isinstance(markers, dict) and all(isinstance(marker, bool) for marker in markers.values()):
        return None
    return AnonymityViolation("env_markers_non_bool", "env_markers", "it must hold booleans and nothing else")
