"""The EventListener answers each challenge once, and passes games on until they arrive."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

import chess
import pytest
from ray.exceptions import ActorUnavailableError, RayActorError

from actors.event_listener.event_listener import EventListener
from actors.messages import GameUpdate, LoadAnswer, Order, OrderReply, Packed, Report
from crabstick.errors import ConfigError, RateLimited, StreamSilent, Unauthorized, Unavailable
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.lichess_types import (
    BOT_GAMES_KEY,
    Challenge,
    ChallengeEnded,
    ChallengeMade,
    GameId,
    GameSummary,
    LichessPlayer,
    Unexpected,
)
from crabstick.rules.stream_opening_budget import ALLOWED, WINDOW
from tests.builders import a_challenge, a_clock, seconds
from tests.fakes.lichess import FakeLichess
from tests.unit.actors.configs import BOT, a_config
from tests.unit.actors.handles import FakeHandle
from tests.unit.actors.watched_actors import FakeWatchedActor
from tests.unit.virtual_time import until, virtual_loop

GAME = GameId("abcdefgh")


class FakeWorkerSet:
    """The WorkerSet's side: knows the reported games."""

    def __init__(self, room: int) -> None:
        self.games: dict[str, GameUpdate] = {}
        self.room = room
        self.may_grow = False
        self.growing: tuple[str, ...] = ()
        self.room_requests = 0
        self.loads = 0
        self.rooms: dict[str, int] = {}
        self.reports: list[Report] = []
        self.rate_limits = RateLimits(virtual_loop().time)

    async def game_started(self, message: Packed) -> None:
        update = GameUpdate.read(message)
        self.games[update.game] = update

    async def game_finished(self, message: Packed) -> None:
        self.games.pop(GameUpdate.read(message).game, None)

    async def load(self, _message: Packed) -> Packed:
        self.loads += 1
        room = self.room - len(self.games)
        answer = LoadAnswer(
            games=tuple(self.games),
            room=room,
            rooms=self.rooms,
            may_grow=self.may_grow,
            growing=self.growing,
            limits=self.rate_limits.export(),
        )
        return answer.pack()

    async def room_wanted(self, _message: Packed) -> None:
        self.room_requests += 1

    async def report(self, message: Packed) -> None:
        report = Report.read(message)
        self.reports.append(report)
        self.rate_limits.merge(report.limits)

    def count(self, metric: str, label: str | None) -> int:
        counts = [entry for report in self.reports for entry in report.counts]
        return sum(by for name, which, by in counts if (name, which) == (metric, label))


class ListenerRig:
    """An EventListener between a fake Lichess and a fake WorkerSet."""

    def __init__(
        self,
        *,
        room: int = 100,
        lacks: Mapping[str, tuple[str, ...]] | None = None,
        **sections: object,
    ) -> None:
        self.lichess = FakeLichess()
        self.worker_set = FakeWorkerSet(room)
        self.handle = FakeHandle(self.worker_set)
        self.watched = FakeWatchedActor()
        self.config = a_config("event-listener", **sections).pack() | {"lacks": lacks or {}}
        self.start()

    def start(self) -> None:
        """Starts the listener's process."""
        self.listener = EventListener(self.config, self.handle, self.lichess, self.watched)

    def crash(self) -> None:
        """Ends the listener's process with all its tasks."""
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        self.lichess._stream = None

    async def wait_listening(self) -> None:
        """Returns when the stream is open."""
        await until(lambda: self.lichess._stream is not None and self.lichess._stream.is_open)

    async def describe(self) -> Packed:
        return await self.listener.describe({"v": 1})

    async def challenge(self, challenge: Challenge | None = None) -> None:
        """Sends a challenge, and waits for the answer."""
        await self.wait_listening()
        self.lichess.challenged(challenge or to_us())
        await until(self.answers)

    async def start_game(self, game: GameId = GAME) -> None:
        """Starts the game of an accepted challenge."""
        self.lichess.started(a_game(game))
        await until(lambda: game in self.worker_set.games)

    def end_game(self, game: GameId = GAME) -> None:
        """Ends a game."""
        self.lichess.finished(game)

    async def order(self, what: str, **words: str | int | None) -> str:
        """Has something done, and returns what the listener says."""
        message = Order(what=what, words=words).pack()
        reply = OrderReply.read(await self.listener.order(message))
        return reply.error or "; ".join(reply.lines)

    def line(self) -> list[str]:
        """Who waits for a game."""
        return [str(each.challenger) for each in self.listener._challenges.line()]

    def answers(self) -> int:
        return len(self.lichess.accepted) + len(self.lichess.declined)


