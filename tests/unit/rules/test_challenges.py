"""The policy on challenges, and its reasons."""

from typing import Any

import chess
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.rules.challenges import (
    Accept,
    Decline,
    Limits,
    Load,
    Running,
    Standing,
    decide,
    expected_minutes,
    objection,
    objection_to_all,
)
from crabstick.rules.engine_choice import Traits
from crabstick.rules.lichess_types import DeclineReason, LichessPlayer
from tests.builders import BOT, a_challenge, a_clock, a_policy

FREE = Load(games=(), has_room=True)
FOUR = Limits(max_games=4)
A_BOT = LichessPlayer(name="b", title="BOT", rating=1500)
SOME = [Running(opponent="x", speed="bullet")]
SETS = ("variants", "time_controls", "modes")


def test_five_plus_three_from_a_human_is_accepted() -> None:
    challenge = a_challenge(clock=a_clock(300, 3))
    assert objection(challenge, a_policy()) is None
    assert decide(challenge, a_policy(), FOUR, FREE) == Accept()


def days(number: int) -> dict[str, Any]:
    return {"clock": None, "time_control": "correspondence", "days": number}


CORRESPONDENCE = {"time_controls": frozenset({"correspondence"})}
US = LichessPlayer(name=BOT, title="BOT", rating=1700)


@pytest.mark.parametrize(
    ("challenge", "policy", "reason"),
    [
        ({"challenger": A_BOT}, {"modes": frozenset()}, "noBot"),
        ({}, {"variants": frozenset()}, "onlyBot"),
        ({"variant": "atomic"}, {}, "variant"),
        ({"variant": "atomic"}, {"variants": frozenset({"standard", "horde"})}, "variant"),
        ({"clock": None, "time_control": "unlimited"}, {}, "timeControl"),
        ({"speed": "ultraBullet"}, {}, "timeControl"),
        ({}, {"time_controls": frozenset({"3+2"})}, "timeControl"),
        ({"clock": a_clock(15, 1)}, {}, "tooFast"),
        ({"clock": a_clock(60, 1)}, {"min_increment_s": 2}, "tooFast"),
        (
            {"clock": a_clock(60, 0), "speed": "bullet"},
            {"bullet_requires_increment": True},
            "tooFast",
        ),
        ({"clock": a_clock(3600, 0)}, {}, "tooSlow"),
        ({"clock": a_clock(60, 30)}, {}, "tooSlow"),
        ({"clock": a_clock(900, 10)}, {"max_duration_min": 20}, "tooSlow"),
        (days(1), {**CORRESPONDENCE, "min_days": 2}, "tooFast"),
        (days(7), {**CORRESPONDENCE, "max_days": 5}, "tooSlow"),
        ({"rated": True}, {"modes": frozenset({"casual"})}, "casual"),
        ({"rated": False}, {"modes": frozenset({"rated"})}, "rated"),
        ({"rules": frozenset({"noAbort"})}, {}, "generic"),
        ({}, {"titles": frozenset({"GM"})}, "generic"),
        ({}, {"min_rating": 1501}, "generic"),
        ({}, {"max_rating": 1499}, "generic"),
        ({"challenger": None}, {"min_rating": 1}, "generic"),
        ({"dest_user": US}, {"rating_difference": 199}, "generic"),
    ],
)
def test_each_objection_has_its_own_reason(
    challenge: dict[str, Any], policy: dict[str, Any], reason: DeclineReason
) -> None:
    found = objection(a_challenge(**challenge), a_policy(**policy))
    assert found is not None
    assert found.reason == reason
    assert found.why


@pytest.mark.parametrize(
    ("challenge", "policy"),
    [
        ({"clock": a_clock(30, 0)}, {}),
        ({"clock": a_clock(1800, 0)}, {}),
        ({"clock": a_clock(15, 1)}, {"time_controls": frozenset({"0.25+1"})}),
        ({"clock": a_clock(60, 1), "speed": "bullet"}, {"bullet_requires_increment": True}),
        (days(14), CORRESPONDENCE),
        ({"clock": None, "time_control": "unlimited"}, {"time_controls": frozenset({"unlimited"})}),
        ({"rules": frozenset({"noAbort"})}, {"rules": frozenset({"noAbort"})}),
        ({"challenger": A_BOT}, {"titles": frozenset({"GM"})}),
        ({"dest_user": US}, {"rating_difference": 200}),
        ({"challenger": None}, {"rating_difference": 2000}),
    ],
)
def test_the_ends_of_ranges_are_inside(challenge: dict[str, Any], policy: dict[str, Any]) -> None:
    assert objection(a_challenge(**challenge), a_policy(**policy)) is None


ODDS, THEME = "4k3/8/8/8/8/8/8/R3K3 w Q - 0 1", "4k3/8/8/8/8/8/8/Q3K3 w"


@pytest.mark.parametrize(
    ("fen", "our_color", "reason"),
    [
        (ODDS, chess.BLACK, None),
        (ODDS, chess.WHITE, "generic"),  # as after a rematch
        (ODDS, None, "generic"),
        (f"{THEME} - - 5 9", None, None),
        ("4k3/8/8/8/8/8/8/4K2R w K - 0 1", chess.BLACK, "variant"),
        (None, None, "variant"),
    ],
)
def test_with_positions_all_others_are_declined(
    fen: str | None, our_color: chess.Color | None, reason: str | None
) -> None:
    positions = (
        Traits(variant="fromPosition", fen=ODDS, color=chess.BLACK),
        Traits(variant="fromPosition", fen=THEME),
    )
    policy = a_policy(variants=frozenset({"standard", "fromPosition"}), positions=positions)
    challenge = a_challenge(variant="fromPosition", initial_fen=fen, our_color=our_color)
    found = objection(challenge, policy)
    assert (found.reason if found else None) == reason
    assert objection(a_challenge(), policy) is None


