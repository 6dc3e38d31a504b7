"""The account's ear: challenges are answered once, games are passed on until they were heard."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import chess
import pytest
from ray.exceptions import ActorUnavailableError, RayActorError

from actors.event_listener.event_listener import EventListener
from actors.messages import GameUpdate, LoadAnswer, Packed, Report
from crabstick.errors import ConfigError, RateLimited, StreamSilent, Unauthorized, Unavailable
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.limits import BOT_GAMES_KEY
from crabstick.rules.model import (
    Challenge,
    ChallengeEnded,
    ChallengeMade,
    GameId,
    GameSummary,
    Player,
    Unexpected,
)
from crabstick.rules.stream_budget import ALLOWED, WINDOW
from tests.builders import a_challenge, a_clock, seconds
from tests.fakes.lichess import FakeLichess
from tests.unit.actors.configs import BOT, a_config
from tests.unit.actors.handles import FakeHandle
from tests.unit.virtual_time import until, virtual_loop

GAME = GameId("abcdefgh")


class Manager:
    """The WorkerSet's side: it knows the games that it was told of."""

    def __init__(self, room: int) -> None:
        self.games: dict[str, GameUpdate] = {}
        self.room = room
        self.may_grow = False
        self.calls_for_room = 0
        self.reports: list[Report] = []
        self.rate_limits = RateLimits(virtual_loop().time)

    async def game_started(self, message: Packed) -> None:
        news = GameUpdate.read(message)
        self.games[news.game] = news

    async def game_finished(self, message: Packed) -> None:
        self.games.pop(GameUpdate.read(message).game, None)

    async def load(self, _message: Packed) -> Packed:
        room = self.room - len(self.games)
        answer = LoadAnswer(
            games=tuple(self.games),
            room=room,
            may_grow=self.may_grow,
            limits=self.rate_limits.export(),
        )
        return answer.pack()

    async def room_wanted(self, _message: Packed) -> None:
        self.calls_for_room += 1

    async def report(self, message: Packed) -> None:
        report = Report.read(message)
        self.reports.append(report)
        self.rate_limits.merge(report.limits)

    def count(self, metric: str, label: str | None) -> int:
        counts = [entry for report in self.reports for entry in report.counts]
        return sum(by for name, which, by in counts if (name, which) == (metric, label))


class Post:
    """A listener between a fake Lichess and a fake WorkerSet."""

    def __init__(self, *, room: int = 100, challenges: Mapping[str, Any] | None = None) -> None:
        self.lichess = FakeLichess()
        self.manager = Manager(room)
        self.handle = FakeHandle(self.manager)
        self.config = a_config("event-listener", challenges=challenges or {}).pack()
        self.begin()

    def begin(self) -> None:
        """The listener's process starts."""
        self.listener = EventListener(self.config, self.handle, self.lichess)

    def crash(self) -> None:
        """The listener's process dies, and nothing of it goes on."""
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        self.lichess._stream = None

    async def listening(self) -> None:
        """Returns when the stream is open."""
        await until(lambda: self.lichess._stream is not None and self.lichess._stream.is_open)

    async def describe(self) -> Packed:
        return await self.listener.describe({"v": 1})

    async def challenged(self, challenge: Challenge | None = None) -> None:
        """Somebody challenges us, and the answer is given."""
        await self.listening()
        self.lichess.challenged(challenge or to_us())
        await until(self.answers)

    def answers(self) -> int:
        return len(self.lichess.accepted) + len(self.lichess.declined)


def to_us(number: int | None = None, **changes: Any) -> Challenge:
    game = GAME if number is None else GameId(f"game{number:04d}")
    return a_challenge(id=game, dest_user=Player(name=BOT, title="BOT"), **changes)


def a_game(game: GameId = GAME, **changes: Any) -> GameSummary:
    fields: dict[str, Any] = {
        "id": game,
        "color": chess.WHITE,
        "opponent": Player(name="Alice"),
        "speed": "blitz",
        "is_my_turn": True,
        "time_left": seconds(300),
    }
    return GameSummary(**{**fields, **changes})


def ages_of(manager: Manager) -> list[float]:
    return [report.hearing.age_s for report in manager.reports if report.hearing]


# Challenges.


async def test_a_challenge_that_fits_is_accepted() -> None:
    post = Post()
    await post.challenged()
    assert (post.lichess.accepted, post.lichess.declined) == ([GAME], [])