async def a_listening_rig(**options: Any) -> ListenerRig:
    """A rig whose event stream is open."""
    rig = ListenerRig(**options)
    await rig.wait_listening()
    return rig


def to_us(number: int | None = None, **changes: Any) -> Challenge:
    game = GAME if number is None else GameId(f"game{number:04d}")
    return a_challenge(id=game, dest_user=LichessPlayer(name=BOT, title="BOT"), **changes)


def a_game(game: GameId = GAME, **changes: Any) -> GameSummary:
    fields: dict[str, Any] = {
        "id": game,
        "color": chess.WHITE,
        "opponent": LichessPlayer(name="Alice"),
        "speed": "blitz",
        "is_my_turn": True,
        "time_left": seconds(300),
    }
    return GameSummary(**{**fields, **changes})


def ages_of(worker_set: FakeWorkerSet) -> list[float]:
    return [report.hearing.age_s for report in worker_set.reports if report.hearing]


async def test_a_challenge_that_fits_is_accepted() -> None:
    rig = ListenerRig()
    await rig.challenge()
    assert (rig.lichess.accepted, rig.lichess.declined) == ([GAME], [])


async def test_a_challenge_that_does_not_fit_is_declined_with_the_reason() -> None:
    rig = ListenerRig()
    await rig.challenge(to_us(clock=a_clock(15, 0)))
    assert (rig.lichess.accepted, rig.lichess.declined) == ([], [(GAME, "tooFast")])


async def test_a_silent_worker_set_delays_the_answer_by_less_than_a_second() -> None:
    rig = ListenerRig()
    rig.handle.is_silent = True
    await rig.wait_listening()
    began_s = virtual_loop().time()
    await rig.challenge()
    assert virtual_loop().time() - began_s < 1


@pytest.mark.parametrize(
    "error", [RayActorError(), ActorUnavailableError("restarting", None), None]
)
async def test_a_challenge_is_answered_without_the_worker_set(error: Exception | None) -> None:
    rig = ListenerRig()
    if error is None:

        async def nonsense(_message: Packed) -> Packed:
            return {"v": 99}

        rig.worker_set.load = nonsense  # type: ignore[method-assign]  # one that speaks otherwise
    else:
        rig.handle.errors.append(error)
    await rig.challenge()
    assert rig.lichess.accepted == [GAME]


async def test_of_eight_challenges_at_once_only_as_many_are_accepted_as_fit() -> None:
    rig = await a_listening_rig(challenges={"max_games": 3})
    for number in range(8):
        rig.lichess.challenged(to_us(number))
    await until(lambda: rig.answers() == 8)
    assert len(rig.lichess.accepted) == 3
    assert {reason for _, reason in rig.lichess.declined} == {"later"}


async def test_only_challenges_of_the_same_moment_share_an_answer_on_the_load() -> None:
    rig = await a_listening_rig()
    asked = rig.worker_set.loads
    for number in range(3):
        rig.lichess.challenged(to_us(number))
    await until(lambda: rig.answers() == 3)
    assert rig.worker_set.loads == asked + 1
    rig.lichess.challenged(to_us(4))
    await until(lambda: rig.answers() == 4)
    assert rig.worker_set.loads == asked + 2


async def test_accepted_challenges_count_while_the_worker_set_is_silent() -> None:
    rig = ListenerRig(challenges={"max_games": 2})
    rig.handle.is_silent = True
    await rig.wait_listening()
    for number in range(6):
        rig.lichess.challenged(to_us(number))
        await asyncio.sleep(30)
    assert len(rig.lichess.accepted) == 2


async def test_a_game_that_ended_makes_room_even_while_the_worker_set_is_silent() -> None:
    rig = ListenerRig(challenges={"max_games": 1})
    await rig.challenge()
    await until(lambda: rig.worker_set.games)
    rig.lichess.challenged(to_us(1))
    await until(lambda: rig.answers() == 2)
    rig.handle.is_silent = True
    rig.lichess.finished(GAME)
    rig.lichess.challenged(to_us(2))
    await until(lambda: rig.answers() == 3)
    assert rig.lichess.accepted == [GAME, "game0002"]


async def test_an_accepted_challenge_whose_game_never_begins_frees_its_place() -> None:
    rig = ListenerRig(challenges={"max_games": 1})
    await rig.challenge()
    await until(lambda: rig.worker_set.games)
    del rig.worker_set.games[GAME]
    await asyncio.sleep(21)
    rig.lichess.challenged(to_us(1))
    await until(lambda: rig.answers() == 2)
    assert rig.lichess.accepted == [GAME, "game0001"]


