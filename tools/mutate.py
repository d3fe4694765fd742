#!/usr/bin/env python3
"""
Change the product one small thing at a time, and see whether a test notices.

Every change is made in a copy of the tree. A change that no test notices (a survivor) is
printed with its place and its difference: it is an untested promise, or no change at all.
Each module is tried against the fast unit tests that are about it. Run by hand: it takes
half a second a change, and what survives wants reading.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from typing import NamedTuple, Optional

ROOT = pathlib.Path(__file__).resolve().parent.parent
COPIED = ("mcptelemetry", "tests", "contracts", "docs", "README.md", "pyproject.toml", "setup.cfg")

# Tried when no module is named: what stands between a person's no and the network, and the account.
IN_FULL = (
    "mcptelemetry/privacy/_gate.py",
    "mcptelemetry/events/_delivery.py",
    "mcptelemetry/events/_account.py",
)

# Of the tests of the switches, those that take seconds are left to the suite.
_SWITCHES = ("unit/privacy/test_switches.py", "-k", "not (again_each_time or in_place or a_real_one or plain_script or heavy)")

# The tests of a module (and which of them), where they are not all of the file that is called like it.
TESTS_OF: dict[str, tuple[str, ...]] = {
    "privacy/_addresses.py": ("unit/privacy/test_scanner.py",),
    "privacy/_credentials.py": ("unit/privacy/test_scanner.py", "unit/privacy/test_blocked_values.py"),
    "privacy/_field_rules.py": ("unit/privacy/test_scanner.py",),
    "privacy/_rows.py": _SWITCHES,
    "privacy/_spellings.py": ("unit/privacy/test_scanner.py",),
    "privacy/_switches.py": _SWITCHES,
    "events/_backoff.py": ("unit/events/test_schedule.py",),
    "events/_outage.py": ("unit/events/test_delivery.py",),
}

# Operators whose changes are no changes: None, members of an enum and sentinels, which are all
# that is compared by identity here, are equal to nothing but themselves.
WITHOUT_EFFECT = ("ReplaceComparisonOperator_Is_Eq", "ReplaceComparisonOperator_IsNot_NotEq")

_SLOWER_THAN_UNCHANGED = 5  # so many times as long as the unchanged tests take, and then some
_GRACE_SECS = 10.0
_MEMORY_MAX_BYTES = 4 << 30


class Mutant(NamedTuple):
    """One change: the *operator* that made it, the *line*, and the whole module's *source* with it."""

    operator: str
    line: int
    source: str


# -- what is changed --------------------------------------------------------------------


def mutants_by_operators(source: str) -> Iterator[Mutant]:
    """Yield what the operators of cosmic-ray make of *source*, annotations left alone."""
    # Here: turning handlers around needs nothing that is not installed anyway.
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    annotations = list(_annotations(source))
    lines = source.splitlines()
    for name in operator_names():
        operator = get_operator(name)
        if operator.arguments() or name.rpartition("/")[2] in WITHOUT_EFFECT:
            continue
        places = [
            place for node in ast_nodes(get_ast(source)) for place in operator().mutation_positions(node)
        ]
        for occurrence, (start, end) in enumerate(places):
            if any(first <= start and end <= last for first, last in annotations):
                continue  # never evaluated, so never noticed
            if lines[start[0] - 1][start[1] :].startswith("*,"):
                continue  # the mark between parameters, which is no product
            changed = mutate_code(source, operator(), occurrence)
            if changed is not None and changed != source:
                yield Mutant(name.rpartition("/")[2], start[0], changed)


