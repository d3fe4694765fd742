"""
The counters of one process, exact whoever interrupts whom.

A count is one step of the interpreter: the next number of an `itertools.count`. Numbers only
rise; what has been acknowledged is kept beside them and subtracted, so that nothing is ever
set back and a count made meanwhile cannot be lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..privacy import find_token
from ..system import AtomicCounter, Turns, around_fork
from ..vocabulary import OTHER, STATUS_CLASSES, UNMATCHED, ErrorCategory, Surface
from ._attended import Attended
from ._first_names import FirstNames
from ._keys import FAILED, PASSED, UPSTREAM_KEY, CounterKey, Counts, Kind
from ._names import IDENTIFIER, TOOL_NAME, check_names
from ._own_calls import OwnCalls, one_for_all
from ._templates import KnownTemplates, check_routes, known_method

if TYPE_CHECKING:
    from ._snapshot import RegistrySnapshot

__all__ = ["CounterRegistry"]

_DOCTOR_CHECKS_MAX = 200
_SETTLE_SECS = 1.0

_Numbers = Iterator[int]


class CounterRegistry(Attended):
    """
    Counts what a process does, in closed words only.

    Every ``record_...`` method may be called from any thread, signal handler or destructor:
    it never raises, waits, logs or touches a file, and drops or generalises what is not one
    of the words. A forked child begins with nothing counted.

    Args:
        builtin_tools: the application's own tools by name: 1 to 64 letters, digits, ``_``,
            ``-`` and ``.`` each.
        error_categories: words added to `ErrorCategory`: lower-case identifiers of 1 to 64 characters.
        routes: the templates of the application's HTTP routes, such as ``/api/v1/servers/{id}``;
            None: whatever looks like a template, at most 200 of them.

    Raises:
        TypeError, ValueError: for a name that cannot be one.
    """

    def __init__(
        self,
        builtin_tools: Iterable[str] = (),
        error_categories: Iterable[str] = (),
        routes: Iterable[str] | None = None,
    ) -> None:
        self._tools: dict[str, None] = dict.fromkeys(check_names(builtin_tools, "builtin_tools", TOOL_NAME))
        self._upstream_tools: set[str] = set()  # bounded by whoever notes them
        self._categories = frozenset(check_names(error_categories, "error_categories", IDENTIFIER)) | {
            category.value for category in ErrorCategory
        }
        self._routes = None if routes is None else check_routes(routes)
        super().__init__()
        self._settling = Turns(fork_wait_secs=0)  # not for counting, nor for looking
        self._begin()
        around_fork(in_child=self.after_fork)

    def after_fork(self) -> None:
        """Begin anew with nothing counted: this is a forked child."""
        self._settling.after_fork()
        self._begin()

    def _begin(self) -> None:
        self._counters: dict[CounterKey, AtomicCounter] = {}
        self._settled: Counts = {}  # how much of each was acknowledged; never changed, but replaced
        self._violations = AtomicCounter()
        self._templates = KnownTemplates(self._routes)
        self._doctor_checks = FirstNames(_DOCTOR_CHECKS_MAX)
        self._own_calls = OwnCalls()
        # From what a caller passes to the numbers that it takes one of: the fast way.
        self._upstream = self._numbers(UPSTREAM_KEY)
        self._upstream_call = one_for_all(self._upstream)
        self._other_tool = self._numbers(CounterKey(Kind.BUILTIN, OTHER))
        self._of_tool = {name: self._numbers(CounterKey(Kind.BUILTIN, name)) for name in self._tools}
        self._of_error = {name: self._numbers(CounterKey(Kind.ERROR, name)) for name in self._categories}
        self._of_surface = {
            surface.value: self._numbers(CounterKey(Kind.SURFACE, surface.value)) for surface in Surface
        }
        self._of_request: dict[tuple[str, str, str], _Numbers] = {}
        self.epoch: object = object()
        """Another one whenever the numbers of some call are others: as long as it is the same, keep them."""
        # Last: until here a count summons nobody.
        self.leave()

    def declare_tool(self, name: str) -> bool:
        """Add a built-in tool; return whether *name* can be a tool's name."""
        if not isinstance(name, str) or not TOOL_NAME.holds(name) or find_token(name) is not None:
            return False
        name = str(name)
        self._tools[name] = None
        self._of_tool.setdefault(name, self._numbers(CounterKey(Kind.BUILTIN, name)))
        self.epoch = object()  # after it is there: whoever sees this one sees the tool
        return True

    def note_upstream_tool(self, name: str) -> None:
        """Count calls of *name* as an upstream's from now on, unless it is declared."""
        if name not in self._upstream_tools:
            self._upstream_tools.add(name)
            self.epoch = object()

    def is_builtin_tool(self, name: str) -> bool:
        """Return whether *name* is one of the application's own tools."""
        return isinstance(name, str) and name in self._tools

    # -- counting ---------------------------------------------------------------------

    def record_surface(self, surface: Surface) -> None:
        """Count one request from *surface*; one that is not known counts as `Surface.UNKNOWN`."""
        try:
            numbers = self._of_surface.get(surface)
        except Exception:  # recording never hurts the host
            numbers = None
        next(self._of_surface["unknown"] if numbers is None else numbers)
        if self.is_unattended:
            self.wake()

    def record_builtin_tool(self, name: str) -> None:
        """Count one call of the built-in tool *name*; a name that was not declared is dropped."""
        try:
            numbers = self._of_tool.get(name)
        except Exception:  # recording never hurts the host
            return
        if numbers is not None:
            next(numbers)
            if self.is_unattended:
                self.wake()

    def record_upstream_tool(self) -> None:
        """Count one call of some upstream's tool; which one is not accepted."""
        next(self._upstream)
        if self.is_unattended:
            self.wake()

    def record_call(self, tool: str, upstream: str | None = None) -> None:
        """Count one call: an *upstream*'s, else of a built-in *tool* by its name, else of another tool of our own."""
        try:
            numbers = self._of_tool.get(tool, self._other_tool)
        except Exception:  # recording never hurts the host
            numbers = self._other_tool
        next(numbers if upstream is None else self._upstream)
        if self.is_unattended:
            self.wake()

    def numbers_of_call(self, tool: str, upstream: str | None = None, *, is_failed: bool = False) -> Sequence[Iterator[int]]:
        """Return what such calls take one number of, by `DURATION_BUCKETS`: good until there is another `epoch`."""
        if upstream is not None or (tool in self._upstream_tools and tool not in self._tools):
            return self._upstream_call
        return self._own_calls.numbers(str(tool) if tool in self._tools else OTHER, is_failed=is_failed)

    def record_error(self, category: str) -> None:
        """Count one error of *category*; one that is not known is dropped."""
        try:
            numbers = self._of_error.get(category)
        except Exception:  # recording never hurts the host
            return
        if numbers is not None:
            next(numbers)
            if self.is_unattended:
                self.wake()

    def record_rest_request(self, method: str, template: str, status_class: str) -> None:
        """
        Count one request of an HTTP interface, such as ``("GET", "/api/v1/servers", "2xx")``.

        A template outside *routes* counts as ``UNMATCHED``; when no routes were given, so
        does one that does not look like a template, and every one beyond the 200th. An
        unknown method counts as ``OTHER``; an unknown status class is dropped.
        """
        try:
            numbers = self._of_request.get((method, template, status_class))
            if numbers is None:
                numbers = self._learn_request(method, template, status_class)
        except Exception:  # recording never hurts the host
            return
        if numbers is not None:
            next(numbers)
            if self.is_unattended:
                self.wake()

    def record_doctor_run(self, results: Iterable[Any]) -> None:
        """
        Count each of *results*, objects with `name` and `passed`.

        A name that is no lower-case identifier of 1 to 64 characters is dropped, and so is
        every one beyond the 200th.
        """
        try:
            for result in results:
                self._record_check(result)
        except Exception:  # a host's objects may do anything when looked at
            return

    def record_anonymity_violation(self) -> None:
        """Count one document that was held back because something personal was in it."""
        self._violations.add_one()

    @property
    def anonymity_violations_total(self) -> int:
        """How many documents this process held back; never sent, never settled."""
        return self._violations.value

    # -- looking and settling ---------------------------------------------------------

    def snapshot(self) -> RegistrySnapshot:
        """Return what has been counted and not settled yet; nothing changes."""
        from ._snapshot import RegistrySnapshot  # whoever builds a heartbeat has loaded it

        return RegistrySnapshot.of(self.counts())

    def counts(self) -> Counts:
        """Return the same in the flat form, without zeros."""
        settled = self._settled  # first: what is settled after this look is still in it
        left = ((key, count - settled.get(key, 0)) for key, count in self._counted().items())
        return {key: count for key, count in left if count > 0}

    def _counted(self) -> Counts:
        """Return all that was ever counted, acknowledged or not."""
        # A copy of the items in one step: counting goes on and adds keys.
        counted = {key: counter.value for key, counter in list(self._counters.items())}
        self._own_calls.add_to(counted)
        return counted

    def settle(self, snapshot: RegistrySnapshot) -> None:
        """Subtract what *snapshot* holds, which was acknowledged: what was counted since stays, nothing falls below zero."""
        self.settle_counts(snapshot.counts())

    def settle_counts(self, counts: Counts) -> None:
        """Subtract *counts* in the flat form; see `settle()`."""
        turn = self._settling.take(_SETTLE_SECS)  # None: it interrupted somebody who settles
        settled, counted = self._settled, self._counted()
        more = {key: min(counted[key], settled.get(key, 0) + counts[key]) for key in counts.keys() & counted.keys()}
        self._settled = {**settled, **more}  # all of it, or, interrupted, nothing
        if turn is not None:
            self._settling.give_back(turn)

    def reset(self) -> None:
        """Forget everything counted so far, acknowledged or not."""
        self.settle_counts(self.counts())

    # -- learning ---------------------------------------------------------------------

    def _numbers(self, key: CounterKey) -> _Numbers:
        counter = self._counters.get(key)
        if counter is None:
            # `setdefault` is one step: two threads that learn a key at once take the same numbers.
            counter = self._counters.setdefault(key, AtomicCounter())
        return counter.numbers

    def _learn_request(self, method: str, template: str, status_class: str) -> _Numbers | None:
        if status_class not in STATUS_CLASSES:
            return None
        verb = known_method(method)
        known = self._templates.known(template)
        numbers = self._numbers(CounterKey(Kind.REST, f"{verb} {known}", str(status_class)))
        # Only what is bounded is remembered: the unmatched have no end.
        if known != UNMATCHED and verb == method:
            self._of_request[(str(method), known, str(status_class))] = numbers
        return numbers

    def _record_check(self, result: Any) -> None:
        try:
            name, passed = result.name, bool(result.passed)
            if not isinstance(name, str) or not IDENTIFIER.holds(name):
                return
        except Exception:  # one broken result costs itself, not the others
            return
        if not self._doctor_checks.admit(name):
            return
        next(self._numbers(CounterKey(Kind.DOCTOR, str(name), PASSED if passed else FAILED)))
        if self.is_unattended:
            self.wake()
