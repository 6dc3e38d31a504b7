import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.errors import StreamEnded
from crabstick.lichess.ndjson_stream import LINE_LIMIT, LineSplitter


def split(pieces: list[bytes]) -> tuple[list[bytes], bool]:
    splitter = LineSplitter()
    lines = [line for piece in pieces for line in splitter.feed(piece)]
    return lines, splitter.has_partial_line


pieces = st.lists(st.lists(st.sampled_from([b"a", b"\n", b"{}"])).map(b"".join))


@given(pieces)
def test_how_the_bytes_are_cut_does_not_matter(cut: list[bytes]) -> None:
    assert split(cut) == split([b"".join(cut)])


@given(pieces)
def test_no_byte_is_lost_or_doubled(cut: list[bytes]) -> None:
    splitter = LineSplitter()
    lines = [line for piece in cut for line in splitter.feed(piece)]
    whole = b"".join(cut)
    assert b"".join(line + b"\n" for line in lines) == whole[: whole.rfind(b"\n") + 1]


@given(pieces)
def test_a_part_is_left_unless_the_last_byte_ends_a_line(cut: list[bytes]) -> None:
    whole = b"".join(cut)
    assert split(cut)[1] == (whole != b"" and not whole.endswith(b"\n"))


def test_a_line_over_the_limit_ends_the_stream() -> None:
    splitter = LineSplitter()
    assert list(splitter.feed(b"x" * LINE_LIMIT)) == []
    with pytest.raises(StreamEnded):
        list(splitter.feed(b"x"))


def test_lines_before_one_that_is_too_long_are_given_out() -> None:
    lines = LineSplitter().feed(b"{}\n" + b"x" * (LINE_LIMIT + 1))
    assert next(lines) == b"{}"
    with pytest.raises(StreamEnded):
        next(lines)
