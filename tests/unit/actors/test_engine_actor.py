"""An EngineActor from its config to its end, as a plain object."""

import asyncio
import dataclasses
import io
import json
import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import chess
import pytest
from ray.exceptions import ActorUnavailableError, RayActorError

from actors.cluster import ActorAway
from actors.engine_actor.engine_actor import EngineActor
from actors.engine_actor.self_report import ProcessSize
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
    ResyncRequest,
)
from crabstick.errors import ConfigError, CrabstickError
from crabstick.game.game_telemetry import GameProgress
from crabstick.game.move_sources import Found
from crabstick.game.online_sources import OnlineSources
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.cluster_view import ClusterNode
from crabstick.rules.lichess_types import GameId, Limited, NodeId
from engine.errors import EngineDied, EngineNotFound
from engine.interface import EngineSpec, SearchResult
from tests.builders import seconds
from tests.fakes.engine import ScriptedEngine
from tests.fakes.lichess import FakeGames, FakeMatch
from tests.unit.actors.configs import a_config
from tests.unit.actors.handles import FakeHandle
from tests.unit.game.test_move_sources import a_book
from tests.unit.virtual_time import until, virtual_loop

GAME = GameId("abcdefgh")
NAME = "engine:a"


class FakeWorkerSet:
    """The WorkerSet's side; `owner` is its answer to claims."""

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


class ActorRig:
    """An EngineActor with a scripted engine, before a fake Lichess."""

    def __init__(
        self,
        engine: ScriptedEngine | None = None,
        config: Mapping[str, Any] | None = None,
        **sections: Any,
    ) -> None:
        self.match = FakeMatch(GAME)
        self.games = FakeGames(self.match)
        self.engine = engine or ScriptedEngine()
        self.specs: list[EngineSpec] = []
        self.worker_set = FakeWorkerSet()
        self.handle = FakeHandle(self.worker_set)
        mine = {**a_config(NAME, **sections).pack(), **(config or {})}
        self.actor = EngineActor(mine, self.games, self._build)

    def _build(self, spec: EngineSpec) -> ScriptedEngine:
        self.specs.append(spec)
        return self.engine

    async def describe(self) -> Description:
        return Description.read(await self.actor.describe({"v": 1}))

    async def assign(self, game: str = GAME, epoch: int = 3, **changes: Any) -> Packed:
        message = Assignment(game=game, epoch=epoch, **changes).pack()
        return await self.actor.assign({**message, "manager": self.handle})

    async def play(self, **changes: Any) -> None:
        """Assigns the game, and waits for the first move."""
        await self.assign(**changes)
        await self.wait_moves()

    async def lose_stream(self) -> None:
        """Assigns the game, and ends its stream while the engine thinks."""
        await self.assign()
        await asyncio.sleep(1)
        self.match.end_stream()

    async def win(self) -> None:
        """The opponent resigns."""
        self.match.finish("resign", chess.WHITE)
        await self.outcome()

    async def leave(self, within_s: float) -> None:
        await self.actor.leave(HandOverRequest(within_s=within_s).pack())

    async def outcome(self) -> Outcome:
        async with asyncio.timeout(600):
            return Outcome.read(await self.actor.outcome({}))

    async def wait_moves(self, moves: int = 1) -> None:
        await until(lambda: len(self.match.board.move_stack) >= moves)


@pytest.fixture(autouse=True)
def ended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ray's side: our node, and the end of the actor."""
    calls: list[str] = []
    monkeypatch.setattr("actors.engine_actor.engine_actor.this_node", lambda: "n1" * 8)
    monkeypatch.setattr(
        "actors.engine_actor.engine_actor.kill_own_actor", lambda: calls.append("ended")
    )
    return calls


async def test_a_warm_actor_stands_by() -> None:
    description = await ActorRig().describe()
    assert (description.name, description.phase, description.problem) == (NAME, "standby", "")