async def test_a_cancelled_challenge_frees_its_place() -> None:
    rig = ListenerRig(challenges={"max_games": 1})
    await rig.challenge()
    rig.worker_set.games.clear()
    rig.lichess.send(ChallengeEnded(id=GAME))
    rig.lichess.challenged(to_us(1))
    await until(lambda: rig.answers() == 2)
    assert rig.lichess.accepted == [GAME, "game0001"]


async def test_a_challenge_that_the_stream_repeats_is_answered_once() -> None:
    rig = await a_listening_rig()
    slow = to_us()
    rig.lichess.challenged(slow)
    rig.lichess.challenged(slow)
    rig.lichess.end_stream()
    await asyncio.sleep(5)
    assert rig.lichess.accepted == [GAME]
    assert rig.worker_set.count("crabstick_challenges_total", "failed") == 0


async def test_our_own_challenges_and_open_ones_are_ignored() -> None:
    rig = await a_listening_rig()
    rig.lichess.challenged(a_challenge(dest_user=LichessPlayer(name="Alice")))
    rig.lichess.challenged(a_challenge(dest_user=None))
    await asyncio.sleep(5)
    assert rig.answers() == 0


async def test_the_case_of_our_name_does_not_matter() -> None:
    rig = ListenerRig()
    await rig.challenge(a_challenge(dest_user=LichessPlayer(name=BOT.upper())))
    assert rig.lichess.accepted == [GAME]


@pytest.mark.parametrize(
    ("faults", "waits_s"),
    [
        ([RateLimited("slowly", seconds(7))], (7, 8)),
        ([Unavailable("502")], (0, 1)),
        ([Unavailable("502")] * 5, (1, 20)),
    ],
)
async def test_a_failed_answer_is_repeated(
    faults: Sequence[RateLimited | Unavailable], waits_s: tuple[float, float]
) -> None:
    rig = await a_listening_rig()
    rig.lichess.faults += faults
    began_s = virtual_loop().time()
    await rig.challenge()
    assert rig.lichess.accepted == [GAME]
    assert waits_s[0] <= virtual_loop().time() - began_s < waits_s[1]
    assert rig.worker_set.count("crabstick_challenges_total", "failed") == 0


async def test_an_acceptance_that_had_to_wait_is_decided_again() -> None:
    rig = await a_listening_rig(challenges={"max_games": 1})
    rig.lichess.faults.append(RateLimited("slowly", seconds(40)))
    rig.lichess.challenged(to_us(1))
    await asyncio.sleep(30)
    rig.lichess.challenged(to_us(2))
    await until(lambda: rig.answers() == 2)
    assert (rig.lichess.accepted, rig.lichess.declined) == (
        ["game0002"],
        [("game0001", "later")],
    )


async def test_a_challenge_that_had_to_wait_too_long_is_declined() -> None:
    """By then the challenger of a real-time game has left."""
    rig = await a_listening_rig()
    rig.lichess.faults.append(RateLimited("slowly", seconds(50)))
    await rig.challenge()
    assert (rig.lichess.accepted, rig.lichess.declined) == ([], [(GAME, "later")])


async def test_shutting_down_finishes_the_answers_that_have_begun_and_gives_no_more() -> None:
    rig = await a_listening_rig()
    rig.lichess.faults.append(Unavailable("502"))
    rig.lichess.challenged(to_us(1))
    await asyncio.sleep(0.01)
    closing = asyncio.ensure_future(rig.listener.shut_down({"v": 1}))
    await asyncio.sleep(0.01)
    rig.lichess.challenged(to_us(2))
    await until(lambda: rig.lichess.accepted == ["game0001"])
    assert not closing.done()  # the WorkerSet does not know that game yet
    rig.worker_set.games["game0001"] = GameUpdate(game="game0001")
    await closing
    assert rig.answers() == 1


async def test_shutting_down_takes_some_seconds_at_most() -> None:
    rig = await a_listening_rig()
    rig.lichess.faults += [Unavailable("502")] * 100
    rig.lichess.challenged(to_us(1))
    await asyncio.sleep(0.01)
    began_s = virtual_loop().time()
    await rig.listener.shut_down({"v": 1})
    assert virtual_loop().time() - began_s < 4


async def test_an_answer_that_fails_for_twenty_seconds_is_given_up() -> None:
    rig = await a_listening_rig(challenges={"max_games": 1})
    rig.lichess.faults += [Unavailable("502")] * 100
    rig.lichess.challenged(to_us(1))
    await asyncio.sleep(60)
    rig.lichess.faults.clear()
    rig.lichess.challenged(to_us(2))
    rig.lichess.challenged(to_us(1))
    await until(lambda: rig.answers() == 2)
    assert rig.lichess.accepted == ["game0002"]
    assert rig.worker_set.count("crabstick_challenges_total", "failed") == 1


