"""Parsing any JSON returns a value of ours and raises nothing."""

import copy
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from crabstick.lichess.account_parser import (
    parse_account,
    parse_event,
    parse_playing,
    parse_scopes,
)
from crabstick.lichess.game_parser import parse_line
from crabstick.rules.lichess_types import Account, GameLine, LichessEvent, Unexpected
from tests.unit.lichess.raw import a_challenge_event, a_full, a_game, a_state, an_event

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=30)
    | st.sampled_from(
        ["gameFull", "e2e4", "white", "clock", "x" * 5000, "\ud800", 2**31, -(10**40)]
    )
)
keys = st.text(max_size=8) | st.sampled_from(
    ["type", "game", "challenge", "id", "gameId", "state", "moves", "wtime", "clock", "opponent"]
)
json_values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6),
    max_leaves=25,
)
real_lines = st.sampled_from(
    [
        a_challenge_event(),
        an_event("challengeCanceled", challenge={"id": "jUHbU3aa"}),
        an_event("gameStart", game=a_game()),
        an_event("gameFinish", game=a_game()),
        a_full(),
        a_state(),
        {"type": "opponentGone", "gone": True, "claimWinInSeconds": 8},
        {"type": "chatLine", "room": "player", "username": "ann", "text": "hi"},
    ]
)


@st.composite
def damaged_lines(draw: st.DrawFn) -> object:
    """A line as Lichess sends it, with one field somewhere replaced or gone."""
    line = copy.deepcopy(draw(real_lines))
    place = line
    while True:
        key = draw(st.sampled_from(sorted(place)))
        if isinstance(place[key], dict) and place[key] and draw(st.booleans()):
            place = place[key]
            continue
        if draw(st.booleans()):
            del place[key]
        else:
            place[key] = draw(json_values)
        return line


def check(raw: object) -> None:
    event, line = parse_event(raw), parse_line(raw)
    assert isinstance(event, get_args(LichessEvent))
    assert isinstance(line, get_args(GameLine))
    for parsed in (event, line):
        assert not isinstance(parsed, Unexpected) or len(parsed.why) <= 200


@given(json_values)
def test_any_json_is_understood_or_unexpected(raw: object) -> None:
    check(raw)


@given(damaged_lines())
def test_a_damaged_line_is_understood_or_unexpected(raw: object) -> None:
    check(raw)


@given(json_values)
def test_any_answer_is_an_account_or_unexpected(raw: object) -> None:
    assert isinstance(parse_account(raw), Account | Unexpected)


@given(st.lists(json_values | st.just(a_game()), max_size=5))
def test_any_list_of_games_yields_at_most_its_entries(raw: list[object]) -> None:
    assert len(parse_playing(raw)) <= len(raw)


@given(json_values)
def test_any_answer_of_the_token_test_yields_scopes(raw: object) -> None:
    assert parse_scopes({"t": raw}, "t") >= frozenset()
