"""
The one walk over a document and its table: what stands where, and what does not belong there.

The check before sending and the collector's check ask for the first wrong place, the
scanner for every place; since all of them walk here, none can know a rule that another does
not. The walk keeps its own list of what is still to be seen: no document is too deep for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple, Union

from ._shapes import CLOSED, OPEN, Shape

__all__ = ["Place", "Problem", "find_problem", "walk", "without_unknown"]

_SHOWN_MAX_CHARACTERS = 64


class Problem(Enum):
    """What is wrong with a place."""

    UNKNOWN_KEY = "a key that no table has"
    UNFIT_KEY = "a key that does not look like those of its map"
    UNFIT_VALUE = "a value of another type or form"
    MISSING = "a field that is always there is not"


class Place(NamedTuple):
    """
    One place of a document where somebody's text stands, or where something is wrong.

    *path* is made of names in the table only (an unknown name may be a secret itself), a key
    of a map is `*`; *shown* names the place as the document does, cut. *kind* says how freely
    *text* stands there: as a shape does, and ``open`` for all that is not in the table.
    *text* is None where nothing is to be searched.
    """

    path: str
    shown: str
    kind: str
    text: Union[str, None] = None
    problem: Union[Problem, None] = None
    expects: str = ""


class _Step(NamedTuple):
    value: Any
    shape: Union[Shape, None]
    path: str
    shown: str


def walk(shape: Shape, document: object) -> Iterator[Place]:
    """Yield the places of *document*, depth first; a valid closed word or number is not yielded."""
    begun: list[Iterator[Union[Place, _Step]]] = [iter((_Step(document, shape, "", ""),))]
    while begun:
        found = next(begun[-1], None)
        if found is None:
            begun.pop()
        elif isinstance(found, Place):
            yield found
        else:
            begun.append(_look(*found))


def _look(value: Any, shape: Shape | None, path: str, shown: str) -> Iterator[Union[Place, _Step]]:  # any JSON value
    if shape is not None and not shape.accepts(value):
        yield Place(path, shown, OPEN, problem=Problem.UNFIT_VALUE, expects=shape.expects)
        shape = None
    if isinstance(value, dict):
        if shape is None:
            yield from _look_into_unknown(value, path, shown)
        elif shape.members is not None:
            yield from _look_into_object(value, shape, shape.members, path, shown)
        else:
            yield from _look_into_map(value, shape, path, shown)
    elif isinstance(value, list):
        items = None if shape is None else shape.values
        for number, item in enumerate(value):
            yield _Step(item, items, path, shown if items is None else f"{shown}[{number}]")
    elif isinstance(value, str):
        kind = OPEN if shape is None else shape.kind_of(value)
        if kind != CLOSED:
            yield Place(path, shown, kind, value)
    elif shape is None and value is not None and not isinstance(value, bool):
        yield Place(path, shown, OPEN, repr(value))  # a number where none belongs may be anybody's


def _look_into_object(
    value: dict[str, Any], shape: Shape, members: Mapping[str, Shape], path: str, shown: str
) -> Iterator[Union[Place, _Step]]:
    for key, item in value.items():
        member = members.get(key)
        if member is None:
            yield Place(path, _joined(shown, key), OPEN, key, Problem.UNKNOWN_KEY)
            yield _Step(item, None, path, _joined(shown, key))
        else:
            yield _Step(item, member, _joined(path, key), _joined(shown, key))
    for name in shape.required:
        if name not in value:
            yield Place(_joined(path, name), _joined(shown, name), OPEN, problem=Problem.MISSING)


def _look_into_unknown(value: dict[str, Any], path: str, shown: str) -> Iterator[Union[Place, _Step]]:
    for key, item in value.items():
        yield Place(path, shown, OPEN, key)
        yield _Step(item, None, path, shown)


def _look_into_map(value: dict[str, Any], shape: Shape, path: str, shown: str) -> Iterator[Union[Place, _Step]]:
    for key, item in value.items():
        inside = _joined(shown, key)
        if not shape.accepts_key(key):
            problem = Problem.UNKNOWN_KEY if shape.kind == CLOSED else Problem.UNFIT_KEY
            yield Place(path, inside, OPEN, key, problem)
        elif shape.kind_of(key) != CLOSED:
            yield Place(path, inside, shape.kind_of(key), key)
        yield _Step(item, shape.values, f"{path}.*", inside)


def find_problem(shape: Shape, document: object) -> str | None:
    """
    Return one sentence about the first place in *document* that does not fit, None when all fits.

    The sentence names the place, and an unknown key (cut), but no value.
    """
    return next((_sentence(place) for place in walk(shape, document) if place.problem is not None), None)


def _sentence(place: Place) -> str:
    if place.problem is Problem.UNFIT_VALUE:
        return f"{place.shown or 'the document'} must be {place.expects if place.shown else 'an object'}"
    if place.problem is Problem.MISSING:
        return f"{place.shown} is missing"
    return f"unknown field {place.shown}"


def without_unknown(shape: Shape, value: Any, path: str = "") -> tuple[Any, list[str]]:  # any JSON value
    """Return *value* without the keys that *shape* does not know, and the names of those (cut)."""
    if not isinstance(value, dict) or not (shape.members is not None or shape.kind == CLOSED):
        return value, []
    kept: dict[str, Any] = {}
    unknown: list[str] = []
    inside: Callable[[str], Union[Shape, None]] = (
        shape.members.get if shape.members is not None else lambda key: shape.values if key in shape.words else None
    )
    for key, item in value.items():
        of_key = inside(key)
        if of_key is None:
            unknown.append(_joined(path, key))
            continue
        kept[key], deeper = without_unknown(of_key, item, _joined(path, key))
        unknown += deeper
    return kept, unknown


def _joined(path: str, key: str) -> str:
    shown = "".join(c if c.isprintable() else "\ufffd" for c in key[:_SHOWN_MAX_CHARACTERS])
    return f"{path}.{shown}" if path else shown
