"""
The last look at a document before it may leave: does it hold anything of a person's?

It fails closed: whatever cannot be read, is not known or goes wrong in here is a violation.
And a violation names a rule and a place, never what stood there.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Union

from ..errors import TelemetryError
from ._addresses import find_address
from ._blocked_values import BlockedValue, as_blocked_values
from ._field_rules import HEARTBEAT_RULES, FieldRule
from ._spellings import Layers

__all__ = ["AnonymityViolation", "find_blocked_prefix", "scan_for_pii", "scan_text_for_pii"]

# Between two values that are searched together: no word and no address crosses it.
_BOUNDARY = "\0"

# A longer number is no count, and reading one of a million digits takes quadratic time.
_MOST_DIGITS = 20


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
    fields: Mapping[str, FieldRule] = HEARTBEAT_RULES,
) -> None:
    """
    Return None when the heartbeat *payload* may leave, raise `AnonymityViolation` otherwise.

    *payload* is the document as JSON (bytes or text) or as a mapping. *blocked_values* must
    not stand in it, in any form; *fields* says which of its places are open.
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


def _judge(judge: Any, *arguments: Any) -> AnonymityViolation | None:  # noqa: ANN401  passed through
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
    fields: Mapping[str, FieldRule],
) -> AnonymityViolation | None:
    blocked = as_blocked_values(blocked_values)
    text, is_readable = _text_of(payload)
    raw = Layers(text)
    violation = _prefix_violation(raw)
    if violation is not None:
        return violation
    document = _parse(text) if is_readable else None
    if document is None:
        # Nothing says which parts are ours, so all of it is searched.
        return _value_violation(raw, blocked) or AnonymityViolation(
            "malformed_payload", "document", "the document is not one JSON object in UTF-8 with each key once"
        )
    places = _Places(document, fields)
    searched, own = Layers(places.text_of("open", "version")), Layers(places.text_of("own"))
    violation = (
        _value_violation(searched, blocked)
        or _value_violation(own, tuple(value for value in blocked if not value.is_name))
        or places.marker_violation
        or places.unknown_violation
        or places.invalid_violation
        or _address_violation(searched=Layers(places.text_of("open")), is_version=False)
        or _address_violation(searched=Layers(places.text_of("version")), is_version=True)
    )
    if violation is None:
        for layers in (raw, searched, own):
            layers.check_end()
    return violation


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


def _address_violation(*, searched: Layers, is_version: bool) -> AnonymityViolation | None:
    for text in searched:
        found = find_address(text, is_version=is_version)
        if found is not None:
            return AnonymityViolation("invalid_value", found, f"an open field holds what looks like: {found}")
    return None


def _text_of(payload: Union[bytes, str, Mapping[str, Any]]) -> tuple[str, bool]:
    """Return *payload* as JSON text to be searched, and whether it can be read at all."""
    if isinstance(payload, str):
        return payload, True
    if isinstance(payload, Mapping):
        return json.dumps(payload, ensure_ascii=False, allow_nan=False, default=_as_dict), True
    try:
        return bytes(payload).decode("utf-8"), True
    except UnicodeDecodeError:
        return bytes(payload).decode("utf-8", "replace"), False


def _as_dict(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    msg = "not a JSON value"
    raise TypeError(msg)


def _parse(text: str) -> dict[str, Any] | None:
    """Return the one JSON object in *text*, None when there is anything else."""
    try:
        document = json.loads(
            text,
            object_pairs_hook=_once_each,
            parse_constant=_refuse,
            parse_int=_small_int,
            parse_float=_finite_float,
        )
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return *pairs* as an object; of a key that comes twice, one value would go unsearched."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _refuse(_word: str) -> object:
    raise ValueError


def _small_int(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError
    return int(digits)


def _finite_float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError
    return number


class _Places:
    """
    What stands in each kind of place of one document, found in one walk.

    The walk keeps its own list of what is still to be seen: no document is too deep for it.
    A path is made of names in the table only; an unknown name may be a secret itself.
    """

    def __init__(self, document: dict[str, Any], fields: Mapping[str, FieldRule]) -> None:
        self._texts: dict[str, list[str]] = {"open": [], "own": [], "version": []}
        self.unknown_violation: AnonymityViolation | None = None
        self.invalid_violation: AnonymityViolation | None = None
        self.marker_violation = _marker_violation(document)
        self._waiting: deque[tuple[Any, FieldRule | None, str]] = deque()
        self._see_members(document, fields, "")
        while self._waiting:
            self._see(*self._waiting.popleft())

    def text_of(self, *kinds: str) -> str:
        """Return everything that stands in places of these *kinds*, as one text."""
        return _BOUNDARY.join(_BOUNDARY.join(self._texts[kind]) for kind in kinds)

    def _see(self, value: Any, rule: FieldRule | None, path: str) -> None:  # noqa: ANN401  any JSON value
        if rule is not None and not rule.accepts(value):
            self._note_invalid(path)
            rule = None
        if isinstance(value, dict):
            if rule is not None and rule.members is not None:
                self._see_members(value, rule.members, f"{path}.")
            else:
                self._see_map(value, rule, path)
        elif isinstance(value, list):
            items = None if rule is None else rule.values
            self._waiting.extend((item, items, path) for item in value)
        elif isinstance(value, str):
            self._see_text(value, rule, path)
        elif rule is None and value is not None and not isinstance(value, bool):
            self._texts["open"].append(repr(value))  # a number where none belongs may be anybody's

    def _see_members(self, value: dict[str, Any], members: Mapping[str, FieldRule], path: str) -> None:
        for key, item in value.items():
            rule = members.get(key)
            if rule is None:
                self._note_unknown(path.rstrip(".") or "document")
                self._texts["open"].append(key)
            self._waiting.append((item, rule, f"{path}{key}" if rule is not None else path.rstrip(".")))

    def _see_map(self, value: dict[str, Any], rule: FieldRule | None, path: str) -> None:
        items = None if rule is None else rule.values
        for key, item in value.items():
            if rule is None or key not in rule.words:
                if rule is not None and rule.kind == "closed":
                    self._note_unknown(path)
                elif rule is not None and not rule.accepts_key(key):
                    self._note_invalid(path)
                self._texts["own" if rule is not None and rule.kind == "own" else "open"].append(key)
            self._waiting.append((item, items, f"{path}.*"))

    def _see_text(self, value: str, rule: FieldRule | None, path: str) -> None:
        if rule is not None and value in rule.words:
            return
        if rule is not None and rule.kind == "closed":
            self._note_invalid(path)
        kind = rule.kind if rule is not None and rule.kind in ("own", "version") else "open"
        self._texts[kind].append(value)

    def _note_unknown(self, path: str) -> None:
        if self.unknown_violation is None:
            self.unknown_violation = AnonymityViolation(
                "unknown_field", path or "document", "it holds a key that is not in the table of fields"
            )

    def _note_invalid(self, path: str) -> None:
        if self.invalid_violation is None:
            self.invalid_violation = AnonymityViolation(
                "invalid_value", path, "it does not hold what the table of fields allows there"
            )


def _marker_violation(document: dict[str, Any]) -> AnonymityViolation | None:
    if "env_markers" not in document:
        return None
    markers = document["env_markers"]
    if isinstance(markers, dict) and all(isinstance(marker, bool) for marker in markers.values()):
        return None
    return AnonymityViolation("env_markers_non_bool", "env_markers", "it must hold booleans and nothing else")
