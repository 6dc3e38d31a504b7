import asyncio

import pytest
from chess.engine import MockTransport
from hypothesis import given
from hypothesis import strategies as st

from engine.bounded_protocol import FLOOD_BYTES_PER_S, MAX_LINE_BYTES, MAX_LINES
from engine.bounded_uci import BoundedUci, useful_lines
from engine.errors import EngineDied, last_line


class ClosableTransport(MockTransport):
    """python-chess's script of a conversation, which can also be closed."""

    is_closed = False

    def close(self) -> None:
        self.is_closed = True


def a_conversation() -> tuple[BoundedUci, ClosableTransport]:
    protocol = BoundedUci()
    return protocol, ClosableTransport(protocol)


def test_of_several_scores_in_a_row_the_last_one_is_kept_with_its_first_move() -> None:
    block = (
        b"info depth 1 score cp 10 pv e2e4\ninfo depth 2 score cp 20 pv d2d4 d7d5\n"
        b"info depth 3 currmove e2e4 currmovenumber 1\nbestmove d2d4\n"
    )
    assert useful_lines(block) == [b"info depth 2 score cp 20 pv d2d4", b"bestmove d2d4"]


def test_a_score_after_the_variation_is_not_lost() -> None:
    line = b"info depth 2 pv d2d4 score cp 20"
    assert useful_lines(line + b"\n") == [line]


def test_lines_that_are_no_uci_are_dropped() -> None:
    assert useful_lines(b"\xff\xfe\nStockfish 99\ninformation\n  uciok\r\n\r\n") == [b"  uciok"]


def test_a_very_long_line_is_cut() -> None:
    (line,) = useful_lines(b"bestmove e2e4" + b" " * 100_000 + b"\n")
    assert len(line) == MAX_LINE_BYTES + len(b"bestmove")


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=30),
            st.sampled_from([b"bestmove e2e4", b"readyok", b"info depth 1 score cp 1"]),
        )
    )
)
def test_every_move_comes_through_whatever_surrounds_it(lines: list[bytes]) -> None:
    lines = [line.replace(b"\n", b"") for line in lines]
    block = b"".join(line + b"\n" for line in lines)
    moves = [line for line in useful_lines(block) if line == b"bestmove e2e4"]
    assert len(moves) == lines.count(b"bestmove e2e4")


async def test_a_line_may_come_in_pieces() -> None:
    protocol, transport = a_conversation()
    transport.expect("uci")
    ready = asyncio.ensure_future(protocol.initialize())
    await asyncio.sleep(0)
    for piece in ("id name In", " Pieces\nuci", "ok\n"):
        protocol.pipe_data_received(1, piece)
    await ready
    assert protocol.id["name"] == "In Pieces"


async def test_an_endless_line_is_not_kept() -> None:
    protocol, _ = a_conversation()
    for _ in range(20):
        protocol.pipe_data_received(1, b"x" * 65536)
    assert len(protocol._unfinished) == MAX_LINE_BYTES


async def test_more_bytes_a_second_than_a_flood_has_end_the_engine() -> None:
    protocol, transport = a_conversation()
    protocol.pipe_data_received(2, b"much is logged at the start\n" * 200_000)
    assert protocol.failure is None
    protocol.pipe_data_received(1, b"x" * FLOOD_BYTES_PER_S)
    assert transport.is_closed
    assert isinstance(protocol.failure, EngineDied)


async def test_a_talkative_engine_is_not_a_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    protocol, transport = a_conversation()
    for second in range(5):
        monkeypatch.setattr(protocol.loop, "time", lambda second=second: 1e6 + 1.1 * second)
        protocol.pipe_data_received(1, b"blah\n" * (FLOOD_BYTES_PER_S // 8))
    assert (transport.is_closed, protocol.failure) == (False, None)


async def test_too_many_useful_lines_at_once_end_the_engine() -> None:
    protocol, transport = a_conversation()
    protocol.pipe_data_received(1, b"bestmove e2e4\n" * (MAX_LINES + 1))
    assert transport.is_closed


async def test_the_first_failure_stays() -> None:
    protocol = BoundedUci()  # not even connected
    protocol.terminate(EngineDied("first"))
    protocol.terminate(EngineDied("second"))
    assert str(protocol.failure) == "first"


async def test_the_last_output_is_that_on_stderr() -> None:
    protocol, _ = a_conversation()
    protocol.pipe_data_received(1, b"Welcome\n")
    assert last_line(protocol.last_output()) == "Welcome"
    protocol.pipe_data_received(2, b"warning\nno \x1b[31mnet\xff\n\n")
    assert last_line(protocol.last_output()) == "no [31mnet\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("name Threads type spin min 1 max 8", "Threads"),
        ("name Threads type spin default many min 1 max 8", "Threads"),
        ("name My Threads type spin default 9 min 1 max 8", "My Threads"),
        ("name Style type combo default Wild var Solid var Risky", "Style"),
        ("name Log type filename default a.txt", "Log"),
    ],
)
async def test_an_option_that_makes_no_sense_is_kept_aside(words: str, name: str) -> None:
    protocol, transport = a_conversation()
    transport.expect("uci")
    ready = asyncio.ensure_future(protocol.initialize())
    await asyncio.sleep(0)
    lines = f"option {words}\noption name Hash type spin default 1 min 1 max 9\nuciok\n"
    protocol.pipe_data_received(1, lines)
    await ready
    assert (list(protocol.odd_options), list(protocol.options)) == ([name], ["Hash"])
