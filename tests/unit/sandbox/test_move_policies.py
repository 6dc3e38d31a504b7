"""Move policies: legal, repeatable, and greedy."""

import chess
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crabstick.sandbox.move_policies import first_legal, greedy, random_mover
from tests.unit.sandbox.worlds import seeded


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_every_policy_plays_legal_moves_to_the_end(seed: int) -> None:
    policies = (first_legal, random_mover(seeded(seed)), greedy)
    board = chess.Board()
    while not board.is_game_over() and board.ply() < 80:
        move = policies[board.ply() % 3](board)
        assert move in board.legal_moves
        board.push(move)


def test_the_same_seed_plays_the_same_game() -> None:
    one, other = (random_mover(seeded(7)) for _ in range(2))
    assert [one(chess.Board()) for _ in range(5)] == [other(chess.Board()) for _ in range(5)]


@pytest.mark.parametrize(
    ("fen", "best"),
    [
        ("k7/8/8/3q4/4P1r1/8/8/K7 w - - 0 1", "e4d5"),
        ("k7/8/1K6/8/8/8/n6R/8 w - - 0 1", "h2h8"),
        ("8/P6k/8/8/8/8/8/K7 w - - 0 1", "a7a8q"),
    ],
)
def test_greedy_takes_the_most_and_mates_if_it_sees_it(fen: str, best: str) -> None:
    assert greedy(chess.Board(fen)).uci() == best