async def test_a_challenge_that_does_not_fit_is_declined_with_the_reason() -> None:
    post = Post()
    await post.challenged(to_us(clock=a_clock(15, 0)))
    assert (post.lichess.accepted, post.lichess.declined) == ([], [(GAME, "tooFast")])


async def test_a_challenge_is_answered_within_a_second() -> None:
    post = Post()
    await post.listening()
    began_s = virtual_loop().time()
    await post.challenged()
    assert virtual_loop().time() - began_s < 1


async def test_a_silent_worker_set_delays_the_answer_by_less_than_a_second() -> None:
    post = Post()
    post.handle.is_silent = True
    await post.listening()
    began_s = virtual_loop().time()
    await post.challenged()
    assert virtual_loop().time() - began_s < 1


@pytest.mark.parametrize(
    "error", [RayActorError(), ActorUnavailableError("restarting", None), None]
)
async def test_a_worker_set_that_cannot_answer_stops_no_answer(error: Exception | None) -> None:
    post = Post()
    if error is None:

        async def nonsense(_message: Packed) -> Packed:
            return {"v": 99}

        post.manager.load = nonsense  # type: ignore[method-assign]  # one that speaks otherwise
    else:
        post.handle.errors.append(error)
    await post.challenged()
    assert post.lichess.accepted == [GAME]


async def test_of_eight_challenges_at_once_as_many_are_accepted_as_games_are_wanted() -> None:
    post = Post(challenges={"max_games": 3})
    await post.listening()
    for number in range(8):
        post.lichess.challenged(to_us(number))
    await until(lambda: post.answers() == 8)
    assert len(post.lichess.accepted) == 3
    assert {reason for _, reason in post.lichess.declined} == {"later"}


async def test_of_eight_challenges_at_once_no_more_are_accepted_than_there_is_room() -> None:
    post = Post(room=2, challenges={"max_games": 8})
    await post.listening()
    for number in range(8):
        post.lichess.challenged(to_us(number))
    await until(lambda: post.answers() == 8)
    assert len(post.lichess.accepted) == 2


async def test_a_silent_worker_set_does_not_make_it_forget_what_it_accepted() -> None:
    post = Post(challenges={"max_games": 2})
    post.handle.is_silent = True
    await post.listening()
    for number in range(6):
        post.lichess.challenged(to_us(number))
        await asyncio.sleep(30)
    assert len(post.lichess.accepted) == 2


async def test_a_game_that_ended_makes_room_even_while_the_worker_set_is_silent() -> None:
    post = Post(challenges={"max_games": 1})
    await post.challenged()
    await until(lambda: post.manager.games)
    post.lichess.challenged(to_us(1))
    await until(lambda: post.answers() == 2)
    post.handle.is_silent = True
    post.lichess.finished(GAME)
    post.lichess.challenged(to_us(2))
    await until(lambda: post.answers() == 3)
    assert post.lichess.accepted == [GAME, "game0002"]


async def test_an_accepted_challenge_whose_game_never_comes_frees_its_place() -> None:
    post = Post(challenges={"max_games": 1})
    await post.challenged()
    await until(lambda: post.manager.games)
    del post.manager.games[GAME]
    await asyncio.sleep(21)
    post.lichess.challenged(to_us(1))
    await until(lambda: post.answers() == 2)
    assert post.lichess.accepted == [GAME, "game0001"]


async def test_a_challenge_that_is_withdrawn_frees_its_place() -> None:
    post = Post(challenges={"max_games": 1})
    await post.challenged()
    post.manager.games.clear()
    post.lichess.send(ChallengeEnded(id=GAME))
    post.lichess.challenged(to_us(1))
    await until(lambda: post.answers() == 2)
    assert post.lichess.accepted == [GAME, "game0001"]


async def test_a_challenge_is_answered_once_though_the_stream_tells_it_again() -> None:
    post = Post()
    await post.listening()
    slow = to_us()
    post.lichess.challenged(slow)
    post.lichess.challenged(slow)
    post.lichess.end_stream()
    await asyncio.sleep(5)
    assert post.lichess.accepted == [GAME]
    assert post.manager.count("crabstick_challenges_total", "failed") == 0


async def test_our_own_challenges_and_open_ones_are_left_alone() -> None:
    post = Post()
    await post.listening()
    post.lichess.challenged(a_challenge(dest_user=Player(name="Alice")))
    post.lichess.challenged(a_challenge(dest_user=None))
    await asyncio.sleep(5)
    assert post.answers() == 0