async def test_a_refused_answer_is_not_repeated() -> None:
    rig = await a_listening_rig()
    rig.lichess.challenged(to_us())
    rig.lichess.canceled(GAME)
    await asyncio.sleep(5)
    assert rig.answers() == 0
    assert rig.worker_set.count("crabstick_challenges_total", "failed") == 1


async def test_answers_are_counted() -> None:
    rig = await a_listening_rig(challenges={"max_games": 1})
    rig.lichess.challenged(to_us(1))
    rig.lichess.challenged(to_us(2))
    await asyncio.sleep(5)
    outcomes = ("accepted", "later")
    assert [rig.worker_set.count("crabstick_challenges_total", o) for o in outcomes] == [1, 1]


async def test_only_so_many_answered_challenges_are_remembered() -> None:
    rig = await a_listening_rig()
    for number in range(501):
        rig.lichess.challenged(to_us(number, variant="atomic"))
    await until(lambda: rig.answers() == 501)
    assert len(rig.listener._challenges._known) == 500


# The line.


def by_alice(number: int, name: str = "Alice", **fields: Any) -> Challenge:
    return to_us(number, challenger=LichessPlayer(name=name, **fields))


async def a_full_rig(**challenges: Any) -> ListenerRig:
    """A rig with one place, which a game has taken."""
    rig = ListenerRig(challenges={"max_games": 1, "queue_s": 60, **challenges})
    await rig.challenge()
    await rig.start_game()
    return rig


async def test_a_challenge_waits_for_a_game_to_end() -> None:
    rig = await a_full_rig()
    rig.lichess.challenged(by_alice(1))
    await until(lambda: rig.line() == ["Alice"])
    rig.end_game()
    await until(lambda: rig.answers() == 2)
    assert rig.lichess.accepted == [GAME, "game0001"]
    assert rig.line() == []


async def test_a_challenge_that_waited_as_long_as_may_be_is_declined() -> None:
    rig = await a_full_rig()
    began_s = virtual_loop().time()
    rig.lichess.challenged(by_alice(1))
    await until(lambda: rig.answers() == 2)
    assert 60 <= virtual_loop().time() - began_s < 63
    assert rig.lichess.declined == [("game0001", "later")]


async def test_humans_come_first_then_who_came_first() -> None:
    rig = await a_full_rig()
    rig.lichess.challenged(by_alice(1, "Robot", title="BOT"))
    rig.lichess.challenged(by_alice(2, "Bob"))
    rig.lichess.challenged(by_alice(3, "Carol"))
    await until(lambda: rig.line() == ["Bob", "Carol", "BOT Robot"])
    rig.end_game()
    await until(lambda: rig.answers() == 2)
    assert rig.lichess.accepted[-1] == "game0002"


async def test_a_newcomer_does_not_overtake_the_line() -> None:
    rig = await a_full_rig()
    rig.lichess.challenged(by_alice(1, "Bob"))
    await until(lambda: rig.line() == ["Bob"])
    rig.end_game()
    rig.lichess.challenged(by_alice(2, "Carol"))
    await until(lambda: rig.answers() == 2)
    assert rig.lichess.accepted[-1] == "game0001"
    assert rig.line() == ["Carol"]


async def test_of_two_challenges_of_one_person_the_newer_counts() -> None:
    rig = await a_full_rig()
    rig.lichess.challenged(by_alice(1, "Bob"))
    await until(lambda: rig.line() == ["Bob"])
    rig.lichess.challenged(by_alice(2, "bob"))
    rig.end_game()
    await until(lambda: rig.answers() == 2)
    assert (rig.lichess.accepted[-1], rig.lichess.declined) == ("game0002", [])


async def test_a_withdrawn_challenge_leaves_the_line() -> None:
    rig = await a_full_rig()
    rig.lichess.challenged(by_alice(1))
    await until(lambda: rig.line() == ["Alice"])
    rig.lichess.send(ChallengeEnded(id=GameId("game0001")))
    await until(lambda: rig.line() == [])
    rig.end_game()
    await asyncio.sleep(70)
    assert rig.answers() == 1