@pytest.mark.parametrize(
    ("standing", "variant", "is_declined"),
    [
        ("allowed", "standard", False),
        ("allowed", "atomic", True),
        ("blocked", "standard", True),
        ("unlisted", "standard", True),
    ],
)
def test_the_lists_come_before_all_but_the_variant(
    standing: Standing, variant: str, *, is_declined: bool
) -> None:
    challenge = a_challenge(variant=variant, speed="ultraBullet" * (standing == "allowed"))
    assert (objection(challenge, a_policy(), standing) is not None) == is_declined


@pytest.mark.parametrize(
    ("title", "verdict"),
    [
        ("BOT", {"reason": "later", "wants_room": True}),
        ("GM", None),
        (None, None),
    ],
)
def test_a_human_waits_for_a_node_and_a_bot_is_declined_for_now(
    title: str | None, verdict: dict[str, Any] | None
) -> None:
    grows = Load(games=(), has_room=False, may_grow=True)
    challenge = a_challenge(challenger=LichessPlayer(name="b", title=title))
    found = decide(challenge, a_policy(), FOUR, grows)
    assert isinstance(found, Accept) == (verdict is None)
    if isinstance(found, Decline):
        assert (found.reason, found.wants_room) == ("later", True)


def test_no_node_is_requested_beyond_max_games() -> None:
    full = Load(games=SOME * 4, has_room=False, may_grow=True)
    found = decide(a_challenge(), a_policy(), FOUR, full)
    assert isinstance(found, Decline)
    assert not found.wants_room


@pytest.mark.parametrize(
    ("challenger", "policy", "limits", "load", "is_accepted"),
    [
        (A_BOT, {}, {}, {"may_play_bots": False}, False),
        (None, {}, {}, {"may_play_bots": False}, True),
        (A_BOT, {}, {"reserved_for_humans": 3}, {"games": SOME}, False),
        (A_BOT, {}, {"reserved_for_humans": 2}, {"games": SOME}, True),
        (None, {}, {"reserved_for_humans": 4}, {"games": SOME}, True),
        (None, {}, {"max_games_by_speed": {"blitz": 1}}, {"games": SOME}, True),
        (None, {}, {"max_games_by_speed": {"blitz": 0}}, {}, False),
        (A_BOT, {"max_games_per_opponent": 1}, {}, {"games": [Running(opponent="b")]}, False),
        (A_BOT, {"max_games_per_opponent": 2}, {}, {"games": [Running(opponent="b")]}, True),
        (A_BOT, {"max_recent_challenges": 2}, {}, {"recent": 2}, False),
        (A_BOT, {"max_recent_challenges": 2}, {}, {"recent": 1}, True),
    ],
)
def test_what_is_played_already_decides(
    challenger: LichessPlayer | None,
    policy: dict[str, Any],
    limits: dict[str, Any],
    load: dict[str, Any],
    *,
    is_accepted: bool,
) -> None:
    verdict = decide(
        a_challenge(challenger=challenger),
        a_policy(**policy),
        Limits(**{"max_games": 4, **limits}),
        Load(**{"games": (), "has_room": True, **load}),
    )
    assert isinstance(verdict, Accept) == is_accepted


@given(games=st.integers(0, 100), most=st.integers(1, 100), has_room=st.booleans())
def test_never_more_than_max_games_are_accepted(games: int, most: int, *, has_room: bool) -> None:
    load = Load(games=SOME * games, has_room=has_room)
    verdict = decide(a_challenge(), a_policy(), Limits(max_games=most), load)
    assert isinstance(verdict, Accept) == (games < most and has_room)


@given(
    key=st.sampled_from(SETS),
    title=st.sampled_from(["BOT", "GM", None]),
    variant=st.sampled_from(["standard", "atomic"]),
)
def test_an_empty_list_refuses_everybody(key: str, title: str | None, variant: str) -> None:
    challenge = a_challenge(challenger=LichessPlayer(name="x", title=title), variant=variant)
    found = objection(challenge, a_policy(**{key: frozenset()}))
    assert found is not None
    assert found.reason == ("noBot" if title == "BOT" else "onlyBot")


def test_the_expected_duration_grows_with_the_clock() -> None:
    assert 3 < expected_minutes(a_clock(180, 0)) < expected_minutes(a_clock(180, 2)) < 10


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("standard", ""),
        ("3+2 human", ""),
        ("blitz human casual", ""),
        ("15+10", ""),
        ("blitz bot", "bots are not accepted"),
        ("3+2 human rated", "rated games are not played"),
        ("45+45 human", "classical 45+45 is not played"),
        ("correspondence human", "correspondence games are not played"),
        ("atomic human", "atomic is not played"),
    ],
)
def test_one_may_ask_whether_a_kind_of_challenge_is_accepted(words: str, why: str) -> None:
    human = a_policy(
        modes=frozenset({"casual"}), time_controls=frozenset({"3+2", "15+10"}), min_rating=2000
    )
    policies = {False: human, True: a_policy(modes=frozenset())}
    assert objection_to_all(Traits.of_words(words.split()), policies) == why