async def test_our_name_is_ours_in_any_case() -> None:
    post = Post()
    await post.challenged(a_challenge(dest_user=Player(name=BOT.upper())))
    assert post.lichess.accepted == [GAME]


@pytest.mark.parametrize(
    ("fault", "waits_s"), [(RateLimited("slowly", seconds(7)), 7), (Unavailable("502"), 0)]
)
async def test_an_answer_that_did_not_arrive_is_given_again(
    fault: RateLimited | Unavailable, waits_s: float
) -> None:
    post = Post()
    await post.listening()
    post.lichess.faults.append(fault)
    began_s = virtual_loop().time()
    await post.challenged()
    assert post.lichess.accepted == [GAME]
    assert waits_s <= virtual_loop().time() - began_s < waits_s + 1


async def test_an_accept_that_has_to_wait_does_not_exceed_the_games_that_are_wanted() -> None:
    post = Post(challenges={"max_games": 1})
    await post.listening()
    post.lichess.faults.append(RateLimited("slowly", seconds(40)))
    post.lichess.challenged(to_us(1))
    await asyncio.sleep(30)
    post.lichess.challenged(to_us(2))
    await until(lambda: post.answers() == 2)
    assert (post.lichess.accepted, post.lichess.declined) == (
        ["game0002"],
        [("game0001", "later")],
    )


async def test_a_challenge_that_had_to_wait_too_long_is_not_accepted_any_more() -> None:
    """The challenger of a real-time game has gone by then, and would leave us alone in it."""
    post = Post()
    await post.listening()
    post.lichess.faults.append(RateLimited("slowly", seconds(50)))
    await post.challenged()
    assert (post.lichess.accepted, post.lichess.declined) == ([], [(GAME, "later")])


async def test_shutting_down_waits_for_what_is_being_answered_and_answers_nothing_more() -> None:
    post = Post()
    await post.listening()
    post.lichess.faults.append(Unavailable("502"))
    post.lichess.challenged(to_us(1))
    await asyncio.sleep(0.01)
    closing = asyncio.ensure_future(post.listener.shut_down({"v": 1}))
    await asyncio.sleep(0.01)
    post.lichess.challenged(to_us(2))
    await until(lambda: post.lichess.accepted == ["game0001"])
    assert not closing.done()  # nobody has told the WorkerSet of that game yet
    post.manager.games["game0001"] = GameUpdate(game="game0001")
    await closing
    assert post.answers() == 1


async def test_shutting_down_waits_for_some_seconds_only() -> None:
    post = Post()
    await post.listening()
    post.lichess.faults += [Unavailable("502")] * 100
    post.lichess.challenged(to_us(1))
    await asyncio.sleep(0.01)
    began_s = virtual_loop().time()
    await post.listener.shut_down({"v": 1})
    assert virtual_loop().time() - began_s < 4


async def test_a_challenge_outlives_some_seconds_of_server_errors() -> None:
    post = Post()
    await post.listening()
    post.lichess.faults += [Unavailable("502")] * 5
    await post.challenged()
    assert post.lichess.accepted == [GAME]
    assert post.manager.count("crabstick_challenges_total", "failed") == 0


async def test_after_twenty_seconds_it_gives_up_and_frees_the_place() -> None:
    post = Post(challenges={"max_games": 1})
    await post.listening()
    post.lichess.faults += [Unavailable("502")] * 100
    post.lichess.challenged(to_us(1))
    await asyncio.sleep(60)
    post.lichess.faults.clear()
    post.lichess.challenged(to_us(2))
    await until(post.answers)
    await asyncio.sleep(5)
    assert post.lichess.accepted == ["game0002"]
    assert post.manager.count("crabstick_challenges_total", "failed") == 1


async def test_a_challenge_that_was_given_up_is_answered_when_the_stream_tells_of_it_again() -> (
    None
):
    post = Post()
    await post.listening()
    post.lichess.faults += [Unavailable("502")] * 100
    post.lichess.challenged(to_us())
    await asyncio.sleep(60)
    assert post.answers() == 0
    post.lichess.faults.clear()
    post.lichess.challenged(to_us())
    await until(post.answers)
    assert post.lichess.accepted == [GAME]


