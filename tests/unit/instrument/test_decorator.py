"""A decorated tool is the tool it was, and every call of it is recorded once."""

from __future__ import annotations

import asyncio
import functools
import inspect

import pytest

from mcptelemetry.instrument import Calls, Invocation, instrument_callable, tool_name_of
from mcptelemetry.testing import FakeClock


class Recorded:
    """Takes what an instrument records."""

    def __init__(self):
        self.calls = []
        self.invalid = 0
        self.clock = FakeClock()
        self.hooks = Calls(self, monotonic=self.clock.monotonic, on_invalid=self.count_invalid)

    def record(self, tool, routing_decision="local_only", **fields):
        self.calls.append((tool, routing_decision, fields))

    def count_invalid(self):
        self.invalid += 1

    def begin(self, tool="t", **options):
        return Invocation(
            self.record, tool, monotonic=self.clock.monotonic, on_invalid=self.count_invalid, **options
        )

    def instrument(self, function):
        return instrument_callable(function, self.hooks, "t")

    def outcomes(self):
        return [
            (str(fields["status"]), None if fields["error_type"] is None else str(fields["error_type"]))
            for _tool, _decision, fields in self.calls
        ]


@pytest.fixture
def recorded():
    return Recorded()


SUCCESS = ("success", None)


def failed(why):
    return ("error", why)


# -- it is what it was -----------------------------------------------------------------


def plain(project: str, *, limit: int = 5) -> str:
    """Return the project and the limit."""
    return f"{project} {limit}"


async def coroutine(project: str, *, limit: int = 5) -> str:
    """Return the project and the limit, later."""
    await asyncio.sleep(0)
    return f"{project} {limit}"


def generator(project: str, *, limit: int = 5):
    """Yield the project as often as the limit says."""
    for _ in range(limit):
        yield project


async def async_generator(project: str, *, limit: int = 5):
    """Yield the project as often as the limit says, later."""
    for _ in range(limit):
        await asyncio.sleep(0)
        yield project


@pytest.mark.parametrize("function", [plain, coroutine, generator, async_generator])
def test_tool_keeps_its_kind_signature_and_docstring(recorded, function):
    """Whatever looks at a tool before calling it sees the tool."""
    tool = recorded.instrument(function)
    assert tool.__name__ == function.__name__
    assert tool.__doc__ == function.__doc__
    assert tool.__module__ == function.__module__
    assert tool.__wrapped__ is function
    assert inspect.signature(tool) == inspect.signature(function)
    assert tool.__annotations__ == function.__annotations__
    for is_kind in (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction):
        assert is_kind(tool) == is_kind(function)
    assert recorded.calls == []


def test_tool_name_is_the_functions_own_or_the_given():
    """The name of a tool is its function's, unless another is given."""
    assert tool_name_of(plain, None) == "plain"
    assert tool_name_of(plain, "get_issues") == "get_issues"
    assert tool_name_of(functools.partial(plain, "x"), "get_issues") == "get_issues"


@pytest.mark.parametrize(
    ("function", "name", "held"),
    [
        (classmethod(plain), None, "below @classmethod"),
        (staticmethod(plain), None, "below @staticmethod"),
        (5, None, "not on int"),
        (None, "x", "not on NoneType"),
        (functools.partial(plain, "x"), None, "name="),
        (plain, "", "name=''"),
        (plain, 5, "name=5"),
    ],
)
def test_tool_that_cannot_be_one_is_refused(function, name, held):
    """A slip shows where the decorator stands, with the mend."""
    with pytest.raises(TypeError, match=held):
        tool_name_of(function, name)


# -- functions and methods -------------------------------------------------------------


def test_function_returns_what_it_returns(recorded):
    """Arguments and result pass through; the call is a success with its latency."""

    def slow(project, *, limit):
        recorded.clock.advance(0.25)
        return [project, limit]

    assert recorded.instrument(slow)("p", limit=3) == ["p", 3]
    ((tool, decision, fields),) = recorded.calls
    assert (tool, decision, fields["latency_ms"]) == ("t", "local_only", 250)
    assert recorded.outcomes() == [SUCCESS]


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (ValueError("v"), "exception"),
        (KeyboardInterrupt(), "exception"),
        (SystemExit(3), "exception"),
        (TimeoutError(), "timeout"),
    ],
)
def test_exception_passes_through_and_is_an_error(recorded, error, word):
    """An exception reaches the caller as it is, and its text goes nowhere."""

    def fails():
        raise error

    with pytest.raises(type(error)) as caught:
        recorded.instrument(fails)()
    assert caught.value is error
    assert recorded.outcomes() == [failed(word)]


