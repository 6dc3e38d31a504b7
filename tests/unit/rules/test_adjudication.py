"""When we offer or take a draw, and when we resign."""

from typing import Any

import chess
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.rules.adjudication import MATE, MOST_MOVES, Adjudication, ScoreRule, with_score
from crabstick.rules.game_events import Intent
from crabstick.rules.lichess_types import GameState, LichessPlayer
from tests.builders import a_full, a_state, seconds

DRAW = ScoreRule(score=10, consecutive_moves=3, min_game_length=2, max_pieces=32)
RESIGN = ScoreRule(score=-500, consecutive_moves=3)
RULES = Adjudication(DRAW, RESIGN)
MOVES = "e2e4 e7e5 g1f3 b8c6"


def intent(
    *scores: int,
    rules: Adjudication = RULES,
    opponent: LichessPlayer | None = None,
    moves: str = MOVES,
    **state: Any,
) -> Intent:
    """Our intent as White after `moves`."""
    full = a_full(black=opponent or LichessPlayer(name="Alice"))
    return rules.intent(full, a_state(moves, **state), scores, chess.Board())


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((0, 10, -10), "draw"),
        ((900, 0, 0, 0), "draw"),
        ((0, 0), "play"),
        ((0, 11, 0), "play"),
        ((0, -11, 0), "play"),
        ((-500, -800, -MATE), "resign"),
        ((-500, -499, -900), "play"),
        ((-900, -900), "play"),
    ],
)
def test_the_last_scores_decide(scores: tuple[int, ...], expected: Intent) -> None:
    assert intent(*scores) == expected


def test_an_offer_is_taken_when_we_stand_worse_but_not_when_we_stand_better() -> None:
    assert intent(-900, -900, -900, black_draw=True) == "draw"
    assert intent(0, 0, 20, black_draw=True) == "play"
    assert intent(-900, -900, -900, white_draw=True) == "resign"  # our own offer


def test_a_rule_that_is_none_is_off() -> None:
    assert intent(0, 0, 0, rules=Adjudication(None, RESIGN)) == "play"
    assert intent(-900, -900, -900, rules=Adjudication(DRAW, None)) == "play"


@pytest.mark.parametrize(
    "rule",
    [
        ScoreRule(score=10, consecutive_moves=1, against_humans=False),
        ScoreRule(score=10, consecutive_moves=1, min_rating=1),
        ScoreRule(score=10, consecutive_moves=1, max_pieces=31),
        ScoreRule(score=10, consecutive_moves=1, min_game_length=3),
    ],
)
def test_each_condition_of_a_rule_counts(rule: ScoreRule) -> None:
    assert intent(0, rules=Adjudication(rule, rule)) == "play"


def test_a_rated_bot_fits_a_rule_for_rated_bots() -> None:
    rule = ScoreRule(score=10, consecutive_moves=1, against_humans=False, min_rating=2000)
    bot = LichessPlayer(name="b", title="BOT", rating=2000)
    assert intent(0, rules=Adjudication(rule, None), opponent=bot) == "draw"


def test_an_increment_ends_the_time_trouble() -> None:
    assert intent(0, 0, 0, black_time=seconds(9)) == "play"
    assert intent(0, 0, 0, black_time=seconds(9), black_increment=seconds(1)) == "draw"
    assert intent(0, 0, 0, black_time=None) == "draw"


def test_a_move_without_a_score_begins_anew_and_a_mate_is_a_large_score() -> None:
    assert with_score((1, 2), None, None) == ()
    assert with_score((1,), None, -3) == (1, -MATE)
    assert with_score((), None, 3) == (MATE,)
    assert len(with_score((0,) * MOST_MOVES, 0, None)) == MOST_MOVES


scores = st.lists(st.one_of(st.integers(-1200, 1200), st.integers(-12, 12)), max_size=12)
rules = st.builds(
    ScoreRule,
    score=st.integers(-1000, 100),
    consecutive_moves=st.integers(1, 8),
    min_game_length=st.integers(1, 3),
)
states = st.builds(
    a_state,
    st.sampled_from(["", "e2e4", "e2e4 e7e5", MOVES]),
    black_time=st.one_of(st.none(), st.integers(0, 60).map(seconds)),
    black_increment=st.integers(0, 2).map(seconds),
    black_draw=st.booleans(),
)


@given(scores, rules, rules, states)
def test_laws_of_resigning_and_agreeing(
    before: list[int], draw: ScoreRule, resign: ScoreRule, state: GameState
) -> None:
    given_scores = tuple(before)
    chosen = Adjudication(draw, resign).intent(a_full(), state, given_scores, chess.Board())
    if chosen == "play":
        return
    rule = resign if chosen == "resign" else draw
    last = given_scores[-rule.consecutive_moves :]
    assert len(last) == rule.consecutive_moves
    assert all(score <= rule.score for score in last)
    assert len(state.moves) >= 2, "Lichess takes no offer, and aborts, before the second ply"
    has_time = state.black_time is None or state.black_time >= seconds(10)
    assert has_time or state.black_increment >= seconds(1)
    if chosen == "draw" and not state.black_draw:
        assert all(abs(score) <= draw.score for score in last)
