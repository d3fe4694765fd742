"""
The public API, read from the source: no module of it is run for this but the front door.

From the one table of the front door, and the doors of the collector and of the doubles, come
the typed half of the front door, `contracts/api.txt` (one line a name, with its signature), and
the answer to: which types stand in a public signature and cannot be imported?
"""

from __future__ import annotations

import ast
import pathlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Union

PACKAGE = "mcptelemetry"
WINGS = ("collector", "testing")  # doors of their own: their names are not at the front door
_TYPED = "if TYPE_CHECKING:  # made by tools/generate from the table in _names"
_HEAD = "# The public API, one line a name. Made by tools/generate from the source; not to be edited.\n"
_Function = (ast.FunctionDef, ast.AsyncFunctionDef)


class Definition(NamedTuple):
    """Where a name is defined: the module (its parts below the package), and the statements there."""

    module: tuple[str, ...]
    name: str
    nodes: tuple[ast.stmt, ...]


class Member(NamedTuple):
    """One public member of a class: a line of the API, and the annotations in it."""

    name: str
    line: str
    annotations: tuple[ast.expr, ...]


class Source:
    """The package's modules, parsed when they are first looked at."""

    def __init__(self, root: pathlib.Path) -> None:
        self._root = root
        self._parsed: dict[tuple[str, ...], tuple[dict[str, list[ast.stmt]], dict[str, tuple[tuple[str, ...], str]]]] = {}

    def find(self, module: tuple[str, ...], name: str) -> Union[Definition, None]:
        """Return where *name* of *module* is defined, None when that is not in the package."""
        defined, imported = self._parse(module)
        if name in defined:
            return Definition(module, name, tuple(defined[name]))
        if name in imported:
            return self.find(*imported[name])
        return None

    def names_of_door(self, room: str) -> list[str]:
        """Return the `__all__` of *room*."""
        (statement,) = self._parse((room,))[0]["__all__"]
        assert isinstance(statement, ast.Assign)
        return list(ast.literal_eval(statement.value))

    def _parse(self, module: tuple[str, ...]) -> tuple[dict[str, list[ast.stmt]], dict[str, tuple[tuple[str, ...], str]]]:
        if module not in self._parsed:
            path = self._root.joinpath(PACKAGE, *module)
            is_room = path.is_dir()
            file = path / "__init__.py" if is_room else path.with_suffix(".py")
            defined: dict[str, list[ast.stmt]] = {}
            imported: dict[str, tuple[tuple[str, ...], str]] = {}
            package = module if is_room else module[:-1]
            for node in _statements(ast.parse(file.read_text(encoding="utf-8")).body):
                if isinstance(node, ast.ImportFrom) and node.level:
                    base = package[: len(package) - (node.level - 1)]
                    target = (*base, *(node.module.split(".") if node.module else ()))
                    imported.update({alias.asname or alias.name: (target, alias.name) for alias in node.names})
                for name in _names_defined(node):
                    defined.setdefault(name, []).append(node)
            self._parsed[module] = (defined, imported)
        return self._parsed[module]


def public_names(source: Source, front_door: Mapping[str, str]) -> Iterator[tuple[str, Definition]]:
    """Yield each public name as it is imported, with its definition."""
    for name, room in front_door.items():
        yield f"{PACKAGE}.{name}", _found(source, room, name)
    for wing in WINGS:
        for name in source.names_of_door(wing):
            yield f"{PACKAGE}.{wing}.{name}", _found(source, wing, name)


def render_api(source: Source, front_door: Mapping[str, str]) -> str:
    """Return the text of `contracts/api.txt`."""
    lines: list[str] = []
    for path, definition in sorted(public_names(source, front_door), key=lambda pair: pair[0]):
        lines += [f"{path}{member.line}" for member in _members(source, definition)]
    return _HEAD + "\n".join(lines) + "\n"


def render_front_door(text: str, front_door: Mapping[str, str]) -> str:
    """Return *text*, the source of the front door, with its typed half made from the table."""
    before, _, rest = text.partition(_TYPED)
    after = rest[rest.index("\n\n") :]
    imports = sorted((room, *_rank(name)) for name, room in front_door.items())
    return before + _TYPED + "".join(f"\n    from .{room} import {name} as {name}" for room, *_, name in imports) + after