def test_method_keeps_its_object(recorded):
    """A decorated method, class method or static method is called as it is without."""

    class Server:
        name = "acme"

        @recorded.instrument
        def plain(self, project):
            return (self.name, project)

        @classmethod
        @recorded.instrument
        def of_class(cls, project):
            return (cls.name, project)

        @staticmethod
        @recorded.instrument
        def static(project):
            return project

    assert Server().plain("p") == ("acme", "p")
    assert Server.of_class("p") == ("acme", "p")
    assert Server().static("p") == "p"
    assert recorded.outcomes() == [SUCCESS] * 3


class Result:
    def __init__(self, **members):
        self.__dict__.update(members)


@pytest.mark.parametrize(
    ("result", "is_error"),
    [
        ({"isError": True}, True),
        ({"is_error": True}, True),
        ({"isError": False}, False),
        ({"isError": "yes"}, False),
        ({"isError": 1}, False),
        ({}, False),
        (Result(isError=True), True),
        (Result(is_error=True), True),
        (Result(isError=False), False),
        (Result(), False),
        (None, False),
        ("isError", False),
        ([{"isError": True}], False),
    ],
)
def test_result_that_says_it_is_an_error_is_a_tool_error(recorded, result, is_error):
    """A result with `isError` or `is_error` true, as mapping or attribute, is a tool's error."""
    expected = [failed("tool_error") if is_error else SUCCESS]
    assert recorded.instrument(lambda: result)() is result

    async def later():
        return result

    assert asyncio.run(recorded.instrument(later)()) is result
    assert recorded.outcomes() == expected * 2


def test_result_that_must_not_be_looked_at_is_left_alone(recorded):
    """A result whose members raise when they are looked at is passed on all the same."""

    class Touchy:
        def __getattr__(self, name):
            raise RuntimeError(name)

    assert isinstance(recorded.instrument(Touchy)(), Touchy)
    assert recorded.outcomes() == [SUCCESS]


# -- generators ------------------------------------------------------------------------


def test_generator_is_recorded_at_its_end(recorded):
    """The call lasts until the generator is done, and yields what it yields."""

    def numbers():
        for number in range(3):
            recorded.clock.advance(1)
            yield number

    running = recorded.instrument(numbers)()
    assert next(running) == 0
    assert recorded.calls == []
    assert list(running) == [1, 2]
    assert recorded.calls[0][2]["latency_ms"] == 3000
    assert recorded.outcomes() == [SUCCESS]


def test_generator_takes_what_is_sent_and_thrown(recorded):
    """Values and exceptions go in, the return value comes out."""

    def echo():
        got = []
        while len(got) < 3:
            try:
                got.append((yield len(got)))
            except KeyError:
                got.append("thrown")
        return got

    def drive():
        return (yield from recorded.instrument(echo)())

    running = drive()
    assert next(running) == 0
    assert running.send("a") == 1
    assert running.throw(KeyError()) == 2
    with pytest.raises(StopIteration) as ended:
        running.send("b")
    assert ended.value.value == ["a", "thrown", "b"]
    assert recorded.outcomes() == [SUCCESS]


def test_generator_closed_early_is_a_success(recorded):
    """A consumer that has had enough is no failure, and the generator's own clean-up runs."""
    cleaned = []

    def numbers():
        try:
            yield 1
            yield 2
        finally:
            cleaned.append(True)

    running = recorded.instrument(numbers)()
    assert next(running) == 1
    running.close()
    assert cleaned == [True]
    assert recorded.outcomes() == [SUCCESS]


def test_generator_that_fails_is_an_error(recorded):
    """An exception out of a generator reaches the consumer as it is."""

    def fails():
        yield 1
        raise LookupError

    running = recorded.instrument(fails)()
    next(running)
    with pytest.raises(LookupError):
        next(running)
    assert recorded.outcomes() == [failed("exception")]


def test_generator_that_is_never_begun_is_no_call(recorded):
    """A generator that nobody asks for anything has not run."""
    recorded.instrument(generator)("p").close()
    assert recorded.calls == []


# -- coroutines ------------------------------------------------------------------------


def test_coroutine_returns_what_it_returns(recorded):
    """An awaited tool is recorded when it has ended."""
    assert asyncio.run(recorded.instrument(coroutine)("p", limit=2)) == "p 2"
    assert recorded.outcomes() == [SUCCESS]


def test_coroutine_that_fails_is_an_error(recorded):
    """An exception out of a coroutine reaches whoever awaits it."""

    async def fails():
        await asyncio.sleep(0)
        raise LookupError

    with pytest.raises(LookupError):
        asyncio.run(recorded.instrument(fails)())
    assert recorded.outcomes() == [failed("exception")]