async def test_a_challenge_that_does_not_fit_is_declined_while_others_wait() -> None:
    rig = await a_full_rig(block_list=["Mallory"])
    rig.lichess.challenged(by_alice(1))
    await until(lambda: rig.line() == ["Alice"])
    rig.lichess.challenged(by_alice(2, "MALLORY"))
    await until(lambda: rig.answers() == 2)
    assert rig.lichess.declined == [("game0002", "generic")]


async def test_a_challenge_that_cannot_be_read_is_declined() -> None:
    rig = await a_listening_rig()
    rig.lichess._challenges[GAME] = to_us()
    for _ in range(2):
        rig.lichess.send(Unexpected(why="no variant", challenge=GAME))
    await until(lambda: rig.lichess.declined)
    assert rig.lichess.declined == [(GAME, "generic")]


async def test_the_listener_says_what_became_of_challenges() -> None:
    rig = ListenerRig(challenges={"bot": {"modes": []}})
    await rig.challenge(by_alice(1, "Robot", title="BOT"))
    assert "game0001 BOT Robot: noBot (bots are not accepted)" in await rig.order("why")
    assert "no such challenge" in await rig.order("why", wanted="other")
    assert "does not know 'x'" in await rig.order("x")


async def test_a_player_is_blocked_and_unblocked_while_the_bot_runs() -> None:
    rig = await a_listening_rig(challenges={"block_list": ["Mallory"]})
    assert await rig.order("block", name="Alice", seconds=None) == "Alice is blocked"
    assert await rig.order("allow", name="mallory", seconds=60) != ""
    rig.crash()
    rig.start()  # remembers
    await rig.wait_listening()
    rig.lichess.challenged(by_alice(1, "alice"))
    rig.lichess.challenged(by_alice(2, "Mallory"))
    await until(lambda: rig.answers() == 2)
    assert rig.lichess.declined == [("game0001", "generic")]
    await rig.order("unblock", name="ALICE")
    assert "overrides" in await rig.order("unblock", name="Mallory")
    rig.lichess.challenged(by_alice(3))
    rig.lichess.challenged(by_alice(4, "Mallory"))
    await until(lambda: rig.answers() == 4)
    assert rig.lichess.declined[1:] == [("game0004", "generic")]
    assert "cannot be a name" in await rig.order("block", name="a b")


# Games.


async def test_a_game_is_passed_on_with_its_clock() -> None:
    rig = await a_listening_rig()
    rig.lichess.started(a_game())
    await until(lambda: rig.worker_set.games)
    assert rig.worker_set.games == {
        GAME: GameUpdate(
            game=GAME, opponent="Alice", speed="blitz", engine="default", left_ms=300_000
        )
    }


async def test_a_game_is_passed_on_with_its_engine_also_by_the_clock_of_its_challenge() -> None:
    rig = ListenerRig(engines={"3+2": {}, "white": {}, "human_black": {}})
    await rig.challenge(to_us(1, clock=a_clock(180, 2)))
    rig.lichess.started(a_game(GameId("game0001")))
    rig.lichess.started(a_game(GameId("game0002")))
    rig.lichess.started(a_game(GameId("game0003"), color=chess.BLACK))
    await until(lambda: len(rig.worker_set.games) == 3)
    engine_of = {game: update.engine for game, update in rig.worker_set.games.items()}
    assert engine_of == {"game0001": "3+2", "game0002": "white", "game0003": "human_black"}


async def test_a_challenge_needs_room_for_its_own_engine() -> None:
    rig = ListenerRig(engines={"atomic": {}}, challenges={"variants": ["standard", "atomic"]})
    rig.worker_set.rooms = {"atomic": 0}
    await rig.challenge(to_us(1, variant="atomic"))
    rig.lichess.challenged(to_us(2))
    await until(lambda: rig.answers() == 2)
    assert rig.lichess.accepted == ["game0002"]
    assert rig.lichess.declined == [("game0001", "later")]


async def test_a_variant_is_declined_if_the_engine_for_the_challenge_lacks_it() -> None:
    rig = ListenerRig(
        engines={"human": {}},
        challenges={"variants": ["standard", "atomic"]},
        lacks={"human": ("atomic",)},
    )
    await rig.challenge(to_us(1, variant="atomic"))
    rig.lichess.challenged(to_us(2))
    rig.lichess.challenged(
        to_us(3, variant="atomic", challenger=LichessPlayer(name="b", title="BOT"))
    )
    await until(lambda: rig.answers() == 3)
    assert rig.lichess.accepted == ["game0002", "game0003"]
    assert rig.lichess.declined == [("game0001", "variant")]


ODDS = "rnb1kbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"