async def test_a_description_waits_until_the_actor_is_warm() -> None:
    class SlowEngine(ScriptedEngine):
        async def open(self) -> None:
            await asyncio.sleep(3)
            await super().open()

    rig = ActorRig(SlowEngine())
    description = asyncio.create_task(rig.describe())
    await asyncio.sleep(2)
    assert not description.done()
    assert (await description).phase == "standby"


async def test_an_engine_that_cannot_be_started_is_a_problem_of_the_node() -> None:
    rig = ActorRig(ScriptedEngine(opening=[EngineNotFound("there is no /opt/engine")]))
    assert (await rig.describe()).problem == "node n1n1n1n1: there is no /opt/engine"


async def test_a_missing_token_is_a_problem_of_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_settings: object) -> None:
        raise ConfigError("there is no Lichess token")

    monkeypatch.setattr("actors.engine_actor.engine_actor.read_token", refuse)
    actor = EngineActor(a_config(NAME).pack(), build=lambda _: ScriptedEngine())
    description = Description.read(await actor.describe({"v": 1}))
    assert description.problem == "node n1n1n1n1: there is no Lichess token"
    await actor.assign(Assignment(game=GAME, epoch=1).pack())
    with pytest.raises(Exception, match="there is no Lichess token"):
        await actor.outcome({})


async def test_it_takes_a_game_and_plays_it() -> None:
    rig = ActorRig()
    assert await rig.assign() == {"v": 1, "taken": True}
    await rig.wait_moves()
    description = await rig.describe()
    assert (description.phase, description.game, description.epoch) == ("playing", GAME, 3)


TITLES = [("shown", "standby"), ("shown", f"game {GAME} · white against zeekat · 5+3")]


@pytest.fixture
def titles(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The actor's calls to itself, whose names the dashboard shows."""
    calls: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "actors.engine_actor.engine_actor.call_own_actor",
        lambda method, title, _message: calls.append((method, title)),
    )
    return calls


async def test_it_plays_by_the_settings_of_the_owner(tmp_path: Path) -> None:
    """A move from the book; then one of the engine, which offers a draw."""
    book = a_book(tmp_path / "book.bin", [(chess.Board(), "g1f3", 1)])
    rig = ActorRig(
        books={"files": {"standard": [str(book), str(tmp_path / "missing")]}},
        offer_draw={"enabled": True, "consecutive_moves": 1, "min_game_length": 1},
        game={"min_move_time_ms": 2000},
    )
    await rig.play()
    assert rig.match.board.move_stack == [chess.Move.from_uci("g1f3")]
    rig.match.opponent_plays("e7e5")
    await until(lambda: len(rig.match.board.move_stack) == 3)
    assert len(rig.engine.requests) == 1
    assert rig.games._games[0].posts[1].endswith("?offeringDraw=true")
    await rig.win()
    assert rig.worker_set.count("crabstick_source_moves_total") == 1
    assert rig.worker_set.count("crabstick_source_failures_total") == 1


@pytest.mark.parametrize(
    ("nodes", "ponders"),
    [
        ([("n1" * 8, 2), ("n2" * 8, 64)], True),
        ([("n1" * 8, 3), ("n2" * 8, 1)], False),  # more games than cores
        ([], False),
        (ActorAway("Ray's GCS does not answer"), False),
    ],
)
async def test_the_engine_ponders_where_its_game_has_a_core(
    monkeypatch: pytest.MonkeyPatch, nodes: list[tuple[str, int]] | ActorAway, *, ponders: bool
) -> None:
    def read() -> tuple[ClusterNode, ...]:
        if isinstance(nodes, ActorAway):
            raise nodes
        return tuple(ClusterNode(id=NodeId(name), cpus=cpus, cores=2) for name, cpus in nodes)

    monkeypatch.setattr("actors.engine_actor.engine_actor.read_nodes", read)
    rig = ActorRig(engines={"default": {"ponder": True}})
    await rig.play()
    assert [request.ponder for request in rig.engine.requests] == [ponders]
    await rig.win()


async def test_an_engine_does_not_ponder_unless_it_is_to() -> None:
    rig = ActorRig()
    await rig.play()
    assert not rig.engine.requests[0].ponder
    await rig.win()


