"""Whom to challenge, when, and what a refusal teaches."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.rules.lichess_types import Account
from crabstick.rules.matchmaking import (
    DAY_S,
    LONGEST_PAUSE_S,
    GameType,
    Memory,
    Proposal,
    RatingBand,
    Wish,
    next_at_s,
    propose,
)
from tests.builders import a_clock

BLITZ = GameType(clock=a_clock(180, 2), speed="blitz")
BULLET = GameType(clock=a_clock(60, 0), speed="bullet")
NOW_S = 10 * DAY_S
REASONS = ("later", "generic", "tooslow", "toofast", "nobot", "rated", "variant", "")
ASKED = Proposal(opponent="Robot", game=BLITZ, color=True)


def bots(**ratings: int) -> list[Account]:
    return [
        Account(name=name, title="BOT", ratings={"blitz": rating})
        for name, rating in ratings.items()
    ]


def opponents(band: RatingBand, memory: Memory | None = None, **ratings: int) -> list[str]:
    wish = Wish(types=[BLITZ], band=band, ours={"blitz": 2000})
    found = propose(wish, bots(**ratings), memory or Memory(), now_s=NOW_S, draw=0.3)
    return [each.opponent for each in found]


@pytest.mark.parametrize(
    ("band", "expected"),
    [
        ({}, ["equal", "strong", "weak"]),
        ({"min_rating": 1900}, ["equal", "strong"]),
        ({"max_rating": 2000}, ["equal", "weak"]),
        ({"max_difference": 50}, ["equal"]),
        ({"min_difference": 100}, ["strong", "weak"]),
    ],
)
def test_the_band_is_kept(band: dict[str, Any], expected: list[str]) -> None:
    found = opponents(RatingBand(**band), weak=1500, equal=2000, strong=2400)
    assert sorted(found) == expected


def test_the_nearest_to_the_wanted_difference_comes_first() -> None:
    band = RatingBand(target_difference=400)
    assert opponents(band, weak=1500, equal=2000, strong=2410) == ["strong", "weak", "equal"]


def test_a_bot_without_such_a_rating_is_not_asked() -> None:
    wish = Wish(types=[BULLET], band=RatingBand())
    assert propose(wish, bots(a=2000), Memory(), now_s=NOW_S, draw=0) == []


@given(draw=st.floats(0, 1, exclude_max=True), weight=st.floats(0.1, 10))
def test_each_game_comes_as_often_as_its_weight_says(draw: float, weight: float) -> None:
    light = GameType(clock=BULLET.clock, speed="blitz", weight=weight)
    wish = Wish(types=[light, BLITZ], band=RatingBand())
    (found,) = propose(wish, bots(a=2000), Memory(), now_s=NOW_S, draw=draw)
    assert (found.game == light) == (draw * (weight + 1) < weight)


def test_after_a_game_the_same_opponent_is_asked_with_the_other_color() -> None:
    memory = Memory().accepted(ASKED, NOW_S)
    wish = Wish(types=[BULLET], band=RatingBand())
    first, *_ = propose(wish, bots(a=2000, Robot=2000), memory, now_s=NOW_S, draw=0)
    assert (first.opponent, first.game, first.color) == ("Robot", BLITZ, False)
    assert memory.accepted(first, NOW_S).second is None
    assert memory.declined(first, "later", NOW_S).second is None


@given(reasons=st.lists(st.sampled_from(REASONS), min_size=1, max_size=8))
def test_whoever_declines_is_left_alone_longer_each_time(reasons: list[str]) -> None:
    memory, now_s, before_s = Memory(), NOW_S, 0.0
    for reason in reasons:
        memory = memory.declined(ASKED, reason, now_s)
        assert memory.is_paused("ROBOT", "blitz", now_s)
        pauses = [pause_s for _, pause_s in memory.pauses.values()]
        assert before_s <= max(pauses) <= LONGEST_PAUSE_S
        before_s = max(pauses)
        assert opponents(RatingBand(), memory, Robot=2000) == [] or now_s > NOW_S
        now_s = max(until_s for until_s, _ in memory.pauses.values())
        assert not memory.is_paused("Robot", "blitz", now_s)


def test_too_fast_says_more_than_later_and_nothing_of_other_games() -> None:
    later, fast = (Memory().declined(ASKED, reason, 0) for reason in ("later", "toofast"))
    assert not later.is_paused("robot", "blitz", 3600)
    assert fast.is_paused("robot", "blitz", 3600)
    assert not fast.is_paused("robot", "rapid", 3600)
    assert Memory().declined(ASKED, "nobot", 0).is_paused("robot", "rapid", DAY_S)


@given(
    played=st.lists(st.floats(0, DAY_S), max_size=120),
    delay_s=st.floats(1, 3600),
    kept=st.integers(0, 50),
)
def test_the_day_never_has_more_games_than_it_may(
    played: list[float], delay_s: float, kept: int
) -> None:
    memory = Memory()
    for number, ago_s in enumerate(sorted(played, reverse=True)):
        memory = memory.began(f"game{number}", NOW_S - ago_s)
    memory = Memory(games=memory.games)
    due_s = next_at_s(memory, delay_s, kept, NOW_S)
    recent = [at_s for at_s in memory.games.values() if at_s > due_s - DAY_S]
    assert due_s > NOW_S or len(recent) < 100 - kept


def test_the_games_of_a_day_are_spread_over_it() -> None:
    memory, now_s = Memory(), 0.0
    times: list[float] = []
    while now_s < DAY_S:
        now_s = max(now_s + 1, next_at_s(memory, 60, 20, now_s))
        memory = memory.asked(now_s).began(str(len(times)), now_s)
        times.append(now_s)
    in_day = [at_s for at_s in times if at_s < DAY_S]
    assert 75 <= len(in_day) <= 80
    assert sum(at_s < DAY_S / 2 for at_s in in_day) < 45


def test_a_limit_of_lichess_is_learned_and_waited_for() -> None:
    memory = Memory().blocked(NOW_S, 7200, 150)
    assert (memory.limit, next_at_s(memory, 1, 0, NOW_S)) == (150, NOW_S + 7200)
    assert Memory(limit=1).began("a", 0).began("b", 1).limit == 2


def test_the_memory_survives_a_restart() -> None:
    memory = Memory().declined(ASKED, "later", 5).began("abcdefgh", 6).blocked(7, 8, 90)
    assert Memory.unpack(json.loads(json.dumps(memory.pack()))) == memory


@pytest.mark.parametrize("raw", [{}, {"pauses": 3}, {"pauses": [[1]], "games": {}, "values": []}])
def test_an_unreadable_memory_is_an_empty_one(raw: dict[str, Any]) -> None:
    assert Memory.unpack(raw) == Memory()
