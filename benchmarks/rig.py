"""The stand that a round is measured on: a Lichess, a Ray and a bot of its own, all actors warm."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ray import serve
from rich.console import Console

from actors.ops.deploy import actor_config
from actors.ops.shutdown import engine_actors
from benchmarks.bots import BOT, NAMESPACE, bot_settings, engine_program
from benchmarks.rounds import CLOCK
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings
from crabstick.terminal.deployment import deploy_bot
from crabstick.terminal.local_stack import LocalLichess, local_cluster, local_lichess
from crabstick.terminal.poll import fetch_statistics

__all__ = ["Stand", "actor_pids", "stand", "wait_standbys"]

STANDBY_LIMIT = timedelta(seconds=300)
ASK_LIMIT = timedelta(seconds=10)
POLL_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """What runs, and how long it took until it did."""

    lichess: LocalLichess
    ray_start_s: float
    bot_start_s: float
    """From a Ray that runs to the first actor on standby."""


@contextmanager
def stand(games: int) -> Iterator[Stand]:
    """Starts a bot with a standby for each of `games`, and ends everything.

    Ray gets no slot more than that: no actor can start while games run and disturb them.
    """
    players = [BOT, *(f"sparring{number}" for number in range(1, games + 1))]
    with local_lichess(players) as lichess, _folder() as folder:
        engine = engine_program(folder, "--mode", "instant")
        settings = bot_settings(lichess.url, engine, CLOCK, games=games, standby=games)
        began_s = time.monotonic()
        with local_cluster(_for_ray(settings), lichess.tokens[BOT]):
            ray_s = time.monotonic()
            deploy_bot(actor_config(settings, BOT), Console(quiet=True))
            asyncio.run(wait_standbys(1))
            yield Stand(
                lichess=lichess,
                ray_start_s=ray_s - began_s,
                bot_start_s=time.monotonic() - ray_s,
            )
            serve.shutdown()  # type: ignore[no-untyped-call]  # or this process takes the next Ray's Serve for this one


async def wait_standbys(count: int) -> None:
    """Returns when so many actors are warm.

    Raises:
        EnvironmentProblem: they did not start.
    """
    try:
        async with asyncio.timeout(STANDBY_LIMIT.total_seconds()):
            while True:
                if await _standbys() >= count:
                    return
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise EnvironmentProblem(f"{count} actors did not get warm") from None


async def _standbys() -> int:
    seen = await fetch_statistics(NAMESPACE)
    return sum(actor.phase == "standby" for actor in seen.actors) if seen else 0


async def actor_pids() -> list[int]:
    """The processes of the EngineActors that are warm; one that cannot start has no answer yet."""
    actors = await engine_actors(NAMESPACE)
    return [(await actor.describe(ASK_LIMIT)).pid for actor in actors]


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="crabstick-bench-") as folder:
        yield Path(folder)


def _for_ray(settings: Settings) -> Settings:
    """`local_cluster` counts slots for games and for standbys; here they are the same ones."""
    cluster = settings.cluster.model_copy(update={"standby": 0})
    return settings.model_copy(update={"cluster": cluster})
