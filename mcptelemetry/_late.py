"""
Names at a door whose module is loaded when one of them is first asked for (PEP 562).

For what only a worker, a command or a person's look needs: whoever only constructs and
records does not pay for it. A door that has such names imports them under `TYPE_CHECKING`
too, which is what type checkers go by, and packagers, who read no table; a test holds the
two against each other. Whoever needs such a name in a thread of its own imports it in the
host's before: a fork in the middle of an import leaves the child a lock that nobody lets go of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

__all__ = ["late_names"]


def late_names(door: dict[str, object], names_of_module: Mapping[str, tuple[str, ...]]) -> Callable[[str], object]:
    """Return the `__getattr__` of *door*, the globals of a package, for the names that its modules hold."""
    module_of_name = {name: module for module, names in names_of_module.items() for name in names}

    def look_up(name: str) -> object:
        package = str(door["__name__"])
        module = module_of_name.get(name)
        if module is None:
            msg = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(msg)
        from importlib import import_module  # nothing is loaded before it is asked for

        value: object = getattr(import_module(f".{module}", package), name)
        door[name] = value  # the next look finds it without coming here
        return value

    return look_up
