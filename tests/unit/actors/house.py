"""A WorkerSet with all that it speaks to, for its stories."""

import asyncio
from typing import Any

from actors.messages import Claim, GameUpdate, LoadAnswer
from actors.worker_set.worker_set import WorkerSet
from crabstick.rules.model import GameId
from crabstick.rules.registry_records import EngineRecord
from tests.builders import seconds
from tests.fakes.lichess import FakeGames, FakeLichess, FakeMatch
from tests.fakes.runtime import FakeActor, FakeRuntime
from tests.unit.actors.configs import a_config
from tests.unit.actors.watched_actors import FakeWatchedActor
from tests.unit.virtual_time import until

__all__ = ["GAME", "STATISTICS", "House"]

GAME = "abcdefgh"
STATISTICS: dict[str, object] = {"v": 1}


class House:
    """A WorkerSet on a fake cluster, beside a fake Lichess."""

    def __init__(
        self,
        runtime: FakeRuntime | None = None,
        *,
        standby: int = 1,
        max_takeovers: int = 5,
        autoscaling: bool = False,
        max_games: int = 4,
    ) -> None:
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
        self.config = a_config(cluster=cluster, challenges={"max_games": max_games}).pack()
        self.begin()

    def begin(self) -> None:
        """The WorkerSet's process starts."""
        self.worker_set = WorkerSet(
            self.config, self.runtime, self.lichess, self.games, self.listener
        )

    def crash(self) -> None:
        """The WorkerSet's process dies, and nothing of it goes on."""
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def starts(self, game: str = GAME, **news: Any) -> None:
        await self.worker_set.game_started(GameUpdate(game=game, **news).pack())

    async def ends(self, game: str = GAME) -> None:
        await self.worker_set.game_finished(GameUpdate(game=game).pack())

    async def standbys(self, count: int) -> None:
        """Returns when so many actors stand by."""
        await until(lambda: self.phases().count("standby") == count)

    def phases(self) -> list[str]:
        return [member.phase.value for member in self.worker_set._registry.engines.values()]

    def engine(self, actor: FakeActor) -> EngineRecord:
        """The actor as the WorkerSet knows it."""
        return self.worker_set._registry.engines[actor.name]

    async def player(self, game: str = GAME) -> FakeActor:
        """The actor that owns the game, when it was told so."""
        return (await until(lambda: self.runtime.playing(game)))[-1]

    async def playing(self, game: str = GAME) -> FakeActor:
        """A game starts and its actor plays it."""
        await self.standbys(1)
        await self.starts(game)
        return await self.player(game)

    async def successor(self, of: FakeActor, game: str = GAME, within_s: float = 60) -> FakeActor:
        """The actor that has the game instead."""
        others = await until(
            lambda: [a for a in self.runtime.playing(game) if a is not of], within_s
        )
        return others[-1]

    def drain(self, actor: FakeActor, within_s: float = 100) -> None:
        """The node of this actor shall be emptied."""
        assert actor.node is not None
        self.runtime.draining[actor.node] = seconds(within_s)

    async def owns(self, actor: FakeActor, epoch: int, game: str = GAME) -> object:
        claim = Claim(game=game, actor=actor.name, epoch=epoch).pack()
        return (await self.worker_set.owns(claim))["owner"]

    async def load(self) -> LoadAnswer:
        return LoadAnswer.read(await self.worker_set.load({"v": 1}))

    async def value(self, metric: str, label: str = "") -> float:
        picture = await self.worker_set.statistics(STATISTICS)
        ledger: Any = picture["ledger"]
        return float(ledger["values"][metric][label])
