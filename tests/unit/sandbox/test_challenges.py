"""Challenges from creation to the game, and their limits."""

import chess
import pytest

from crabstick.sandbox import challenges
from crabstick.sandbox.errors import ApiError
from crabstick.sandbox.request_limits import BOT_DAY
from crabstick.sandbox.state import SandboxChallenge, World
from crabstick.sandbox.streams import Message
from tests.unit.sandbox.worlds import NOON_MS, a_world, events

CLOCK = {"clock.limit": "300", "clock.increment": "3"}
HOUR_MS = 3_600_000


def make(
    world: World, *, by: str = "sparring1", to: str = "crabstick", **form: str
) -> SandboxChallenge:
    challenge, _ = challenges.create(world, world.accounts[by], to, {**CLOCK, **form}, NOON_MS)
    return challenge


def accept(world: World, challenge: SandboxChallenge, *, by: str = "crabstick") -> None:
    challenges.accept(world, world.accounts[by], challenge.id, NOON_MS + 100)


def unwatched(_challenge_id: str) -> bool:
    return False


def test_both_sides_get_a_new_challenge_with_their_own_compat() -> None:
    world = a_world()
    _, messages = challenges.create(world, world.accounts["visitor"], "crabstick", CLOCK, NOON_MS)
    (mine,) = events(messages, "crabstick")
    (theirs,) = events(messages, "visitor")
    assert (mine["type"], mine["compat"]["bot"]) == ("challenge", True)
    assert theirs["compat"]["bot"] is False
    assert "direction" not in mine["challenge"]


@pytest.mark.parametrize(
    ("by", "to", "form", "why"),
    [
        ("sparring1", "nobody", {}, "No such user: nobody"),
        ("sparring1", "Sparring1", {}, "You cannot challenge yourself"),
        ("sparring1", "crabstick", {"rules": "noAbort"}, "Rules not applicable for bots"),
        (
            "visitor",
            "crabstick",
            {"clock.limit": "15", "clock.increment": "0"},
            "Bots cannot play UltraBullet. Choose a slower time control.",
        ),
    ],
)
def test_a_challenge_is_refused_in_lichess_words(
    by: str, to: str, form: dict[str, str], why: str
) -> None:
    world = a_world()
    with pytest.raises(ApiError) as error:
        make(world, by=by, to=to, **form)
    assert (error.value.status, error.value.body) == (400, {"error": why})


def test_a_bot_may_not_send_ultra_bullet_but_half_a_minute_is_fine() -> None:
    world = a_world()
    with pytest.raises(ApiError) as error:
        make(world, **{"clock.limit": "15", "clock.increment": "0"})
    assert error.value.body["global"] == ["Invalid speed"]
    assert make(world, **{"clock.limit": "30", "clock.increment": "0"}).status == "created"


def test_accepting_starts_the_game_under_the_challenges_id() -> None:
    world = a_world()
    challenge = make(world, color="black")
    accept(world, challenge)
    game = world.games[challenge.id]
    assert game.players[chess.BLACK].id == "sparring1"
    assert (challenge.status, challenge.answered_ms) == ("accepted", NOON_MS + 100)


def test_a_challenge_is_only_accepted_by_its_target_and_only_once() -> None:
    world = a_world()
    challenge = make(world)
    with pytest.raises(ApiError, match="Not found"):
        accept(world, challenge, by="sparring2")
    accept(world, challenge)
    with pytest.raises(ApiError, match="Not found"):
        accept(world, challenge)


def test_declining_sends_the_reason_to_both_sides() -> None:
    world = a_world()
    challenge = make(world)
    messages = challenges.decline(
        world, world.accounts["crabstick"], challenge.id, "TOOFAST", NOON_MS
    )
    for user_id in ("crabstick", "sparring1"):
        (event,) = events(messages, user_id)
        assert event["type"] == "challengeDeclined"
        assert event["challenge"]["declineReasonKey"] == "toofast"
        assert event["challenge"]["declineReason"].startswith("This time control is too fast")
        assert "compat" not in event
    assert messages[-1] == Message("challenge", challenge.id, b'{"done":"declined"}', is_last=True)
    with pytest.raises(ApiError, match=r"The challenge has been declined\."):
        accept(world, challenge)


def test_an_unknown_reason_is_generic() -> None:
    world = a_world()
    challenge = make(world)
    challenges.decline(world, world.accounts["crabstick"], challenge.id, "mood", NOON_MS)
    assert challenge.decline_key == "generic"