async def test_a_refused_answer_is_not_given_again() -> None:
    post = Post()
    await post.listening()
    post.lichess.challenged(to_us())
    post.lichess.canceled(GAME)
    await asyncio.sleep(5)
    assert post.answers() == 0
    assert post.manager.count("crabstick_challenges_total", "failed") == 1


async def test_answers_are_counted() -> None:
    post = Post(challenges={"max_games": 1})
    await post.listening()
    post.lichess.challenged(to_us(1))
    post.lichess.challenged(to_us(2))
    await asyncio.sleep(5)
    outcomes = ("accepted", "later")
    assert [post.manager.count("crabstick_challenges_total", o) for o in outcomes] == [1, 1]


async def test_only_so_many_answered_challenges_are_remembered() -> None:
    post = Post()
    await post.listening()
    for number in range(501):
        post.lichess.challenged(to_us(number, variant="atomic"))
    await until(lambda: post.answers() == 501)
    assert len(post.listener._answered) == 500


# Games.


async def test_a_game_is_passed_on_with_its_clock() -> None:
    post = Post()
    await post.listening()
    post.lichess.started(a_game())
    await until(lambda: post.manager.games)
    news = GameUpdate(game=GAME, opponent="Alice", speed="blitz", left_ms=300_000)
    assert post.manager.games == {GAME: news}


async def test_games_are_passed_on_until_they_were_heard() -> None:
    post = Post()
    await post.listening()
    post.handle.errors += [RayActorError(), RayActorError(), RayActorError()]
    post.lichess.started(a_game())
    await until(lambda: post.manager.games)
    assert len(post.handle.sent("game_started")) >= 2


async def test_the_end_of_a_game_is_passed_on_too() -> None:
    post = Post()
    await post.listening()
    post.lichess.started(a_game())
    await until(lambda: post.manager.games)
    post.lichess.finished(GAME)
    await until(lambda: not post.manager.games)


async def test_a_worker_set_that_never_hears_is_given_up() -> None:
    post = Post()
    post.handle.is_silent = True
    await post.listening()
    post.lichess.started(a_game())
    await asyncio.sleep(600)
    assert len(post.handle.sent("game_started")) == 10


async def test_a_game_that_the_bot_api_cannot_play_is_not_passed_on() -> None:
    post = Post()
    await post.listening()
    post.lichess.started(a_game(bot_playable=False))
    await asyncio.sleep(5)
    assert post.handle.sent("game_started") == []


async def test_a_stream_that_opens_again_tells_the_running_games_again() -> None:
    post = Post()
    await post.listening()
    post.lichess.started(a_game())
    await until(lambda: post.manager.games)
    post.manager.games.clear()
    post.lichess.end_stream()
    await until(lambda: post.manager.games)


# The stream.


async def test_it_was_never_heard_before_the_first_line() -> None:
    post = Post()
    await post.listening()
    assert (await post.describe())["age_s"] is None


async def test_a_keep_alive_is_a_word_of_lichess() -> None:
    post = Post()
    await post.listening()
    post.lichess.send(None)
    await asyncio.sleep(4)
    age_s = (await post.describe())["age_s"]
    assert age_s == pytest.approx(4, abs=0.1)


async def test_odd_lines_disturb_nothing() -> None:
    post = Post()
    await post.listening()
    post.lichess.send(Unexpected(why="{}"))
    await post.challenged()


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        (StreamSilent("nothing came"), "nothing came"),
        (Unauthorized("the token is no good"), "the token is no good"),
        (ConfigError("there is no Lichess token"), "there is no Lichess token"),
    ],
)
async def test_why_it_does_not_hear_is_told_until_it_hears(how: Any, problem: str) -> None:
    post = Post()
    post.lichess.faults += [how] * 3
    await asyncio.sleep(0.1)
    assert (await post.describe())["problem"] == problem
    await until(lambda: not post.lichess.faults)
    await post.listening()
    post.lichess.send(None)
    await asyncio.sleep(0.1)
    assert (await post.describe())["problem"] == ""


async def test_a_limited_stream_is_left_alone_for_as_long_as_lichess_asks() -> None:
    post = Post()
    post.lichess.faults.append(RateLimited("slowly", seconds(40)))
    await asyncio.sleep(39)
    assert post.lichess._stream is None
    await post.listening()


async def test_a_limit_without_a_time_means_a_minute() -> None:
    post = Post()
    post.lichess.faults.append(RateLimited("slowly"))
    await asyncio.sleep(59)
    assert post.lichess._stream is None
    await post.listening()


