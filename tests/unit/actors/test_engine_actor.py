"""An EngineActor from its config to its end, called as a plain object."""

import asyncio
import dataclasses
import io
import json
import logging
from typing import Any

import chess
import pytest
from ray.exceptions import ActorUnavailableError, RayActorError

from actors.engine_actor.engine_actor import EngineActor
from actors.messages import (
    Assignment,
    Claim,
    Description,
    HandOverRequest,
    Outcome,
    Ownership,
    Packed,
    Progress,
    Report,
)
from crabstick.errors import ConfigError
from crabstick.game.game_telemetry import GameProgress
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.model import GameId, Limited
from crabstick.telemetry.logs import configure_logging
from engine.errors import EngineDied, EngineNotFound
from engine.spec import EngineSpec
from tests.builders import seconds
from tests.fakes.engine import ScriptedEngine
from tests.fakes.lichess import FakeGames, FakeMatch
from tests.unit.actors.configs import a_config
from tests.unit.actors.handles import FakeHandle
from tests.unit.virtual_time import until, virtual_loop

GAME = GameId("abcdefgh")
NAME = "engine:a"


class Manager:
    """The WorkerSet's side; `owner` is its word on who owns the game."""

    def __init__(self) -> None:
        self.owner: bool | None = True
        self.reports: list[Report] = []
        self.rate_limits = RateLimits(virtual_loop().time)

    async def owns(self, _message: Packed) -> Packed:
        return Ownership(owner=self.owner, limits=self.rate_limits.export()).pack()

    async def report(self, message: Packed) -> None:
        report = Report.read(message)
        self.reports.append(report)
        self.rate_limits.merge(report.limits)

    def count(self, metric: str) -> int:
        return sum(by for report in self.reports for name, _, by in report.counts if name == metric)


class Workshop:
    """An EngineActor with a scripted engine, before a fake Lichess."""

    def __init__(self, engine: ScriptedEngine | None = None) -> None:
        self.match = FakeMatch(GAME)
        self.games = FakeGames(self.match)
        self.engine = engine or ScriptedEngine()
        self.specs: list[EngineSpec] = []
        self.manager = Manager()
        self.handle = FakeHandle(self.manager)
        self.actor = EngineActor(a_config(NAME).pack(), self.games, self._build)

    def _build(self, spec: EngineSpec) -> ScriptedEngine:
        self.specs.append(spec)
        return self.engine

    async def describe(self) -> Description:
        return Description.read(await self.actor.describe({"v": 1}))

    async def assign(self, game: str = GAME, **changes: Any) -> Packed:
        message = Assignment(game=game, epoch=3, **changes).pack()
        return await self.actor.assign({**message, "manager": self.handle})

    async def leave(self, within_s: float) -> None:
        await self.actor.leave(HandOverRequest(within_s=within_s).pack())

    async def outcome(self) -> Outcome:
        async with asyncio.timeout(600):
            return Outcome.read(await self.actor.outcome({}))

    async def moved(self, moves: int = 1) -> None:
        await until(lambda: len(self.match.board.move_stack) >= moves)


@pytest.fixture(autouse=True)
def ended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ray's part: where we are, and that the actor has ended itself."""
    calls: list[str] = []
    monkeypatch.setattr("actors.engine_actor.engine_actor.this_node", lambda: "n1" * 8)
    monkeypatch.setattr(
        "actors.engine_actor.engine_actor.kill_own_actor", lambda: calls.append("ended")
    )
    return calls


async def test_a_warm_actor_stands_by() -> None:
    told = await Workshop().describe()
    assert (told.name, told.phase, told.game, told.problem) == (NAME, "standby", None, "")


async def test_a_description_waits_until_the_actor_is_warm() -> None:
    class SlowEngine(ScriptedEngine):
        async def open(self) -> None:
            await asyncio.sleep(3)
            await super().open()

    shop = Workshop(SlowEngine())
    description = asyncio.create_task(shop.describe())
    await asyncio.sleep(2)
    assert not description.done()
    assert (await description).phase == "standby"


async def test_an_engine_that_cannot_be_started_is_a_problem_of_the_node() -> None:
    shop = Workshop(ScriptedEngine(opening=[EngineNotFound("there is no /opt/engine")]))
    assert (await shop.describe()).problem == "node n1n1n1n1: there is no /opt/engine"