async def test_it_asks_the_servers_that_the_owner_names(monkeypatch: pytest.MonkeyPatch) -> None:
    async def find(*_: object) -> Found:
        return Found(SearchResult(move=chess.Move.from_uci("g1f3"), source="chessdb"))

    monkeypatch.setenv("LICHESS_BOT_TOKEN", "lip_unused")
    monkeypatch.setattr(OnlineSources, "find", find)
    rig = ActorRig(online={"sources": ["chessdb"]})
    await rig.play()
    assert rig.match.board.move_stack == [chess.Move.from_uci("g1f3")]
    assert not rig.engine.requests
    await rig.win()
    assert rig.worker_set.count("crabstick_source_moves_total") == 1


async def test_the_dashboard_shows_what_it_does(titles: list[tuple[str, str]]) -> None:
    rig = ActorRig()
    await asyncio.sleep(2)
    await rig.play()
    await asyncio.sleep(2)
    assert titles == TITLES
    async with asyncio.timeout(1):
        await rig.actor.shown({"v": 1, "title": "standby"})


async def test_an_ending_actor_keeps_its_title(titles: list[tuple[str, str]]) -> None:
    rig = ActorRig(cluster={"games_per_actor": 1})
    await asyncio.sleep(2)
    await rig.play()
    await asyncio.sleep(2)
    await rig.win()
    await asyncio.sleep(2)
    assert (await rig.describe()).phase == "ending"
    assert titles == TITLES


async def test_an_assignment_may_be_repeated_but_not_replaced() -> None:
    rig = ActorRig()
    answers = [await rig.assign(), await rig.assign(), await rig.assign("another1")]
    assert [answer["taken"] for answer in answers] == [True, True, False]


def test_the_message_has_all_fields_of_the_progress() -> None:
    """Pydantic drops unknown keys silently."""
    fields = {field.name for field in dataclasses.fields(GameProgress)}
    assert fields == Progress.model_fields.keys() - {"v"}


async def test_it_describes_the_progress_of_the_game() -> None:
    rig = ActorRig()
    await rig.play()
    rig.match.opponent_plays("e7e5")
    await rig.wait_moves(3)
    progress = (await rig.describe()).progress
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
async def test_its_outcome_has_the_end_of_the_game(
    status: str, winner: chess.Color | None, result: str
) -> None:
    rig = ActorRig()
    await rig.play()
    rig.match.finish(status, winner)
    outcome = await rig.outcome()
    assert (outcome.reason, outcome.status, outcome.result) == ("finished", status, result)
    assert (outcome.name, outcome.game, outcome.epoch) == (NAME, GAME, 3)


async def test_an_actor_that_was_replaced_sends_no_move() -> None:
    rig = ActorRig(ScriptedEngine([seconds(5)]))
    rig.worker_set.owner = False
    await rig.lose_stream()
    assert (await rig.outcome()).reason == "replaced"
    assert rig.match.board.move_stack == []


async def test_its_claim_has_its_name_and_epoch() -> None:
    rig = ActorRig(ScriptedEngine([seconds(5)]))
    await rig.lose_stream()
    await rig.wait_moves()
    assert rig.handle.sent("owns") == [Claim(game=GAME, actor=NAME, epoch=3).pack()]


@pytest.mark.parametrize("trouble", ["silent", "gone", "does not know"])
async def test_without_an_answer_of_the_worker_set_it_plays_on(trouble: str) -> None:
    rig = ActorRig(ScriptedEngine([seconds(5)]))
    rig.handle.is_silent = trouble == "silent"
    rig.handle.errors.extend([RayActorError()] if trouble == "gone" else [])
    rig.worker_set.owner = None if trouble == "does not know" else True
    await rig.lose_stream()
    await rig.wait_moves()


async def test_a_worker_set_that_is_gone_delays_no_game() -> None:
    """No other actor can get the game, so it plays on after two lost streams in a row."""
    rig = ActorRig(ScriptedEngine([seconds(5)]))
    await rig.assign()
    rig.handle.errors.extend([RayActorError()] * 100)
    for _ in range(3):
        await asyncio.sleep(1)
        rig.match.end_stream()
    await rig.wait_moves()


