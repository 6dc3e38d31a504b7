"""The policy on challenges, and its reasons."""

import chess
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.rules.challenges import Accept, ChallengePolicy, Decline, Load, decide
from crabstick.rules.engine_choice import Traits
from crabstick.rules.lichess_types import Challenge, DeclineReason, LichessPlayer
from tests.builders import a_challenge, a_clock, a_policy, seconds

FREE = Load(games=0, has_room=True)


def test_five_plus_three_from_a_human_is_accepted() -> None:
    assert decide(a_challenge(clock=a_clock(300, 3)), a_policy(), FREE) == Accept()


@pytest.mark.parametrize(
    ("challenge", "policy", "reason"),
    [
        (
            a_challenge(challenger=LichessPlayer(name="b", title="BOT")),
            a_policy(accept_bots=False),
            "noBot",
        ),
        (a_challenge(variant="atomic"), a_policy(), "variant"),
        (a_challenge(clock=None, time_control="unlimited"), a_policy(), "timeControl"),
        (a_challenge(speed="ultraBullet"), a_policy(), "timeControl"),
        (a_challenge(clock=a_clock(15, 1)), a_policy(), "tooFast"),
        (a_challenge(clock=a_clock(60, 1)), a_policy(min_increment=seconds(2)), "tooFast"),
        (a_challenge(clock=a_clock(3600, 0)), a_policy(), "tooSlow"),
        (a_challenge(clock=a_clock(60, 30)), a_policy(), "tooSlow"),
        (a_challenge(rated=True), a_policy(modes=frozenset({"casual"})), "casual"),
        (a_challenge(rated=False), a_policy(modes=frozenset({"rated"})), "rated"),
    ],
)
def test_each_objection_has_its_own_reason(
    challenge: Challenge, policy: ChallengePolicy, reason: DeclineReason
) -> None:
    assert decide(challenge, policy, FREE) == Decline(reason=reason)


ODDS, THEME = "4k3/8/8/8/8/8/8/R3K3 w Q - 0 1", "4k3/8/8/8/8/8/8/Q3K3 w"


@pytest.mark.parametrize(
    ("fen", "our_color", "verdict"),
    [
        (ODDS, chess.BLACK, Accept()),
        (ODDS, chess.WHITE, Decline(reason="generic")),  # as after a rematch
        (ODDS, None, Decline(reason="generic")),
        (f"{THEME} - - 5 9", None, Accept()),
        ("4k3/8/8/8/8/8/8/4K2R w K - 0 1", chess.BLACK, Decline(reason="variant")),
        (None, None, Decline(reason="variant")),
    ],
)
def test_with_positions_all_others_are_declined(
    fen: str | None, our_color: chess.Color | None, verdict: Accept | Decline
) -> None:
    positions = (
        Traits(variant="fromPosition", fen=ODDS, color=chess.BLACK),
        Traits(variant="fromPosition", fen=THEME),
    )
    policy = a_policy(variants=frozenset({"standard", "fromPosition"}), positions=positions)
    challenge = a_challenge(variant="fromPosition", initial_fen=fen, our_color=our_color)
    assert decide(challenge, policy, FREE) == verdict
    assert decide(a_challenge(), policy, FREE) == Accept()
    assert decide(challenge, a_policy(positions=positions), FREE) == Decline(reason="variant")


@pytest.mark.parametrize("initial_s", [30, 1800])
def test_the_ends_of_the_range_are_inside(initial_s: int) -> None:
    assert decide(a_challenge(clock=a_clock(initial_s, 0)), a_policy(), FREE) == Accept()


@pytest.mark.parametrize(
    ("title", "verdict"),
    [("BOT", Decline(reason="later", wants_room=True)), ("GM", Accept()), (None, Accept())],
)
def test_a_human_waits_for_a_node_and_a_bot_is_declined_for_now(
    title: str | None, verdict: Accept | Decline
) -> None:
    grows = Load(games=0, has_room=False, may_grow=True)
    challenge = a_challenge(challenger=LichessPlayer(name="b", title=title))
    assert decide(challenge, a_policy(), grows) == verdict


def test_no_node_is_requested_beyond_max_games() -> None:
    full = Load(games=4, has_room=False, may_grow=True)
    assert decide(a_challenge(), a_policy(max_games=4), full) == Decline(reason="later")


@pytest.mark.parametrize(
    ("title", "verdict"), [("BOT", Decline(reason="later")), ("GM", Accept()), (None, Accept())]
)
def test_when_lichess_allows_no_more_games_against_bots_only_bots_are_declined(
    title: str | None, verdict: Accept | Decline
) -> None:
    challenge = a_challenge(challenger=LichessPlayer(name="x", title=title))
    spent = Load(games=0, has_room=True, may_play_bots=False)
    assert decide(challenge, a_policy(), spent) == verdict


@given(games=st.integers(0, 100), most=st.integers(1, 100), has_room=st.booleans())
def test_never_more_than_max_games_are_accepted(games: int, most: int, *, has_room: bool) -> None:
    verdict = decide(a_challenge(), a_policy(max_games=most), Load(games=games, has_room=has_room))
    expected = Accept() if games < most and has_room else Decline(reason="later")
    assert verdict == expected
