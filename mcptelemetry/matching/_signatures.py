"""
What a tool definition says about its arguments, and whether one can stand in for another.

Definitions come from strangers' servers, so reading never fails: a part that makes no
sense reads as empty, and one line says so. Types are left out of the comparison: a
mistyped argument shows itself in the call, and a fallback can answer it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

__all__ = ["SchemaCheck", "Signature", "check_schema_compat", "quoted", "read_signature"]

_LONGEST_SHOWN = 128
_MOST_LISTED = 10
_READ_AS_EMPTY = "read as empty"
_LEFT_OUT = "left out"


class Signature(NamedTuple):
    """A tool's *name*, the *properties* its schema declares and those it has *required*, in order."""

    name: str
    properties: Collection[object]
    required: tuple[str, ...]


class SchemaCheck(NamedTuple):
    """Whether two signatures fit, and what is to be said about it (None when nothing is)."""

    is_compatible: bool
    mismatch: str | None


def read_signature(tool: object, owner: str, position: int, problems: list[str]) -> Signature | None:
    """
    Return the signature of *tool*, or None when it has no usable name.

    *tool* is a mapping or an object with ``name`` and ``inputSchema`` or ``input_schema``.
    *owner* (``"local"``, ``"upstream 'cloud'"``) and *position* (from 1) say whose tool it is
    in the lines added to *problems*. Never raises.
    """
    name = _member(tool, "name")
    if not isinstance(name, str) or not name.strip():
        is_missing = name is None or (isinstance(name, str) and not name)
        fault = "no name" if is_missing else f"an unusable name, {quoted(name)}"
        problems.append(f"{owner} tool number {position} has {fault}: {_LEFT_OUT}")
        return None
    schema = _member(tool, "inputSchema")
    if schema is None:
        schema = _member(tool, "input_schema")
    faults: list[str] = []
    if schema is None:
        faults.append(f"it has no inputSchema: {_READ_AS_EMPTY}")
    elif not isinstance(schema, Mapping):
        faults.append(f"its inputSchema is {_kind_of(schema)}, not an object: {_READ_AS_EMPTY}")
    try:
        signature = Signature(name, _properties_of(schema, faults), _required_of(schema, faults))
    except Exception as error:  # noqa: BLE001  a stranger's mapping may raise anything at all
        faults.append(f"its inputSchema cannot be read ({type(error).__name__}): {_READ_AS_EMPTY}")
        signature = Signature(name, frozenset(), ())
    problems.extend(f"{owner} tool {quoted(name)}: {fault}" for fault in faults)
    return signature


def check_schema_compat(local: Signature, upstream: Signature) -> SchemaCheck:
    """
    Return whether *local* can take every call made for *upstream*.

    What the upstream requires must be a local property, or an argument would be lost. What
    only the local side requires is worth a remark, no more: the local tool refuses such a call
    itself. Further fields on either side are fine.
    """
    lost = [field for field in upstream.required if field not in local.properties]
    if lost:
        reason = f"upstream requires {_listed(lost)}, which the local schema does not declare"
        return SchemaCheck(is_compatible=False, mismatch=reason)
    required_there = frozenset(upstream.required)
    unmet = [
        field
        for field in local.required
        if field not in upstream.properties and field not in required_there
    ]
    if unmet:
        remark = f"local requires {_listed(unmet)}, which the upstream schema does not describe"
        return SchemaCheck(is_compatible=True, mismatch=remark)
    return SchemaCheck(is_compatible=True, mismatch=None)


def quoted(value: object) -> str:
    """Return *value* in quotes, escaped and of bounded length, for a line a person reads."""
    if not isinstance(value, str):
        return _kind_of(value)
    if len(value) > _LONGEST_SHOWN:
        value = value[:_LONGEST_SHOWN] + "…"
    return repr(value)


def _member(tool: object, name: str) -> object:
    """Return the member *name* of a mapping or an object, None when there is none to be had."""
    try:
        return tool.get(name) if isinstance(tool, Mapping) else getattr(tool, name, None)
    except Exception:  # noqa: BLE001  a stranger's property may raise anything at all
        return None


def _properties_of(schema: object, faults: list[str]) -> Collection[object]:
    if not isinstance(schema, Mapping) or "properties" not in schema:
        return frozenset()
    properties = schema["properties"]
    if type(properties) is dict:
        return properties
    if isinstance(properties, Mapping):
        # Copied here, where a stranger's mapping that fails is caught, not in the comparison.
        return frozenset(properties)
    faults.append(f"its properties are {_kind_of(properties)}, not an object: {_READ_AS_EMPTY}")
    return frozenset()


def _required_of(schema: object, faults: list[str]) -> tuple[str, ...]:
    if not isinstance(schema, Mapping) or "required" not in schema:
        return ()
    required = schema["required"]
    if not isinstance(required, (list, tuple)):
        faults.append(f"its required is {_kind_of(required)}, not a list: {_READ_AS_EMPTY}")
        return ()
    fields = tuple([field for field in required if isinstance(field, str)])
    if len(fields) < len(required):
        faults.append(f"its required holds what is no field name: {_LEFT_OUT}")
    return fields


_KINDS: Mapping[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "a list",
    tuple: "a list",
    dict: "an object",
}


def _kind_of(value: object) -> str:
    return _KINDS.get(type(value), f"of type {type(value).__name__}")


def _listed(fields: Iterable[str]) -> str:
    # A schema may require one field twice; a person needs to read it once.
    distinct = list(dict.fromkeys(fields))
    listed = ", ".join(quoted(field) for field in distinct[:_MOST_LISTED])
    left = len(distinct) - _MOST_LISTED
    return f"{listed} and {left} more" if left > 0 else listed