async def test_it_waits_for_a_worker_set_that_restarts() -> None:
    rig = ActorRig(ScriptedEngine([seconds(20)]))
    await rig.assign()
    away = [RayActorError(), ActorUnavailableError("restarting", None)]
    rig.handle.errors.extend(away * 3)
    for _ in range(2):
        await asyncio.sleep(1)
        rig.match.end_stream()
    await rig.wait_moves()
    assert len(rig.handle.sent("owns")) == len(away * 3) + 1


async def test_an_actor_that_has_never_met_a_worker_set_plays_on() -> None:
    rig = ActorRig(ScriptedEngine([seconds(5)]))
    await rig.actor.assign(Assignment(game=GAME, epoch=1).pack())
    await asyncio.sleep(1)
    rig.match.end_stream()
    await rig.wait_moves()
    await rig.win()


async def test_a_new_worker_set_gets_the_claims_after_its_first_call() -> None:
    rig = ActorRig(ScriptedEngine([seconds(5)]))
    await rig.assign()
    newer = FakeHandle(FakeWorkerSet())
    await rig.actor.describe({"v": 1, "manager": newer})
    await asyncio.sleep(1)
    rig.match.end_stream()
    await rig.wait_moves()
    assert (len(rig.handle.sent("owns")), len(newer.sent("owns"))) == (0, 1)


async def test_a_game_that_lichess_does_not_know_is_unplayable() -> None:
    rig = ActorRig()
    await rig.assign("another1")
    outcome = await rig.outcome()
    assert (outcome.reason, outcome.game, outcome.result) == ("unplayable", "another1", "")


async def test_a_broken_actor_fails_its_supervising_call() -> None:
    rig = ActorRig()
    rig.games.matches[GAME].players = {}
    await rig.assign()
    with pytest.raises(Exception, match="KeyError"):
        await rig.outcome()


async def test_an_engine_that_keeps_dying_is_counted_during_the_game() -> None:
    rig = ActorRig(ScriptedEngine([EngineDied("it died")] * 3))
    await rig.play()
    await asyncio.sleep(11)
    assert rig.worker_set.count("crabstick_engine_restarts_total") == 2
    assert rig.worker_set.count("crabstick_engine_fallbacks_total") == 1
    await rig.win()
    assert rig.worker_set.count("crabstick_engine_restarts_total") == 2


async def test_every_log_line_of_its_process_has_actor_game_node_and_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = io.StringIO()
    rig = ActorRig()
    await rig.play()
    monkeypatch.setattr("sys.stderr", out)
    logging.getLogger("engine.resilient").warning("the engine died")
    line = json.loads(out.getvalue())
    assert (line["actor"], line["game_id"], line["node"]) == (NAME, GAME, "n1" * 8)
    assert line["engine"] == "default"


async def test_a_game_that_cost_too_many_actors_is_played_by_the_bundled_engine() -> None:
    rig = ActorRig()
    await rig.play(engine="embedded")
    assert rig.specs[-1].command[-2:] == ("-m", "engine.fairy")
    assert len(rig.specs) == 2


async def test_it_reports_every_ten_seconds_and_at_the_end() -> None:
    rig = ActorRig()
    await rig.assign()
    await asyncio.sleep(11)
    assert rig.worker_set.count("crabstick_moves_total") == 1
    rig.match.opponent_plays("e7e5")
    await rig.wait_moves(3)
    await rig.win()
    await until(lambda: rig.worker_set.count("crabstick_moves_total") == 2)


def _has_begun(engine: ScriptedEngine, games: int) -> bool:
    return engine.games == games


async def test_it_plays_one_game_after_another(ended: list[str]) -> None:
    rig = ActorRig()
    await rig.play()
    for number in range(1, 4):
        rig.match.finish("resign", chess.WHITE)
        outcome = await rig.outcome()
        assert (outcome.stays, outcome.result) == (True, "won")
        await until(partial(_has_begun, rig.engine, number))
        description = await rig.describe()
        assert (description.phase, description.game, description.epoch) == ("standby", None, 0)
        assert description.progress == Progress()
        rig.match = rig.games.matches[GAME] = FakeMatch(GAME)
        await rig.play(epoch=3 + number)
    assert ended == []