async def test_a_node_without_a_token_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_settings: object) -> None:
        raise ConfigError("there is no Lichess token")

    monkeypatch.setattr("actors.engine_actor.engine_actor.read_token", refuse)
    actor = EngineActor(a_config(NAME).pack(), build=lambda _: ScriptedEngine())
    told = Description.read(await actor.describe({"v": 1}))
    assert told.problem == "node n1n1n1n1: there is no Lichess token"
    await actor.assign(Assignment(game=GAME, epoch=1).pack())
    with pytest.raises(Exception, match="there is no Lichess token"):
        await actor.outcome({})


async def test_it_takes_a_game_and_plays_it() -> None:
    shop = Workshop()
    assert await shop.assign() == {"v": 1, "taken": True}
    await shop.moved()
    told = await shop.describe()
    assert (told.phase, told.game, told.epoch) == ("playing", GAME, 3)


async def test_the_dashboard_shows_what_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "actors.engine_actor.engine_actor.call_own_actor",
        lambda method, title, _message: calls.append((method, title)),
    )
    shop = Workshop()
    await asyncio.sleep(2)
    await shop.assign()
    await shop.moved()
    await asyncio.sleep(2)
    assert calls == [("shown", "standby"), ("shown", f"game {GAME} · white against zeekat · 5+3")]
    async with asyncio.timeout(1):
        await shop.actor.shown({"v": 1, "title": "standby"})


async def test_the_same_game_may_be_given_twice_another_may_not() -> None:
    shop = Workshop()
    answers = [await shop.assign(), await shop.assign(), await shop.assign("another1")]
    assert [answer["taken"] for answer in answers] == [True, True, False]


def test_the_message_has_all_that_a_game_reports_of_its_progress() -> None:
    """Pydantic drops unknown keys without a word."""
    fields = {field.name for field in dataclasses.fields(GameProgress)}
    assert fields == Progress.model_fields.keys() - {"v"}


async def test_it_shows_how_the_game_stands() -> None:
    shop = Workshop()
    await shop.assign()
    await shop.moved()
    shop.match.opponent_plays("e7e5")
    await shop.moved(3)
    progress = (await shop.describe()).progress
    assert (progress.opponent, progress.color, progress.clock) == ("zeekat", "white", "5+3")
    assert progress.ply >= 2


@pytest.mark.parametrize(
    ("status", "winner", "result"),
    [
        ("resign", chess.WHITE, "won"),
        ("outoftime", chess.BLACK, "lost"),
        ("draw", None, "drawn"),
        ("aborted", None, "aborted"),
    ],
)
async def test_it_tells_how_the_game_ended(
    status: str, winner: chess.Color | None, result: str
) -> None:
    shop = Workshop()
    await shop.assign()
    await shop.moved()
    shop.match.finish(status, winner)
    outcome = await shop.outcome()
    assert (outcome.reason, outcome.status, outcome.result) == ("finished", status, result)
    assert (outcome.name, outcome.game, outcome.epoch) == (NAME, GAME, 3)


async def test_an_actor_that_was_replaced_says_so_and_sends_nothing() -> None:
    shop = Workshop(ScriptedEngine([seconds(5)]))
    shop.manager.owner = False
    await shop.assign()
    await asyncio.sleep(1)
    shop.match.end_stream()
    assert (await shop.outcome()).reason == "replaced"
    assert shop.match.board.move_stack == []


async def test_it_asks_with_its_name_and_epoch() -> None:
    shop = Workshop(ScriptedEngine([seconds(5)]))
    await shop.assign()
    await asyncio.sleep(1)
    shop.match.end_stream()
    await shop.moved()
    assert shop.handle.sent("owns") == [Claim(game=GAME, actor=NAME, epoch=3).pack()]


@pytest.mark.parametrize("trouble", ["silent", "gone", "does not know"])
async def test_without_a_word_of_the_worker_set_it_plays_on(trouble: str) -> None:
    shop = Workshop(ScriptedEngine([seconds(5)]))
    shop.handle.is_silent = trouble == "silent"
    shop.handle.errors.extend([RayActorError()] if trouble == "gone" else [])
    shop.manager.owner = None if trouble == "does not know" else True
    await shop.assign()
    await asyncio.sleep(1)
    shop.match.end_stream()
    await shop.moved()


