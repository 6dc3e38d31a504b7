"""UCI commands are read forgivingly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.embedded.commands import Go, parse_go, parse_option, parse_position
from engine.embedded.timeman import Clock

WORDS = ("wtime", "btime", "depth", "infinite", "searchmoves", "x", "-3", "1.5", "e2e4")


def test_both_clocks_are_read() -> None:
    words = "wtime 1000 btime 2000 winc 10 binc 20 movestogo 5"
    found = parse_go(words.split())
    white = Clock(remaining_ms=1000, increment_ms=10, moves_to_go=5)
    black = Clock(remaining_ms=2000, increment_ms=20, moves_to_go=5)
    assert found == Go(clocks=(white, black))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Go()),
        ("infinite", Go(infinite=True)),
        ("ponder movetime 5", Go(ponder=True, move_time_ms=5)),
        ("depth 7 nodes 100", Go(depth=7, nodes=100)),
        ("depth 0 nodes 0", Go(depth=1, nodes=1)),
        ("mate 3", Go(depth=5)),
        ("mate 3 depth 2", Go(depth=2)),
        ("searchmoves e2e4 d2d4 depth 3", Go(search_moves=("e2e4", "d2d4"), depth=3)),
        ("depth few", Go()),
        ("depth few 4", Go(depth=4)),
        ("speed 9 depth 4", Go(depth=4)),
        ("depth", Go()),
        ("winc 5", Go()),
    ],
)
def test_go_means_what_uci_says(text: str, expected: Go) -> None:
    assert parse_go(text.split()) == expected


@given(st.lists(st.sampled_from(WORDS)))
def test_no_go_command_is_too_strange(words: list[str]) -> None:
    found = parse_go(words)
    assert found.depth is None or found.depth >= 1
    assert found.infinite == ("infinite" in words)


def test_option_names_may_have_blanks() -> None:
    assert parse_option(["name", "Move", "Overhead", "value", "50"]) == ("move overhead", "50")


def test_an_option_may_have_no_value() -> None:
    assert parse_option(["name", "Clear", "Hash"]) == ("clear hash", "")


def test_a_position_is_a_setup_and_moves() -> None:
    assert parse_position(["startpos", "moves", "e2e4", "e7e5"]) == (None, ["e2e4", "e7e5"])
    assert parse_position(["fen", "8/8", "w", "-", "-"]) == ("8/8 w - -", [])


def test_a_position_without_a_setup_is_refused() -> None:
    with pytest.raises(ValueError, match="needs startpos or fen"):
        parse_position(["moves", "e2e4"])