def an_odds_rig() -> ListenerRig:
    return ListenerRig(
        challenges={"variants": ["fromPosition"]},
        engines={"leela": {}, "queen": "leela"},
        positions=[{"fen": ODDS.partition(" ")[0], "bot_color": "black", "engine": "queen"}],
    )


async def test_a_challenge_from_a_position_needs_room_for_its_engine_and_the_right_side() -> None:
    rig = an_odds_rig()
    ours = chess.BLACK
    challenges = [(ODDS, ours), (ODDS, not ours), (ODDS, None), (ODDS[3:], ours), (ODDS, ours)]
    for number, (fen, color) in enumerate(challenges):
        rig.worker_set.rooms = {"leela": int(number == 0)}
        await rig.challenge(to_us(number, variant="fromPosition", initial_fen=fen, our_color=color))
        await until(partial(lambda wanted: rig.answers() > wanted, number))
    assert rig.lichess.accepted == ["game0000"]
    reasons = [reason for _, reason in rig.lichess.declined]
    assert reasons == ["generic", "generic", "variant", "later"]


async def test_a_game_goes_to_the_engine_of_its_position() -> None:
    """Known from the challenge, or while there was no move; then as good as unknown."""
    rig = an_odds_rig()
    odds = {"variant": "fromPosition", "color": chess.BLACK}
    challenge = {"variant": "fromPosition", "initial_fen": ODDS, "our_color": chess.BLACK}
    await rig.challenge(to_us(1, **challenge))
    rig.lichess.started(a_game(GameId("game0001"), **odds))
    rig.lichess.started(a_game(GameId("game0002"), initial_fen=ODDS, **odds))
    rig.lichess.started(a_game(GameId("game0003"), **odds))
    await until(lambda: len(rig.worker_set.games) == 3)
    engine_of = {game: update.engine for game, update in rig.worker_set.games.items()}
    assert engine_of == {"game0001": "leela", "game0002": "leela", "game0003": "default"}


async def test_a_game_is_passed_on_until_the_worker_set_has_it() -> None:
    rig = await a_listening_rig()
    rig.handle.errors += [RayActorError(), RayActorError(), RayActorError()]
    rig.lichess.started(a_game())
    await until(lambda: rig.worker_set.games)
    assert len(rig.handle.sent("game_started")) >= 2


async def test_passing_a_game_on_to_a_silent_worker_set_is_given_up() -> None:
    rig = ListenerRig()
    rig.handle.is_silent = True
    await rig.wait_listening()
    rig.lichess.started(a_game())
    await asyncio.sleep(600)
    assert len(rig.handle.sent("game_started")) == 10


async def test_a_game_that_the_bot_api_cannot_play_is_not_passed_on() -> None:
    rig = await a_listening_rig()
    rig.lichess.started(a_game(bot_playable=False))
    await asyncio.sleep(5)
    assert rig.handle.sent("game_started") == []


async def test_a_new_stream_repeats_the_running_games() -> None:
    rig = await a_listening_rig()
    rig.lichess.started(a_game())
    await until(lambda: rig.worker_set.games)
    rig.worker_set.games.clear()
    rig.lichess.end_stream()
    await until(lambda: rig.worker_set.games)


# The stream.


async def test_before_the_first_line_there_is_no_age() -> None:
    rig = await a_listening_rig()
    assert (await rig.describe())["age_s"] is None


async def test_a_keep_alive_is_a_line() -> None:
    rig = await a_listening_rig()
    rig.lichess.send(None)
    await asyncio.sleep(4)
    age_s = (await rig.describe())["age_s"]
    assert age_s == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        (StreamSilent("nothing came"), "nothing came"),
        (Unauthorized("the token is no good"), "the token is no good"),
        (ConfigError("there is no Lichess token"), "there is no Lichess token"),
    ],
)
async def test_the_reason_for_a_missing_stream_is_reported_until_a_line_comes(
    how: Any, problem: str
) -> None:
    rig = ListenerRig()
    rig.lichess.faults += [how] * 3
    await asyncio.sleep(0.1)
    assert (await rig.describe())["problem"] == problem
    await until(lambda: not rig.lichess.faults)
    await rig.wait_listening()
    rig.lichess.send(None)
    await asyncio.sleep(0.1)
    assert (await rig.describe())["problem"] == ""


async def test_a_limited_stream_is_not_opened_before_its_time() -> None:
    rig = ListenerRig()
    rig.lichess.faults.append(RateLimited("slowly", seconds(40)))
    await asyncio.sleep(39)
    assert rig.lichess._stream is None
    await rig.wait_listening()