async def test_reconnects_and_limits_are_counted() -> None:
    post = Post()
    post.lichess.faults.append(RateLimited("slowly", seconds(1)))
    await asyncio.sleep(5)
    assert post.manager.count("crabstick_rate_limited_total", "event_stream") == 1
    assert post.manager.count("crabstick_stream_reconnects_total", "event") == 1


async def test_a_report_that_was_not_heard_is_made_up_for() -> None:
    post = Post()
    post.handle.is_silent = True
    await post.challenged()
    await asyncio.sleep(10)
    post.handle.is_silent = False
    await asyncio.sleep(10)
    assert post.manager.count("crabstick_challenges_total", "accepted") == 1


async def test_the_age_of_the_stream_is_reported() -> None:
    post = Post()
    await post.listening()
    post.lichess.send(None)
    await asyncio.sleep(9)
    assert ages_of(post.manager)[-1] == pytest.approx(9, abs=1.1)


async def test_a_stream_that_was_never_heard_is_as_old_as_its_listener() -> None:
    post = Post()
    post.lichess.faults.append(RateLimited("slowly", seconds(600)))
    await asyncio.sleep(60)
    assert ages_of(post.manager)[-1] == pytest.approx(60, abs=3)


async def test_a_mistake_of_our_own_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    post = Post()
    await post.listening()
    with monkeypatch.context() as patched:
        patched.setattr("actors.event_listener.event_listener.decide", lambda *_: 1 / 0)
        post.lichess.challenged(to_us(1))
        await asyncio.sleep(1)
    await post.challenged(to_us(2))
    assert post.lichess.accepted == ["game0002"]


@pytest.mark.parametrize(("life_s", "least"), [(0.1, 20), (15, 20), (19, 20), (59, 10)])
async def test_a_stream_that_somebody_keeps_cutting_is_opened_within_lichess_s_budget(
    life_s: float, least: int
) -> None:
    """Two hosts with one token end each other's stream; Lichess stands 30 openings in 10 min."""
    post = Post()
    loop, openings = asyncio.get_running_loop(), 0
    until_s = loop.time() + WINDOW.total_seconds()
    while loop.time() < until_s:
        await post.listening()
        openings += 1
        post.lichess.send(None)
        await asyncio.sleep(life_s)
        post.lichess.end_stream()
        await asyncio.sleep(0.1)
    assert least <= openings <= ALLOWED


async def test_a_stream_that_lived_a_while_is_opened_again_at_once() -> None:
    post = Post()
    for _ in range(3):
        await post.listening()
        post.lichess.end_stream()
        await asyncio.sleep(0.1)
    await post.listening()
    await asyncio.sleep(61)
    post.lichess.end_stream()
    ended_s = virtual_loop().time()
    await post.listening()
    assert virtual_loop().time() - ended_s < 0.3


async def test_a_surprise_while_listening_does_not_make_it_deaf() -> None:
    post = Post()
    await post.listening()
    post.lichess.send(ChallengeMade(challenge=cast("Challenge", None)))
    await asyncio.sleep(5)
    await post.challenged()
    assert post.lichess.accepted == [GAME]


# RateLimitTable and budgets, which are the bot's.


async def test_a_rate_limit_is_raised_at_once() -> None:
    post = Post()
    post.lichess.faults.append(RateLimited("slowly", seconds(40)))
    await asyncio.sleep(0.1)
    assert seconds(39) < post.manager.rate_limits.wait("event_stream") <= seconds(40)


async def test_a_limited_challenge_makes_the_next_one_wait_too() -> None:
    post = Post()
    await post.listening()
    post.lichess.faults.append(RateLimited("slowly", seconds(7)))
    post.lichess.challenged(to_us(1))
    await asyncio.sleep(0.1)
    post.lichess.faults.append(RateLimited("never asked", seconds(600)))
    post.lichess.challenged(to_us(2))
    await asyncio.sleep(6)
    post.lichess.faults.clear()
    assert post.answers() == 0
    await until(lambda: post.answers() == 2, within_s=2)


