"""What one process tells the other about what passed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mcptelemetry.wrap._frames import CLIENT_SAID, END, LEAVING, SERVER_SAID, FrameReader, frame_of, header_of_lines
from mcptelemetry.wrap import Block

blocks = st.builds(lambda beginning, rest, gap: Block(beginning, rest, has_gap=gap), st.binary(), st.binary(), st.booleans())
told = st.tuples(st.sampled_from([CLIENT_SAID, SERVER_SAID]), st.floats(0, 1e9), blocks) | st.tuples(
    st.sampled_from([LEAVING, END]), st.floats(0, 1e9), st.none()
)


@given(st.lists(told, max_size=8), st.integers(1, 50))
def test_frames_are_read_as_they_were_written_however_the_pipe_cuts_them(
    frames: list[tuple[int, float, Block | None]], size: int
) -> None:
    """Kind, moment, lines and gap come out as they went in, in their order."""
    data = b"".join(frame_of(*frame) for frame in frames)
    reader = FrameReader()
    read = [frame for start in range(0, len(data), size) for frame in reader.feed(data[start : start + size])]
    assert [(f.kind, f.at, f.block.beginning, f.block.rest, f.block.has_gap) for f in read] == [
        (kind, at, *((block.beginning, block.rest, block.has_gap) if block else (b"", b"", False)))
        for kind, at, block in frames
    ]


def test_lines_behind_their_header_are_a_frame() -> None:
    """They need not be copied to be one."""
    assert header_of_lines(SERVER_SAID, 1.5, 4) + b"{}\n\n" == frame_of(SERVER_SAID, 1.5, Block(b"", b"{}\n\n", has_gap=False))