ODDS = "4k3/pppppppp/8/8/8/8/8/4K2R w K - 0 1"
POSITION = {"fen": ODDS, "engine": "fish", "options": {"Net": "x"}, "limits": {"nodes": 9}}


async def play_odds(rig: ActorRig, **assignment: Any) -> tuple[object, int | None]:
    """The options and the nodes of the first search of a game from `ODDS`."""
    rig.match = rig.games.matches[GAME] = FakeMatch(GAME, initial_fen=ODDS)
    await rig.play(**assignment)
    request = rig.engine.requests[-1]
    return request.options, request.limit.nodes


async def test_a_game_from_a_position_has_options_and_limits_of_its_own() -> None:
    engines = {"leela": {"limits": {"nodes": 800}}, "fish": "leela"}
    rig = ActorRig(config={"engine": "leela"}, engines=engines, positions=[POSITION])
    await rig.play()
    await rig.win()
    assert await play_odds(rig, epoch=4) == ({"Net": "x"}, 9)
    await rig.win()
    rig.match = rig.games.matches[GAME] = FakeMatch(GAME)
    await rig.play(epoch=5)
    usual = [(request.options, request.limit.nodes) for request in rig.engine.requests]
    assert usual == [({}, 800), ({"Net": "x"}, 9), ({}, 800)]


@pytest.mark.parametrize(
    ("config", "assignment"),
    [({"engine": "default"}, {}), ({"engine": "fish"}, {"engine": "embedded"})],
)
async def test_another_engine_than_the_position_s_has_its_own_options_and_limits(
    config: dict[str, str], assignment: dict[str, str]
) -> None:
    """After a restart of everything, or when the position's engine has failed."""
    rig = ActorRig(config=config, engines={"fish": {}}, positions=[POSITION])
    assert await play_odds(rig, **assignment) == ({}, None)


async def test_late_orders_about_an_earlier_game_change_nothing() -> None:
    rig = ActorRig(ScriptedEngine([seconds(0), seconds(50)]))
    await rig.play()
    await rig.win()
    assert await rig.assign() == {"v": 1, "taken": False}
    assert (await rig.describe()).phase == "standby"
    rig.games.matches[GameId("another1")] = FakeMatch(GameId("another1"))
    await rig.assign("another1", epoch=1)
    await rig.actor.leave(HandOverRequest(within_s=0, game=GAME).pack())
    await rig.actor.look(ResyncRequest(ply=0, game=GAME).pack())
    await asyncio.sleep(20)
    description = await rig.describe()
    assert (description.phase, description.game) == ("playing", "another1")
    assert await rig.assign() == {"v": 1, "taken": False}


async def test_an_outcome_may_be_asked_for_when_the_next_game_has_begun() -> None:
    rig = ActorRig()
    await rig.play()
    await rig.win()
    supervising = asyncio.create_task(rig.outcome())
    rig.match = rig.games.matches[GAME] = FakeMatch(GAME)
    await rig.play(epoch=4)
    rig.match.finish("resign", chess.BLACK)
    outcome = await supervising
    assert (outcome.epoch, outcome.result) == (4, "lost")


async def test_an_actor_that_nobody_supervises_after_its_game_ends(ended: list[str]) -> None:
    rig = ActorRig()
    await rig.play()
    await rig.win()
    await asyncio.sleep(9)
    assert (await rig.describe()).phase == "standby"
    await asyncio.sleep(5)
    assert ended == ["ended"]


async def test_an_actor_whose_engine_failed_ends_after_its_game(ended: list[str]) -> None:
    rig = ActorRig(ScriptedEngine([EngineDied("it died")]))
    await rig.play()
    rig.match.finish("resign", chess.WHITE)
    assert not (await rig.outcome()).stays
    await asyncio.sleep(4)
    assert ended == ["ended"]