async def test_a_spent_budget_of_bot_games_declines_bots_at_once_and_takes_people() -> None:
    post = Post()
    await post.listening()
    bot = Player(name="sparring", title="BOT")
    post.lichess.faults.append(RateLimited("100 games", seconds(9000), BOT_GAMES_KEY))
    post.lichess.challenged(to_us(1, challenger=bot))
    await until(lambda: post.answers() == 1, within_s=1)
    post.lichess.challenged(to_us(2, challenger=bot))
    post.lichess.challenged(to_us(3))
    await until(lambda: post.answers() == 3, within_s=1)
    assert post.lichess.declined == [("game0001", "later"), ("game0002", "later")]
    assert post.lichess.accepted == ["game0003"]
    assert post.manager.count("crabstick_rate_limited_total", "bot_game") == 1


@pytest.mark.usefixtures("wall_clock")
async def test_after_a_restart_a_limit_still_holds() -> None:
    post = Post()
    post.lichess.faults.append(RateLimited("slowly", seconds(40)))
    await asyncio.sleep(10)
    post.crash()
    post.begin()
    await asyncio.sleep(29)
    assert post.lichess._stream is None
    await post.listening()


async def test_a_worker_set_that_says_nothing_delays_the_first_opening_by_eight_seconds() -> None:
    post = Post()
    post.handle.is_silent = True
    began_s = virtual_loop().time()
    await post.listening()
    assert virtual_loop().time() - began_s < 8.1


@pytest.mark.usefixtures("wall_clock")
async def test_a_listener_that_keeps_crashing_stays_within_lichess_s_budget() -> None:
    post = Post()
    loop, openings = asyncio.get_running_loop(), 0
    until_s = loop.time() + WINDOW.total_seconds()
    while loop.time() < until_s:
        await post.listening()
        openings += 1
        await asyncio.sleep(0.1)
        post.crash()
        post.begin()
    assert 20 <= openings <= ALLOWED


async def test_what_the_budget_makes_wait_is_shown_as_a_limit() -> None:
    post = Post()
    for _ in range(40):
        await post.listening()
        post.lichess.end_stream()
        await asyncio.sleep(0.1)
    await until(lambda: post.manager.rate_limits.wait("event_stream") > seconds(5), within_s=3)


async def test_somebody_else_with_our_token_is_named_until_a_stream_lives() -> None:
    post = Post()
    for _ in range(3):
        await post.listening()
        post.lichess.send(None)
        await asyncio.sleep(1)
        post.lichess.end_stream()
        await asyncio.sleep(0.1)
    await post.listening()
    post.lichess.send(None)
    await asyncio.sleep(3)
    hearing = post.manager.reports[-1].hearing
    assert hearing is not None
    assert "each of the last 3 openings: somebody else seems to use this token" in hearing.problem
    await asyncio.sleep(60)
    post.lichess.send(None)
    await asyncio.sleep(0.1)
    assert (await post.describe())["problem"] == ""


async def test_of_two_bots_with_one_token_both_say_so_and_neither_is_too_loud() -> None:
    """Each opening ends the other's stream, as on Lichess."""
    post = Post()
    other = EventListener(post.config, FakeHandle(Manager(100)), post.lichess)
    openings_s: list[float] = []
    opening = post.lichess.events

    def counted() -> Any:
        openings_s.append(virtual_loop().time())
        return opening()

    post.lichess.events = counted  # type: ignore[method-assign]  # Lichess's side counts
    for _ in range(600):
        await asyncio.sleep(1)
        post.lichess.send(None)
    problems = [(await post.describe())["problem"], (await other.describe({"v": 1}))["problem"]]
    assert all("somebody else seems to use this token" in str(problem) for problem in problems)
    assert len(openings_s) <= 2 * ALLOWED


# Room that is to come.


async def test_a_human_is_taken_when_a_node_has_to_come_first_and_a_bot_is_not() -> None:
    post = Post(room=0)
    post.manager.may_grow = True
    await post.challenged(to_us(1, challenger=Player(name="somebody")))
    post.lichess.challenged(to_us(2, challenger=Player(name="engine", title="BOT")))
    await until(lambda: post.answers() == 2)
    await until(lambda: post.manager.calls_for_room == 1)
    assert post.lichess.accepted == ["game0001"]
    assert post.lichess.declined == [("game0002", "later")]


async def test_on_a_cluster_that_does_not_grow_nobody_calls_for_room() -> None:
    post = Post(room=0)
    await post.challenged(to_us(1, challenger=Player(name="engine", title="BOT")))
    assert (post.lichess.declined, post.manager.calls_for_room) == ([("game0001", "later")], 0)