def test_cancelled_coroutine_is_cancelled(recorded):
    """A coroutine that is cancelled is recorded as that, and stays cancelled."""

    async def waits():
        await asyncio.Event().wait()

    async def main():
        task = asyncio.ensure_future(recorded.instrument(waits)())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(main())
    assert recorded.outcomes() == [failed("cancelled")]


def test_coroutines_at_once_are_recorded_each(recorded):
    """Calls that overlap are timed each for itself."""

    async def main():
        tool = recorded.instrument(coroutine)
        await asyncio.gather(*(tool(str(number)) for number in range(20)))

    asyncio.run(main())
    assert recorded.outcomes() == [SUCCESS] * 20


# -- asynchronous generators -----------------------------------------------------------


def test_async_generator_is_recorded_at_its_end(recorded):
    """Its items come through, and the call ends with the last."""

    async def main():
        return [item async for item in recorded.instrument(async_generator)("p", limit=3)]

    assert asyncio.run(main()) == ["p"] * 3
    assert recorded.outcomes() == [SUCCESS]


def test_async_generator_takes_what_is_sent_and_thrown(recorded):
    """Values and exceptions go in as they do without the decorator."""

    async def echo():
        got = []
        while len(got) < 2:
            try:
                got.append((yield list(got)))
            except KeyError:
                got.append("thrown")

    async def main():
        running = recorded.instrument(echo)()
        seen = [await running.__anext__(), await running.asend("a"), None]
        with pytest.raises(StopAsyncIteration):
            await running.athrow(KeyError())
        return seen

    assert asyncio.run(main()) == [[], ["a"], None]
    assert recorded.outcomes() == [SUCCESS]


def test_async_generator_closed_early_is_a_success(recorded):
    """A consumer that has had enough is no failure, and the clean-up runs at once."""
    cleaned = []

    async def numbers():
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    async def main():
        running = recorded.instrument(numbers)()
        assert await running.__anext__() == 1
        await running.aclose()
        assert cleaned == [True]

    asyncio.run(main())
    assert recorded.outcomes() == [SUCCESS]


def test_async_generator_that_fails_is_an_error(recorded):
    """An exception out of it reaches the consumer as it is."""

    async def fails():
        yield 1
        raise LookupError

    async def main():
        running = recorded.instrument(fails)()
        await running.__anext__()
        with pytest.raises(LookupError):
            await running.__anext__()

    asyncio.run(main())
    assert recorded.outcomes() == [failed("exception")]


def test_cancelled_async_generator_is_cancelled(recorded):
    """A cancellation inside is recorded as that."""

    async def waits():
        yield 1
        await asyncio.Event().wait()

    async def main():
        async def consume():
            async for _ in recorded.instrument(waits)():
                pass

        task = asyncio.ensure_future(consume())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert recorded.outcomes() == [failed("cancelled")]


# -- by hand ---------------------------------------------------------------------------


def test_invocation_records_a_fallback(recorded):
    """After a fallback the event names the target that was tried second."""
    with recorded.begin(upstream="cloud", routing_decision="strategy_remote_first") as call:
        call.fallback()
    ((_tool, decision, fields),) = recorded.calls
    assert (decision, fields["upstream"], fields["was_fallback"]) == ("strategy_remote_first", None, True)


def test_invocation_takes_an_error_without_an_exception(recorded):
    """A call may say that it failed, and how."""
    with recorded.begin() as call:
        call.error("timeout")
    with recorded.begin() as call:
        call.error()
    assert recorded.outcomes() == [failed("timeout"), failed("tool_error")]


@pytest.mark.parametrize("word", ["boom", "", None, 5, [], "Timeout"])
def test_invocation_counts_an_unknown_word(recorded, word):
    """An unknown word counts as invalid, and the call as failed by an exception."""
    with recorded.begin() as call:
        call.error(word)
    assert recorded.outcomes() == [failed("exception")]
    assert recorded.invalid == 1


def test_invocation_keeps_the_reason_that_was_given(recorded):
    """What the host said about the error is not overruled by the exception that follows."""
    with pytest.raises(ValueError):
        with recorded.begin() as call:
            call.error("protocol_error")
            raise ValueError
    assert recorded.outcomes() == [failed("protocol_error")]


def test_invocation_is_never_negative(recorded):
    """A clock that goes backwards gives a latency of zero."""
    times = iter([10.0, 9.0])
    with Invocation(recorded.record, "t", monotonic=lambda: next(times), on_invalid=recorded.count_invalid):
        pass
    assert recorded.calls[0][2]["latency_ms"] == 0