async def test_an_actor_whose_engine_does_not_get_ready_again_ends() -> None:
    rig = ActorRig()
    await rig.play()
    rig.engine.fail_to_open(EngineDied("it died"))
    rig.match.finish("resign", chess.WHITE)
    assert (await rig.outcome()).stays
    with pytest.raises(CrabstickError, match="it died"):
        await rig.outcome()


@pytest.mark.parametrize("grown", [(64, 0, 0), (0, 65, 0), (0, 0, 33)])
async def test_an_actor_that_has_grown_ends_after_its_game(
    grown: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    megabytes, files, threads = grown
    rig = ActorRig()
    await rig.play()
    before = rig.actor._size
    after = ProcessSize(
        before.memory + (megabytes * 2**20 + 1) * bool(megabytes),
        before.files + files,
        before.threads + threads,
    )
    monkeypatch.setattr(ProcessSize, "now", lambda: after)
    rig.match.finish("resign", chess.WHITE)
    assert not (await rig.outcome()).stays


async def test_it_ends_after_its_last_game(ended: list[str]) -> None:
    rig = ActorRig(cluster={"games_per_actor": 1})
    await rig.play()
    await rig.win()
    assert (await rig.describe()).phase == "ending"
    assert ended == []
    await asyncio.sleep(4)
    assert ended == ["ended"]
    assert not rig.engine.is_open


async def test_giving_up_resigns_the_game() -> None:
    rig = ActorRig()
    rig.match.move("e2e4")
    rig.match.opponent_plays("e7e5")
    await rig.assign()
    await rig.wait_moves(3)
    assert await rig.actor.give_up({}) == {"v": 1, "gave_up": True}
    assert rig.match.status == "resign"


async def test_a_standby_has_nothing_to_give_up() -> None:
    rig = ActorRig()
    await rig.describe()
    assert await rig.actor.give_up({}) == {"v": 1, "gave_up": False}


async def test_a_game_is_handed_over_on_request(ended: list[str]) -> None:
    rig = ActorRig()
    await rig.play()
    await rig.leave(100)
    outcome = await rig.outcome()
    assert (outcome.reason, outcome.game, outcome.result) == ("handed_over", GAME, "")
    await asyncio.sleep(4)
    assert ended == ["ended"]


@pytest.mark.parametrize("already_s", [0, 1], ids=["with the game itself", "while it thinks"])
@pytest.mark.parametrize("requests", [(100, 3, 40), (3, 100), (100, 3)])
async def test_of_several_hand_over_requests_the_most_urgent_one_holds(
    requests: tuple[int, ...], already_s: int
) -> None:
    rig = ActorRig(ScriptedEngine([seconds(50)]))
    await rig.describe()
    await rig.assign()
    if already_s:
        await asyncio.sleep(already_s)
    began_s = asyncio.get_running_loop().time()
    for within_s in requests:
        await rig.leave(within_s)
    assert (await rig.outcome()).reason == "handed_over"
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(3, abs=0.1)


async def test_a_rate_limit_is_reported_at_once() -> None:
    rig = ActorRig()
    rig.match.next_outcomes.append(Limited(retry_after=seconds(5)))
    await rig.assign()
    await until(lambda: rig.worker_set.rate_limits.wait("move"), within_s=0.1)


async def test_before_it_reopens_its_stream_it_learns_the_rate_limits_of_others() -> None:
    rig = ActorRig(ScriptedEngine([seconds(5)]))
    await rig.assign()
    await asyncio.sleep(1)
    rig.worker_set.rate_limits.note_wait("game_stream", seconds(40))
    rig.match.end_stream()
    began_s = virtual_loop().time()
    await rig.wait_moves()
    assert 40 < virtual_loop().time() - began_s < 42


async def test_it_reads_an_answer_of_an_older_worker_set() -> None:
    rig = ActorRig(ScriptedEngine([seconds(5)]))

    async def owns(_message: Packed) -> Packed:
        return {"v": 1, "owner": False}

    rig.worker_set.owns = owns  # type: ignore[method-assign]  # an older one
    await rig.lose_stream()
    assert (await rig.outcome()).reason == "replaced"