def _annotations(source: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    for node in ast.walk(ast.parse(source)):
        for name in ("annotation", "returns"):
            found = getattr(node, name, None)
            if found is not None:
                yield (found.lineno, found.col_offset), (found.end_lineno, found.end_col_offset)


def mutants_that_fail_open(source: str) -> Iterator[Mutant]:
    """
    Yield *source* with each `except` turned around, one at a time.

    Its body is left out; a text that it returns or keeps is None, a yes a no; what it says
    about the attempt is that it was delivered; what it raises is swallowed.
    """
    for handler in ast.walk(ast.parse(source)):
        if not isinstance(handler, ast.ExceptHandler):
            continue
        first, last = handler.body[0], handler.body[-1]
        yield Mutant("FailOpen_Pass", handler.lineno, _replace(source, first, last, "pass"))
        for node in ast.walk(handler):
            words = _turned_around(node)
            if words is not None:
                old, new = words
                yield Mutant(f"FailOpen_{new}", handler.lineno, _replace(source, old, old, new))


def _turned_around(node: ast.AST) -> Optional[tuple[ast.AST, str]]:
    """Return the part of *node* to be replaced, and by what, or None."""
    if isinstance(node, (ast.Return, ast.Assign)):
        value = node.value
        if isinstance(value, ast.JoinedStr) or (isinstance(value, ast.Constant) and isinstance(value.value, str)):
            return value, "None"
        if isinstance(value, ast.Constant) and isinstance(value.value, bool):
            return value, repr(not value.value)
    if isinstance(node, ast.Raise):
        return node, "pass"
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Verdict":
        return node, "Verdict.DELIVERED"
    return None


def _replace(source: str, first: ast.AST, last: ast.AST, text: str) -> str:
    # Columns are counted in bytes.
    lines = source.encode().splitlines(keepends=True)
    before = b"".join([*lines[: first.lineno - 1], lines[first.lineno - 1][: first.col_offset]])
    after = b"".join([lines[last.end_lineno - 1][last.end_col_offset :], *lines[last.end_lineno :]])
    return (before + text.encode() + after).decode()


# -- whether it is noticed --------------------------------------------------------------


def run_tests(tree: pathlib.Path, tests: list[str], limit_secs: float, *, is_changed: bool) -> tuple[int, str]:
    """Run *tests* in *tree*; return pytest's exit code (-1: they did not end) and what it printed."""
    with tempfile.TemporaryFile() as output:
        sys.stdout.flush()
        child = os.fork()  # pytest is loaded in here already, which saves most of the time
        if child == 0:
            code = 70
            try:
                code = _run_in_child(tree, tests, output.fileno(), is_changed=is_changed)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        code = _await(child, limit_secs)
        output.seek(0)
        return code, output.read().decode("utf-8", "replace")


def _run_in_child(tree: pathlib.Path, tests: list[str], output: int, *, is_changed: bool) -> int:
    os.setsid()  # so that what the tests start can be ended with them
    os.dup2(output, 1)
    os.dup2(output, 2)
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_MAX_BYTES, _MEMORY_MAX_BYTES))
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    os.environ["PYTHONPATH"] = str(tree)
    if is_changed:
        # Two changes in one second may be of the same size: byte code could not tell them apart.
        sys.dont_write_bytecode = True
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    import pytest

    import mcptelemetry

    if pathlib.Path(mcptelemetry.__file__).parent.parent != tree:
        print(f"the tests would run with {mcptelemetry.__file__}")
        return 70
    options = ["-x", "-q", "-p", "no:cacheprovider", f"--basetemp={tree / 'temporary'}", "--hypothesis-seed=0"]
    loaded_already = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # plugins, which assert nothing for us
    return int(pytest.main([*options, *loaded_already, *tests]))


def _await(child: int, limit_secs: float) -> int:
    ends_at = time.monotonic() + limit_secs
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > ends_at:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return -1
        time.sleep(0.005)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)  # what a changed product left behind
    return os.waitstatus_to_exitcode(status)


# -- one module -------------------------------------------------------------------------


def tests_of(module: str) -> list[str]:
    """Return what pytest is told to try *module* against."""
    room, _, name = module.removeprefix("mcptelemetry/").rpartition("/")
    files = TESTS_OF.get(f"{room}/{name}", (f"unit/{room}/test_{name.removeprefix('_')}",))
    return [f"tests/{word}" if word.startswith("unit/") else word for word in files]


def try_module(tree: pathlib.Path, module: str, mutants: list[Mutant]) -> list[Mutant]:
    """Try every one of *mutants*; print and return the survivors."""
    path = tree / module
    source = path.read_text(encoding="utf-8")
    tests = tests_of(module)
    began_at = time.monotonic()
    code, output = run_tests(tree, tests, 300.0, is_changed=False)
    took_secs = time.monotonic() - began_at
    if code != 0:
        print(output)
        sys.exit(f"{module}: {' '.join(tests)} fail without any change (exit code {code})")
    shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)
    print(f"{module}: {len(mutants)} changes against {' '.join(tests)} ({took_secs:.1f} s)", flush=True)
    survivors, endless = [], 0
    try:
        for mutant in mutants:
            path.write_text(mutant.source, encoding="utf-8")
            limit_secs = _SLOWER_THAN_UNCHANGED * took_secs + _GRACE_SECS
            code, _ = run_tests(tree, tests, limit_secs, is_changed=True)
            endless += code == -1
            if code == 0:
                survivors.append(mutant)
                _show(module, source, mutant)
    finally:
        path.write_text(source, encoding="utf-8")
    killed = len(mutants) - len(survivors)
    print(f"{module}: {killed} of {len(mutants)} noticed ({endless} by time), {len(survivors)} survived", flush=True)
    return survivors


def _show(module: str, source: str, mutant: Mutant) -> None:
    print(f"  {module}:{mutant.line} {mutant.operator}")
    for line in difflib.unified_diff(source.splitlines(), mutant.source.splitlines(), n=0, lineterm=""):
        if line[:1] in "+-" and line[:3] not in ("+++", "---"):
            print(f"    {line}")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Try the modules named; return 1 when something survived."""
    parser = argparse.ArgumentParser(prog="tools/mutate", description=__doc__.strip().splitlines()[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", default=None, help="such as mcptelemetry/privacy/_gate.py")
    parser.add_argument("--fail-open", action="store_true", help="only turn each `except` around")
    parser.add_argument("--line", type=int, metavar="N", help="only what is changed in this line")
    given = parser.parse_args(arguments)
    import hypothesis  # noqa: F401  loaded once, for all that are forked from here
    import pytest  # noqa: F401  likewise

    survivors = []
    with tempfile.TemporaryDirectory(prefix="mutate-") as directory:
        tree = pathlib.Path(directory).resolve()
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(ROOT / name, tree / name)
        for module in given.modules or IN_FULL:
            source = (tree / module).read_text(encoding="utf-8")
            mutants = list(mutants_that_fail_open(source))
            if not given.fail_open:
                mutants += mutants_by_operators(source)
            if given.line:
                mutants = [mutant for mutant in mutants if mutant.line == given.line]
            survivors += try_module(tree, module, mutants)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