async def test_a_worker_set_that_was_ended_holds_no_game_up() -> None:
    """It gives the game to nobody else, so two cuts in a row are no reason to stand idle."""
    shop = Workshop(ScriptedEngine([seconds(5)]))
    await shop.assign()
    shop.handle.errors.extend([RayActorError()] * 100)
    for _ in range(3):
        await asyncio.sleep(1)
        shop.match.end_stream()
    await shop.moved()


async def test_a_worker_set_that_is_being_restarted_is_waited_for() -> None:
    shop = Workshop(ScriptedEngine([seconds(20)]))
    await shop.assign()
    away = [RayActorError(), ActorUnavailableError("restarting", None)]
    shop.handle.errors.extend(away * 3)
    for _ in range(2):
        await asyncio.sleep(1)
        shop.match.end_stream()
    await shop.moved()
    assert len(shop.handle.sent("owns")) == len(away * 3) + 1


async def test_an_actor_that_never_met_a_worker_set_plays_on() -> None:
    shop = Workshop(ScriptedEngine([seconds(5)]))
    await shop.actor.assign(Assignment(game=GAME, epoch=1).pack())
    await asyncio.sleep(1)
    shop.match.end_stream()
    await shop.moved()
    shop.match.finish("resign", chess.WHITE)
    assert (await shop.outcome()).reason == "finished"


async def test_a_new_worker_set_is_asked_when_it_has_shown_itself() -> None:
    shop = Workshop(ScriptedEngine([seconds(5)]))
    await shop.assign()
    newer = FakeHandle(Manager())
    await shop.actor.describe({"v": 1, "manager": newer})
    await asyncio.sleep(1)
    shop.match.end_stream()
    await shop.moved()
    assert (len(shop.handle.sent("owns")), len(newer.sent("owns"))) == (0, 1)


async def test_a_game_that_lichess_does_not_know_is_unplayable() -> None:
    shop = Workshop()
    await shop.assign("another1")
    outcome = await shop.outcome()
    assert (outcome.reason, outcome.game, outcome.result) == ("unplayable", "another1", "")


async def test_a_broken_actor_fails_its_supervising_call() -> None:
    shop = Workshop()
    shop.games.matches[GAME].players = {}
    await shop.assign()
    with pytest.raises(Exception, match="KeyError"):
        await shop.outcome()


async def test_an_engine_that_died_is_replaced_and_counted() -> None:
    shop = Workshop(ScriptedEngine([EngineDied("it died")]))
    await shop.assign()
    await shop.moved()
    shop.match.finish("resign", chess.WHITE)
    await shop.outcome()
    await until(lambda: shop.manager.count("crabstick_engine_restarts_total") == 1)


async def test_an_engine_that_keeps_dying_is_told_while_the_game_still_runs() -> None:
    shop = Workshop(ScriptedEngine([EngineDied("it died")] * 3))
    await shop.assign()
    await shop.moved()
    await asyncio.sleep(11)
    assert shop.manager.count("crabstick_engine_restarts_total") == 2
    assert shop.manager.count("crabstick_engine_fallbacks_total") == 1
    shop.match.finish("resign", chess.WHITE)
    await shop.outcome()
    assert shop.manager.count("crabstick_engine_restarts_total") == 2


async def test_every_line_of_its_process_says_which_actor_plays_which_game_and_where() -> None:
    out = io.StringIO()
    shop = Workshop()
    await shop.assign()
    await shop.moved()
    configure_logging(stream=out)
    logging.getLogger("engine.resilient").warning("the engine died")
    line = json.loads(out.getvalue())
    assert (line["actor"], line["game_id"], line["node"]) == (NAME, GAME, "n1" * 8)


async def test_a_game_that_cost_too_many_actors_is_played_by_the_embedded_engine() -> None:
    shop = Workshop()
    await shop.assign(engine="embedded")
    await shop.moved()
    assert shop.specs[-1].command[-2:] == ("-m", "engine.embedded")
    assert len(shop.specs) == 2


async def test_it_reports_every_ten_seconds_and_at_the_end() -> None:
    shop = Workshop()
    await shop.assign()
    await asyncio.sleep(11)
    assert shop.manager.count("crabstick_moves_total") == 1
    shop.match.opponent_plays("e7e5")
    await shop.moved(3)
    shop.match.finish("resign", chess.WHITE)
    await shop.outcome()
    await until(lambda: shop.manager.count("crabstick_moves_total") == 2)