def test_canceling_is_sent_to_both_sides() -> None:
    world = a_world()
    challenge = make(world)
    messages = challenges.cancel(world, world.accounts["sparring1"], challenge.id, NOON_MS)
    (event,) = events(messages, "crabstick")
    assert (event["type"], event["challenge"]["status"]) == ("challengeCanceled", "canceled")
    with pytest.raises(ApiError, match=r"The challenge has been canceled\."):
        accept(world, challenge)


def test_canceling_a_challenge_for_me_declines_it() -> None:
    world = a_world()
    challenge = make(world)
    challenges.cancel(world, world.accounts["crabstick"], challenge.id, NOON_MS)
    assert (challenge.status, challenge.decline_key) == ("declined", "generic")


def test_canceling_what_became_a_game_aborts_it_or_wants_a_token() -> None:
    world = a_world()
    challenge = make(world)
    accept(world, challenge)
    challenges.cancel(world, world.accounts["sparring1"], challenge.id, NOON_MS)
    assert world.games[challenge.id].status.name == "aborted"
    with pytest.raises(ApiError, match="Not found"):
        challenges.cancel(world, world.accounts["sparring1"], challenge.id, NOON_MS)


def test_a_second_challenge_to_the_same_player_cancels_the_first_without_a_word() -> None:
    world = a_world()
    first = make(world)
    second, messages = challenges.create(
        world, world.accounts["sparring1"], "crabstick", CLOCK, NOON_MS
    )
    assert (first.status, second.status) == ("canceled", "created")
    assert [event["type"] for event in events(messages, "crabstick")] == ["challenge"]


def test_after_twenty_seconds_a_clock_challenge_is_offline_but_can_be_accepted() -> None:
    world = a_world()
    challenge = make(world)
    challenges.expire(world, unwatched, NOON_MS + 19_000)
    assert challenge.status == "created"
    challenges.expire(world, unwatched, NOON_MS + 21_000)
    assert challenge.status == "offline"
    assert challenges.incoming(world, world.accounts["crabstick"]) == []
    accept(world, challenge)
    assert challenge.id in world.running


def test_an_offline_challenge_is_forgotten_after_three_hours() -> None:
    world = a_world()
    challenge = make(world)
    for hours in (1, 4):
        challenges.expire(world, unwatched, NOON_MS + hours * HOUR_MS)
    with pytest.raises(ApiError):
        accept(world, challenge)


def test_a_challenge_without_a_clock_does_not_go_offline() -> None:
    world = a_world()
    challenge, _ = challenges.create(
        world, world.accounts["sparring1"], "crabstick", {"days": "3"}, NOON_MS
    )
    challenges.expire(world, unwatched, NOON_MS + HOUR_MS)
    assert challenge.status == "created"


def test_twenty_five_challenges_a_minute_and_no_more() -> None:
    world = a_world()
    for _ in range(25):
        make(world)
    with pytest.raises(ApiError) as error:
        make(world)
    assert error.value.status == 429
    assert error.value.body == {"error": "Too many requests. Try again later."}


def play_all_of_today(world: World, user_id: str) -> None:
    for _ in range(BOT_DAY.allowance):
        world.limits.charge(BOT_DAY, user_id, NOON_MS)


def test_a_bot_that_played_a_hundred_bots_today_gets_a_429() -> None:
    world = a_world()
    play_all_of_today(world, "sparring1")
    with pytest.raises(ApiError) as error:
        make(world)
    assert error.value.status == 429
    assert error.value.body == {
        "error": "You played 100 games against other bots today, "
        "please wait before challenging another bot.",
        "ratelimit": {"key": "bot.vsBot.day", "seconds": 86_400},
    }


def test_challenging_such_a_bot_is_a_400_with_the_time_to_wait() -> None:
    world = a_world()
    play_all_of_today(world, "crabstick")
    with pytest.raises(ApiError) as error:
        make(world)
    assert error.value.status == 400
    assert error.value.reason == (
        "crabstick played 100 games against other bots today, "
        "please wait until 2027-01-16T08:00:00Z to challenge them."
    )


def test_accepting_counts_the_game_for_both_bots_and_humans_are_free() -> None:
    world = a_world()
    play_all_of_today(world, "crabstick")
    challenge = make(world, by="visitor")
    accept(world, challenge)
    assert challenge.status == "accepted"
    other = a_world()
    accept(other, make(other))
    for _ in range(BOT_DAY.allowance - 1):
        other.limits.charge(BOT_DAY, "sparring1", NOON_MS)
    assert other.limits.wait_s(BOT_DAY, "sparring1", NOON_MS) > 0


def test_a_chess960_game_draws_its_start_at_acceptance() -> None:
    world = a_world()
    challenge = make(world, variant="chess960")
    accept(world, challenge)
    game = world.games[challenge.id]
    assert game.terms.initial_fen is not None
    assert game.board.chess960_pos() is not None
