#!/usr/bin/env python3
"""
Hold the import law: imports go down, a room is entered by its door, and there is no circle.

    tools/floors.py [DIRECTORY]

Reads the source only. Imports inside functions and under ``TYPE_CHECKING`` count too.
Prints one line a breach and exits 1 when there is one.
"""

from __future__ import annotations

import ast
import pathlib
import sys
from collections.abc import Iterator

# Which floor each room of the package stands on; a room may import the floors below it.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("_late", "_names", "_version", "vocabulary", "errors", "application", "wire", "system"),
    ("config", "state", "environment", "matching", "clientfile"),
    ("privacy",),
    ("installation",),  # it answers for the switches, and so stands above them
    ("counters",),
    ("events", "heartbeat", "feedback", "instrument", "wrap", "collector", "status"),
    ("client",),
    ("cli",),
    ("__init__", "testing"),
    ("__main__",),
)
# Rooms of one floor are peers and must not know each other, but for the ground floor's own order.
GROUND_ORDER = ("_late", "_names", "_version", "vocabulary", "errors", "application", "system", "wire")
# The receiving side is another wing: it can be used on another machine.
COLLECTOR_MAY_IMPORT = {"_version", "vocabulary", "errors", "application", "wire", "system", "collector"}


def main(arguments: list[str]) -> int:
    """Check the package in the directory named, by default this repository's."""
    root = pathlib.Path(arguments[0]) if arguments else pathlib.Path(__file__).parent.parent / "mcptelemetry"
    breaches = list(find_breaches(root))
    for breach in breaches:
        print(breach)
    print(f"{len(breaches)} breaches of the import law in {sum(1 for _ in root.rglob('*.py'))} modules")
    return 1 if breaches else 0


def find_breaches(root: pathlib.Path) -> Iterator[str]:
    """Yield a line for every import that the law forbids."""
    floor_of = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    graph: dict[str, set[str]] = {}
    for path in sorted(root.rglob("*.py")):
        module = path.relative_to(root).with_suffix("").parts
        room = module[0]
        if room not in floor_of:
            yield f"{path.relative_to(root)}: the room {room!r} is on no floor; add it to FLOORS"
            continue
        for line, target in _imports(path, module):
            where = f"{path.relative_to(root)}:{line}"
            if target is None:
                yield f"{where}: imports the package by its name; use a relative import"
                continue
            other = target[0] if target else "__init__"
            graph.setdefault(".".join(module), set()).add(".".join(target))
            if other == room:
                continue
            if other not in floor_of:
                yield f"{where}: imports {'.'.join(target)}, which is on no floor"
            elif not _is_below(room, other, floor_of):
                yield f"{where}: {room} must not import {other} (imports go down)"
            elif len(target) > 1 and target[1].startswith("_"):
                yield f"{where}: enter {other} by its door, not by {'.'.join(target)}"
    yield from _circles(root, graph)


def _is_below(room: str, other: str, floor_of: dict[str, int]) -> bool:
    if room == "collector":
        return other in COLLECTOR_MAY_IMPORT
    if other == "collector":
        return floor_of[room] > floor_of["client"]
    if floor_of[room] == floor_of[other] == 0:
        return GROUND_ORDER.index(other) < GROUND_ORDER.index(room)
    return floor_of[other] < floor_of[room]


def _imports(path: pathlib.Path, module: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...] | None]]:
    """Yield the line and the target, from the package's root, of each import of our own."""
    package = module[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            if any(alias.name.split(".")[0] == "mcptelemetry" for alias in node.names):
                yield node.lineno, None
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:
                if (node.module or "").split(".")[0] == "mcptelemetry":
                    yield node.lineno, None
                continue
            base = package[: len(package) - (node.level - 1)]
            if node.module:
                yield node.lineno, (*base, *node.module.split("."))
            else:
                for alias in node.names:
                    yield node.lineno, (*base, alias.name)


def _circles(root: pathlib.Path, graph: dict[str, set[str]]) -> Iterator[str]:
    """Yield a line for each circle of modules."""

    def file_of(target: str) -> str:
        path = root.joinpath(*target.split("."))
        return f"{target}.__init__" if path.is_dir() else target

    edges = {module: {file_of(target) for target in targets} for module, targets in graph.items()}
    done: set[str] = set()

    def walk(module: str, trail: tuple[str, ...]) -> Iterator[str]:
        if module in trail:
            yield f"a circle: {' -> '.join((*trail[trail.index(module):], module))}"
            return
        if module in done:
            return
        for target in sorted(edges.get(module, ())):
            yield from walk(target, (*trail, module))
        done.add(module)

    for module in sorted(edges):
        yield from walk(module, ())


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