def unreachable_types(source: Source, front_door: Mapping[str, str]) -> list[str]:
    """Return a line for each type of ours in a public signature that cannot be imported by its name."""
    known = {(definition.module, definition.name) for _, definition in public_names(source, front_door)}
    missing: dict[str, str] = {}
    for path, definition in public_names(source, front_door):
        for member in _members(source, definition):
            for annotation in member.annotations:
                for used in _types_in(source, definition.module, annotation):
                    if (used.module, used.name) not in known:
                        missing.setdefault(f"{'.'.join(used.module)}.{used.name}", f"{path}{member.line}")
    return [f"{name} in {line}" for name, line in sorted(missing.items())]


def _rank(name: str) -> tuple[int, str, str]:
    """Return where *name* stands among others by the linter's order: constants, classes, the rest."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name.lower(), name)


def _found(source: Source, room: str, name: str) -> Definition:
    definition = source.find((room,), name)
    if definition is None:
        msg = f"{name} is at the door of {room}, but is not defined in the package"
        raise LookupError(msg)
    return definition


def _types_in(source: Source, module: tuple[str, ...], annotation: ast.expr) -> Iterator[Definition]:
    for node in ast.walk(annotation):
        name = node.id if isinstance(node, ast.Name) else None
        found = None if name is None else source.find(module, name)
        if found is None:
            continue
        (node_there, *_) = found.nodes
        if isinstance(node_there, ast.ClassDef) or not found.name.startswith("_"):
            yield found
        elif isinstance(node_there, ast.Assign):  # a private name for a longer type: what it stands for
            yield from _types_in(source, found.module, node_there.value)


# -- what a name offers ----------------------------------------------------------------


def _members(source: Source, definition: Definition) -> Iterator[Member]:
    (node, *_) = definition.nodes
    if isinstance(node, ast.ClassDef):
        yield Member("", *_construction(source, definition))
        yield from sorted(_members_of_class(source, definition).values())
    elif isinstance(node, _Function):
        yield from (Member("", *_signature(one)) for one in _overloads(definition.nodes))
    elif isinstance(node, ast.AnnAssign):
        yield Member("", f": {ast.unparse(node.annotation)}", (node.annotation,))
    elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript):  # a type by another name
        yield Member("", f" = {ast.unparse(node.value)}", (node.value,))
    else:
        yield Member("", "", ())


def _construction(source: Source, definition: Definition) -> tuple[str, tuple[ast.expr, ...]]:
    bases = {ast.unparse(base) for there in _with_bases(source, definition) for base in _class_of(there).bases}
    for kind in ("Enum", "Protocol", "TypedDict"):  # nobody calls these as they stand
        if kind in bases:
            return f": {kind}", ()
    for there in _with_bases(source, definition):
        written = [one for one in _functions(there) if one.name == "__init__"]
        if written:
            line, annotations = _signature(written[0], is_method=True)
            return line.removesuffix(" -> None"), annotations
        if _makes_init(there):
            break
    fields = {name: one for there in reversed(list(_with_bases(source, definition))) for name, one in _fields(there).items()}
    shown = [_parameter(ast.arg(name, one.annotation), one.value) for name, one in fields.items()]
    return f"({', '.join(shown)})", tuple(one.annotation for one in fields.values())


def _members_of_class(source: Source, definition: Definition) -> dict[str, Member]:
    members: dict[str, Member] = {}
    for there in reversed(list(_with_bases(source, definition))):
        for name, one in {**_attributes(there), **_fields(there)}.items():
            members[name] = Member(name, f".{name}: {ast.unparse(one.annotation)}", (one.annotation,))
        for node in _class_of(there).body:  # the words of an enumeration, and other constants
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                name = ast.unparse(node.targets[0])
                members[name] = Member(name, f".{name} = {node.value.value!r}", ())
        for one in _functions(there):
            decorators = {ast.unparse(decorator) for decorator in one.decorator_list}
            if one.name.startswith("_") or any(decorator.endswith(".setter") for decorator in decorators):
                continue
            if "property" in decorators:
                assert one.returns is not None, f"{definition.name}.{one.name} has no type"
                members[one.name] = Member(one.name, f".{one.name}: {ast.unparse(one.returns)}", (one.returns,))
            else:
                same = tuple(other for other in _functions(there) if other.name == one.name)
                parts = [_signature(other, is_method="staticmethod" not in decorators) for other in _overloads(same)]
                lines = f"\n{PACKAGE}.{definition.name}.{one.name}".join(line for line, _ in parts)
                members[one.name] = Member(one.name, f".{one.name}{lines}", tuple(a for _, found in parts for a in found))
    return {name: member for name, member in members.items() if not name.startswith("_")}


def _signature(node: ast.stmt, *, is_method: bool = False) -> tuple[str, tuple[ast.expr, ...]]:
    assert isinstance(node, _Function)
    given = node.args
    positional = [*given.posonlyargs, *given.args]
    defaults: list[Union[ast.expr, None]] = [None] * (len(positional) - len(given.defaults))
    shown = [_parameter(one, default) for one, default in zip(positional, [*defaults, *given.defaults])]
    if given.posonlyargs:
        shown.insert(len(given.posonlyargs), "/")
    if given.vararg or given.kwonlyargs:
        shown.append("*" if given.vararg is None else f"*{_parameter(given.vararg, None)}")
    shown += [_parameter(one, default) for one, default in zip(given.kwonlyargs, given.kw_defaults)]
    shown += [] if given.kwarg is None else [f"**{_parameter(given.kwarg, None)}"]
    every = [*positional, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    annotations = [one.annotation for one in every if one.annotation is not None]
    returns = "" if node.returns is None else f" -> {ast.unparse(node.returns)}"
    awaited = "  # async" if isinstance(node, ast.AsyncFunctionDef) else ""
    return (
        f"({', '.join(shown[1:] if is_method else shown)}){returns}{awaited}",
        (*annotations, *filter(None, (node.returns,))),
    )


def _parameter(one: ast.arg, default: Union[ast.expr, None]) -> str:
    text = one.arg if one.annotation is None else f"{one.arg}: {ast.unparse(one.annotation)}"
    if default is None:
        return text
    return f"{text} = {'...' if isinstance(default, (ast.Call, ast.Lambda)) else ast.unparse(default)}"


def _overloads(nodes: tuple[ast.stmt, ...]) -> list[ast.stmt]:
    overloads = [one for one in nodes if isinstance(one, _Function) and any(ast.unparse(d) == "overload" for d in one.decorator_list)]
    return overloads or [nodes[0]]


def _functions(there: Definition) -> list[Union[ast.FunctionDef, ast.AsyncFunctionDef]]:
    return [node for node in _statements(_class_of(there).body) if isinstance(node, _Function)]


def _fields(there: Definition) -> dict[str, ast.AnnAssign]:
    """Return the annotated names in the body of a class."""
    body = (node for node in _class_of(there).body if isinstance(node, ast.AnnAssign))
    return {node.target.id: node for node in body if isinstance(node.target, ast.Name)}


def _attributes(there: Definition) -> dict[str, ast.AnnAssign]:
    """Return the annotated attributes that the methods of a class set on `self`."""
    walked = (node for one in _functions(there) for node in ast.walk(one) if isinstance(node, ast.AnnAssign))
    targets = ((node.target, node) for node in walked if isinstance(node.target, ast.Attribute))
    return {target.attr: node for target, node in targets if ast.unparse(target.value) == "self"}


def _class_of(there: Definition) -> ast.ClassDef:
    (node, *_) = there.nodes
    assert isinstance(node, ast.ClassDef)
    return node


def _with_bases(source: Source, definition: Definition) -> Iterator[Definition]:
    """Yield the class and those above it that are ours, nearest first."""
    yield definition
    for base in _class_of(definition).bases:
        found = source.find(definition.module, base.id) if isinstance(base, ast.Name) else None
        if found is not None:
            yield from _with_bases(source, found)


def _makes_init(there: Definition) -> bool:
    node = _class_of(there)
    made_by = [*node.decorator_list, *node.bases]
    return any(ast.unparse(one).startswith(("dataclass", "NamedTuple")) for one in made_by)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of *body*, those inside an `if` or `try` too."""
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try)):
            yield from _statements([*node.body, *node.orelse])


def _names_defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, (ast.ClassDef, *_Function)):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id