async def test_it_ends_itself_a_moment_after_its_game(ended: list[str]) -> None:
    shop = Workshop()
    await shop.assign()
    await shop.moved()
    shop.match.finish("resign", chess.WHITE)
    await shop.outcome()
    assert (await shop.describe()).phase == "ending"
    assert ended == []
    await asyncio.sleep(4)
    assert ended == ["ended"]
    assert not shop.engine.is_open


async def test_giving_up_resigns_the_game() -> None:
    shop = Workshop()
    shop.match.move("e2e4")
    shop.match.opponent_plays("e7e5")
    await shop.assign()
    await shop.moved(3)
    assert await shop.actor.give_up({}) == {"v": 1, "gave_up": True}
    assert shop.match.status == "resign"


async def test_a_standby_has_nothing_to_give_up() -> None:
    shop = Workshop()
    await shop.describe()
    assert await shop.actor.give_up({}) == {"v": 1, "gave_up": False}


async def test_a_game_that_it_is_told_to_leave_is_handed_over(ended: list[str]) -> None:
    shop = Workshop()
    await shop.assign()
    await shop.moved()
    await shop.leave(100)
    outcome = await shop.outcome()
    assert (outcome.reason, outcome.game, outcome.result) == ("handed_over", GAME, "")
    await asyncio.sleep(4)
    assert ended == ["ended"]


async def test_the_move_that_it_thinks_about_is_played_first() -> None:
    shop = Workshop(ScriptedEngine([seconds(5)]))
    await shop.assign()
    await asyncio.sleep(1)
    await shop.leave(100)
    assert (await shop.outcome()).reason == "handed_over"
    assert len(shop.match.board.move_stack) == 1


async def test_an_order_to_leave_may_come_with_the_game_itself() -> None:
    shop = Workshop()
    await shop.describe()
    await shop.assign(engine="embedded")
    await shop.leave(100)
    assert (await shop.outcome()).reason == "handed_over"


@pytest.mark.parametrize("already_s", [0, 1], ids=["with the game itself", "while it thinks"])
@pytest.mark.parametrize("order", [(100, 3, 40), (3, 100), (100, 3)])
async def test_of_several_orders_to_leave_the_one_that_ends_first_holds(
    order: tuple[int, ...], already_s: int
) -> None:
    shop = Workshop(ScriptedEngine([seconds(50)]))
    await shop.describe()
    await shop.assign()
    if already_s:
        await asyncio.sleep(already_s)
    began_s = asyncio.get_running_loop().time()
    for within_s in order:
        await shop.leave(within_s)
    assert (await shop.outcome()).reason == "handed_over"
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(3, abs=0.1)


# The limits of the bot.


async def test_a_limit_that_it_meets_is_reported_at_once() -> None:
    shop = Workshop()
    shop.match.next_outcomes.append(Limited(retry_after=seconds(5)))
    await shop.assign()
    await until(lambda: shop.manager.rate_limits.wait("move"), within_s=0.1)


async def test_it_tells_of_the_limits_that_it_knows() -> None:
    shop = Workshop()
    shop.manager.rate_limits.note_wait("challenge", seconds(40))
    await shop.assign(limits=shop.manager.rate_limits.export())
    assert (await shop.describe()).limits == shop.manager.rate_limits.export()


async def test_before_it_opens_its_stream_anew_it_hears_what_others_met() -> None:
    shop = Workshop(ScriptedEngine([seconds(5)]))
    await shop.assign()
    await asyncio.sleep(1)
    shop.manager.rate_limits.note_wait("game_stream", seconds(40))
    shop.match.end_stream()
    began_s = virtual_loop().time()
    await shop.moved()
    assert 40 < virtual_loop().time() - began_s < 42


async def test_an_answer_of_an_older_worker_set_is_read_too() -> None:
    shop = Workshop(ScriptedEngine([seconds(5)]))

    async def owns(_message: Packed) -> Packed:
        return {"v": 1, "owner": False}

    shop.manager.owns = owns  # type: ignore[method-assign]  # an older one
    await shop.assign()
    await asyncio.sleep(1)
    shop.match.end_stream()
    assert (await shop.outcome()).reason == "replaced"