async def test_reconnects_and_limits_are_counted() -> None:
    rig = ListenerRig()
    rig.lichess.faults.append(RateLimited("slowly", seconds(1)))
    await asyncio.sleep(5)
    assert rig.worker_set.count("crabstick_rate_limited_total", "event_stream") == 1
    assert rig.worker_set.count("crabstick_stream_reconnects_total", "event") == 1


async def test_the_counts_of_a_lost_report_are_in_the_next() -> None:
    rig = ListenerRig()
    rig.handle.is_silent = True
    await rig.challenge()
    await asyncio.sleep(10)
    rig.handle.is_silent = False
    await asyncio.sleep(10)
    assert rig.worker_set.count("crabstick_challenges_total", "accepted") == 1


async def test_the_age_of_the_stream_is_reported() -> None:
    rig = await a_listening_rig()
    rig.lichess.send(None)
    await asyncio.sleep(9)
    assert ages_of(rig.worker_set)[-1] == pytest.approx(9, abs=1.1)


async def test_a_stream_without_a_line_is_as_old_as_its_listener() -> None:
    rig = ListenerRig()
    rig.lichess.faults.append(RateLimited("slowly", seconds(600)))
    await asyncio.sleep(60)
    assert ages_of(rig.worker_set)[-1] == pytest.approx(60, abs=3)


async def test_a_bug_in_the_policy_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = await a_listening_rig()
    with monkeypatch.context() as patched:
        patched.setattr("actors.event_listener.challenge_handler.decide", lambda *_: 1 / 0)
        rig.lichess.challenged(to_us(1))
        await asyncio.sleep(1)
    await rig.challenge(to_us(2))
    assert rig.lichess.accepted == ["game0002"]


@pytest.mark.parametrize(("life_s", "least"), [(0.1, 20), (15, 20), (19, 20), (59, 10)])
async def test_a_stream_that_keeps_ending_is_opened_within_lichess_s_budget(
    life_s: float, least: int
) -> None:
    """Two hosts with one token end each other's stream; Lichess allows 30 openings in 10 min."""
    rig = ListenerRig()
    loop, openings = asyncio.get_running_loop(), 0
    until_s = loop.time() + WINDOW.total_seconds()
    while loop.time() < until_s:
        await rig.wait_listening()
        openings += 1
        rig.lichess.send(None)
        await asyncio.sleep(life_s)
        rig.lichess.end_stream()
        await asyncio.sleep(0.1)
    assert least <= openings <= ALLOWED


async def test_a_bug_in_the_reading_of_the_stream_is_survived() -> None:
    rig = await a_listening_rig()
    rig.lichess.send(ChallengeMade(challenge=cast("Challenge", None)))
    await asyncio.sleep(5)
    await rig.challenge()
    assert rig.lichess.accepted == [GAME]


async def test_a_rate_limit_is_reported_at_once() -> None:
    rig = ListenerRig()
    rig.lichess.faults.append(RateLimited("slowly", seconds(40)))
    await asyncio.sleep(0.1)
    assert seconds(39) < rig.worker_set.rate_limits.wait("event_stream") <= seconds(40)


async def test_a_rate_limit_of_challenges_holds_for_the_next_challenge() -> None:
    rig = await a_listening_rig()
    rig.lichess.faults.append(RateLimited("slowly", seconds(7)))
    rig.lichess.challenged(to_us(1))
    await asyncio.sleep(0.1)
    rig.lichess.faults.append(RateLimited("never asked", seconds(600)))
    rig.lichess.challenged(to_us(2))
    await asyncio.sleep(6)
    rig.lichess.faults.clear()
    assert rig.answers() == 0
    await until(lambda: rig.answers() == 2, within_s=2)


async def test_after_the_last_game_against_a_bot_only_bots_are_declined() -> None:
    rig = await a_listening_rig()
    bot = LichessPlayer(name="sparring", title="BOT")
    rig.lichess.faults.append(RateLimited("100 games", seconds(9000), BOT_GAMES_KEY))
    rig.lichess.challenged(to_us(1, challenger=bot))
    await until(lambda: rig.answers() == 1, within_s=1)
    rig.lichess.challenged(to_us(2, challenger=bot))
    rig.lichess.challenged(to_us(3))
    await until(lambda: rig.answers() == 3, within_s=1)
    assert rig.lichess.declined == [("game0001", "later"), ("game0002", "later")]
    assert rig.lichess.accepted == ["game0003"]
    assert rig.worker_set.count("crabstick_rate_limited_total", "bot_game") == 1


