"""The spool against a list: whatever is put, claimed, settled, released and erased, each event is in one place."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mcptelemetry.events import Spool, SpoolStream
from mcptelemetry.testing import FakeClock

STREAMS = (SpoolStream("https://a.acme.dev/e", "operator"), SpoolStream("https://b.acme.dev/e", "author"))
CAPACITY, CHUNK_MAX, LEASE = 20, 4, 60.0
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 1), st.integers(1, 30)),
        st.tuples(st.just("claim"), st.integers(0, 1), st.integers(1, 12)),
        st.tuples(st.just("settle"), st.integers(0, 3), st.integers(0, 5)),
        st.tuples(st.just("put and settle"), st.integers(0, 3), st.integers(1, 30)),
        st.tuples(st.just("release"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("erase"), st.integers(0, 1), st.integers(0, 1)),
        st.tuples(st.just("advance"), st.integers(1, 100), st.just(0)),
        st.tuples(st.just("set the clock back"), st.integers(1, 5000), st.just(0)),
    ),
    max_size=20,
)


class Model:
    """What a spool is to do, with a list of chunks: [stream, generation, texts, token, until]."""

    def __init__(self, clock):
        self.clock = clock
        self.chunks = []
        self.dropped = self.refused = 0

    def is_free(self, chunk):
        now = self.clock.time()
        return chunk[3] is None or not now < chunk[4] <= now + LEASE

    def waiting(self, stream):
        return sum(len(chunk[2]) for chunk in self.chunks if chunk[0] == stream and self.is_free(chunk))

    def erase_others(self, owner, generation):
        gone = [chunk for chunk in self.chunks if chunk[0].owner == owner and chunk[1] != generation]
        self.refused += sum(len(chunk[2]) for chunk in gone)
        self.chunks = [chunk for chunk in self.chunks if chunk not in gone]

    def put(self, stream, generation, texts):
        self.erase_others(stream.owner, generation)
        kept = texts[-CAPACITY:]
        self.dropped += len(texts) - len(kept)
        self.chunks += [[stream, generation, kept[at : at + CHUNK_MAX], None, 0.0] for at in range(0, len(kept), CHUNK_MAX)]
        excess = sum(len(chunk[2]) for chunk in self.chunks if self.is_free(chunk)) - CAPACITY
        for chunk in [chunk for chunk in self.chunks if self.is_free(chunk)]:
            while excess > 0 and chunk[2]:
                chunk[2].pop(0)
                excess -= 1
                self.dropped += 1
        self.chunks = [chunk for chunk in self.chunks if chunk[2]]

    def claim(self, stream, generation, events_max, token):
        self.erase_others(stream.owner, generation)
        found, total = [], 0
        for chunk in [chunk for chunk in self.chunks if chunk[0] == stream and self.is_free(chunk)]:
            total += len(chunk[2])
            if found and total > events_max:
                break
            found.append(chunk)
        for chunk in found:
            chunk[3], chunk[4] = token, self.clock.time() + LEASE
        return [list(chunk[2]) for chunk in found]


@settings(deadline=None, max_examples=40)
@given(STEPS)
def test_spool_does_what_the_list_does(steps):
    """After every step the spool hands out, counts, drops and erases what a list of chunks would."""
    with tempfile.TemporaryDirectory() as directory:
        clock = FakeClock(time=1_700_000_000.0)
        spool, model = Spool(str(Path(directory, "spool.db")), clock, lease_secs=LEASE), Model(clock)
        generations = ["g0", "g0"]
        claims, number = [], 0
        for deed, first, second in steps:
            if deed == "put":
                texts = [f"event {number + at}" for at in range(second)]
                number += second
                put = spool.put(STREAMS[first], generations[first], texts, version=None, chunk_max=CHUNK_MAX, capacity=CAPACITY)
                model.put(STREAMS[first], generations[first], list(texts))
                assert put.waiting == model.waiting(STREAMS[first])
            elif deed == "claim":
                claim = spool.claim(STREAMS[first], generations[first], events_max=second)
                expected = model.claim(STREAMS[first], generations[first], second, claim.token)
                assert [list(chunk.texts) for chunk in claim.chunks] == expected
                assert claim.waiting == model.waiting(STREAMS[first])
                claims.append(claim)
            elif deed == "settle" and first < len(claims):
                claim = claims[first]
                # The first is done, of the second some events are left, of the others nothing is said.
                left = {chunk.id: chunk.texts[len(chunk.texts) if at == 0 else second :] for at, chunk in enumerate(claim.chunks[:2])}
                ours = spool.settle(claim.token, left)
                held = [chunk for chunk in model.chunks if chunk[3] == claim.token]
                still = {tuple(chunk.texts): chunk.id for chunk in claim.chunks if tuple(chunk.texts) in {tuple(one[2]) for one in held}}
                assert ours == set(still.values()) & set(left)
                for chunk in held:
                    chunk[2] = list(left.get(still[tuple(chunk[2])], chunk[2]))
                    chunk[3] = None
                model.chunks = [chunk for chunk in model.chunks if chunk[2]]
            elif deed == "put and settle" and first < len(claims):
                claim, texts = claims[first], [f"event {number + at}" for at in range(second)]
                number += second
                done = [(claim.token, {chunk.id: () for chunk in claim.chunks})]
                put = spool.put(STREAMS[0], generations[0], texts, version=None, chunk_max=CHUNK_MAX, capacity=CAPACITY, done=done)
                held = [chunk for chunk in model.chunks if chunk[3] == claim.token]
                assert len(put.settled) == len(held)
                model.chunks = [chunk for chunk in model.chunks if chunk[3] != claim.token]
                model.put(STREAMS[0], generations[0], list(texts))
                assert put.waiting == model.waiting(STREAMS[0])
            elif deed == "release" and first < len(claims):
                spool.release(claims[first].token)
                for chunk in model.chunks:
                    if chunk[3] == claims[first].token:
                        chunk[3] = None
            elif deed == "erase":
                if second:
                    generations[first] += "'"
                spool.erase_other_generations(STREAMS[first].owner, generations[first])
                model.erase_others(STREAMS[first].owner, generations[first])
            elif deed == "advance":
                clock.advance(first)
            elif deed == "set the clock back":
                clock.step(-first)
            picture = spool.look()
            for stream in STREAMS:
                assert spool.waiting(stream) == model.waiting(stream)
                found = next((one for one in picture.streams if one.stream == stream), None)
                total = sum(len(chunk[2]) for chunk in model.chunks if chunk[0] == stream)
                assert (0 if found is None else found.waiting + found.claimed) == total
            assert (picture.dropped, picture.refused) == (model.dropped, model.refused)
