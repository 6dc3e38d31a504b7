"""A WorkerSet on a fake cluster, beside a fake Lichess."""

import asyncio
from typing import Any

from actors.messages import Claim, GameUpdate, LoadAnswer
from actors.worker_set.worker_set import WorkerSet
from crabstick.rules.cluster_view import EngineRecord
from crabstick.rules.lichess_types import GameId
from crabstick.settings import Settings
from tests.builders import seconds
from tests.fakes.lichess import FakeGames, FakeLichess, FakeMatch
from tests.fakes.runtime import FakeActor, FakeRuntime
from tests.unit.actors.configs import a_config
from tests.unit.actors.watched_actors import FakeWatchedActor
from tests.unit.virtual_time import until

GAME = "abcdefgh"
STATISTICS: dict[str, object] = {"v": 1}


class WorkerSetRig:
    """A WorkerSet under test, and everything that it calls."""

    def __init__(  # noqa: PLR0913 -- one for each setting that tests vary
        self,
        runtime: FakeRuntime | None = None,
        *,
        standby: int = 1,
        max_takeovers: int = 5,
        autoscaling: bool = False,
        max_games: int = 4,
        engines: dict[str, Any] | None = None,
    ) -> None:
        self.standby = standby
        self.runtime = runtime or FakeRuntime(n1=4, n2=4)
        self.lichess = FakeLichess()
        self.match = FakeMatch(GameId(GAME))
        self.games = FakeGames(self.match)
        self.listener = FakeWatchedActor()
        cluster = {
            "standby": standby,
            "max_takeovers": max_takeovers,
            "autoscaling": autoscaling,
        }
        self.config = a_config(
            cluster=cluster, challenges={"max_games": max_games}, engines=engines or {}
        ).pack()
        self.runtime.demands = Settings.from_message(self.config["settings"]).demands()  # type: ignore[arg-type]  # packed
        self.start()

    def start(self) -> None:
        """Starts the WorkerSet's process."""
        self.worker_set = WorkerSet(
            self.config, self.runtime, self.lichess, self.games, self.listener
        )

    def crash(self) -> None:
        """Ends the WorkerSet's process with all its tasks."""
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def report_game(self, game: str = GAME, engine: str = "") -> None:
        await self.worker_set.game_started(GameUpdate(game=game, engine=engine).pack())

    async def report_end(self, game: str = GAME) -> None:
        await self.worker_set.game_finished(GameUpdate(game=game).pack())

    async def wait_standbys(self, count: int) -> None:
        """Returns when exactly `count` actors stand by."""
        await until(lambda: self.phases().count("standby") == count)

    def phases(self) -> list[str]:
        return [engine.phase.value for engine in self.worker_set._registry.engines.values()]

    def engine(self, actor: FakeActor) -> EngineRecord:
        """The WorkerSet's record of the actor."""
        return self.worker_set._registry.engines[actor.name]

    async def start_game(self, game: str = GAME) -> FakeActor:
        """Reports a game as soon as a standby is there; returns the actor that gets it."""
        if self.standby:
            await self.wait_standbys(self.standby)
        await self.report_game(game)
        return await self.wait_player(game)

    async def wait_player(self, game: str = GAME) -> FakeActor:
        """Returns the owner of the game as soon as the owner knows it."""
        return (await until(lambda: self.runtime.players_of(game)))[-1]

    async def wait_successor(
        self, of: FakeActor, game: str = GAME, within_s: float = 60
    ) -> FakeActor:
        """Returns the actor that gets the game after `of`."""
        others = await until(
            lambda: [a for a in self.runtime.players_of(game) if a is not of], within_s
        )
        return others[-1]

    def drain(self, actor: FakeActor, within_s: float = 100) -> None:
        """Drains the node of an actor."""
        assert actor.node is not None
        self.runtime.draining[actor.node] = seconds(within_s)

    async def owns(self, actor: FakeActor, epoch: int, game: str = GAME) -> object:
        claim = Claim(game=game, actor=actor.name, epoch=epoch).pack()
        return (await self.worker_set.owns(claim))["owner"]

    async def load(self) -> LoadAnswer:
        return LoadAnswer.read(await self.worker_set.load({"v": 1}))

    async def problem(self) -> str:
        return str((await self.worker_set.statistics(STATISTICS))["problem"])

    async def value(self, metric: str, label: str = "") -> float:
        ledger: Any = (await self.worker_set.statistics(STATISTICS))["ledger"]
        return float(ledger["values"][metric][label])


async def playing_rig(
    runtime: FakeRuntime | None = None, **options: Any
) -> tuple[WorkerSetRig, FakeActor]:
    """A rig, and the actor that plays its game."""
    rig = WorkerSetRig(runtime, **options)
    return rig, await rig.start_game()