@pytest.mark.usefixtures("wall_clock")
async def test_after_a_restart_a_rate_limit_still_holds() -> None:
    rig = ListenerRig()
    rig.lichess.faults.append(RateLimited("slowly", seconds(40)))
    await asyncio.sleep(10)
    rig.crash()
    rig.start()
    await asyncio.sleep(29)
    assert rig.lichess._stream is None
    await rig.wait_listening()


async def test_a_silent_worker_set_delays_the_first_opening_by_eight_seconds() -> None:
    rig = ListenerRig()
    rig.handle.is_silent = True
    began_s = virtual_loop().time()
    await rig.wait_listening()
    assert virtual_loop().time() - began_s < 8.1


@pytest.mark.usefixtures("wall_clock")
async def test_a_listener_that_keeps_crashing_stays_within_lichess_s_budget() -> None:
    rig = ListenerRig()
    loop, openings = asyncio.get_running_loop(), 0
    until_s = loop.time() + WINDOW.total_seconds()
    while loop.time() < until_s:
        await rig.wait_listening()
        openings += 1
        await asyncio.sleep(0.1)
        rig.crash()
        rig.start()
    assert 20 <= openings <= ALLOWED


async def test_a_wait_for_the_budget_is_published_as_a_rate_limit() -> None:
    rig = ListenerRig()
    for _ in range(40):
        await rig.wait_listening()
        rig.lichess.end_stream()
        await asyncio.sleep(0.1)
    await until(lambda: rig.worker_set.rate_limits.wait("event_stream") > seconds(5), within_s=3)


async def test_another_user_of_our_token_is_reported_until_a_stream_lasts() -> None:
    rig = ListenerRig()
    for _ in range(3):
        await rig.wait_listening()
        rig.lichess.send(None)
        await asyncio.sleep(1)
        rig.lichess.end_stream()
        await asyncio.sleep(0.1)
    await rig.wait_listening()
    rig.lichess.send(None)
    await asyncio.sleep(3)
    hearing = rig.worker_set.reports[-1].hearing
    assert hearing is not None
    assert "each of the last 3 openings: somebody else seems to use this token" in hearing.problem
    await asyncio.sleep(60)
    rig.lichess.send(None)
    await asyncio.sleep(0.1)
    assert (await rig.describe())["problem"] == ""


async def test_two_bots_with_one_token_both_report_it_and_stay_within_the_budget() -> None:
    """Each opening ends the other's stream, as on Lichess."""
    rig = ListenerRig()
    other = EventListener(
        rig.config, FakeHandle(FakeWorkerSet(100)), rig.lichess, FakeWatchedActor()
    )
    openings_s: list[float] = []
    opening = rig.lichess.events

    def counted() -> Any:
        openings_s.append(virtual_loop().time())
        return opening()

    rig.lichess.events = counted  # type: ignore[method-assign]  # Lichess's side counts
    for _ in range(600):
        await asyncio.sleep(1)
        rig.lichess.send(None)
    problems = [(await rig.describe())["problem"], (await other.describe({"v": 1}))["problem"]]
    assert all("somebody else seems to use this token" in str(problem) for problem in problems)
    assert len(openings_s) <= 2 * ALLOWED


async def test_a_human_waits_for_a_node_and_a_bot_is_declined() -> None:
    rig = ListenerRig(room=0)
    rig.worker_set.may_grow = True
    await rig.challenge(to_us(1, challenger=LichessPlayer(name="somebody")))
    rig.lichess.challenged(to_us(2, challenger=LichessPlayer(name="engine", title="BOT")))
    await until(lambda: rig.answers() == 2)
    await until(lambda: rig.worker_set.room_requests == 1)
    assert rig.lichess.accepted == ["game0001"]
    assert rig.lichess.declined == [("game0002", "later")]


async def test_each_engine_has_nodes_of_its_own_to_come() -> None:
    rig = ListenerRig(room=0, engines={"casual": {}})
    rig.worker_set.rooms, rig.worker_set.growing = {"casual": 0}, ("casual",)
    for number, rated in enumerate([True, False]):
        human = LichessPlayer(name="somebody")
        rig.lichess.challenged(to_us(number, challenger=human, rated=rated))
        await until(lambda: rig.answers() == number + 1)  # noqa: B023 -- it is called here
    assert rig.lichess.declined == [("game0000", "later")]
    assert rig.lichess.accepted == ["game0001"]


async def test_a_worker_set_that_hangs_is_restarted_and_one_that_is_slow_is_not() -> None:
    rig = ListenerRig()
    rig.watched.takes_s = 5
    await asyncio.sleep(600)
    assert rig.watched.restarted_s == []
    rig.watched.takes_s = float("inf")
    await until(lambda: rig.watched.restarted_s, within_s=20)
