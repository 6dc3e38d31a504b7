"""What a round is measured on: a local Lichess, a local Ray cluster and a bot, all actors warm."""

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

from actors.clients import engine_actors
from actors.ops.fingerprint import actor_config
from benchmarks.bot_settings import BOT, NAMESPACE, bot_settings, engine_program
from benchmarks.game_round import CLOCK
from crabstick.errors import EnvironmentProblem
from crabstick.sandbox.testing import RunningSandbox
from crabstick.settings import Settings
from crabstick.terminal.local_stack import local_cluster, local_lichess
from crabstick.terminal.running_bot import deploy_bot, fetch_statistics

STANDBY_LIMIT = timedelta(seconds=300)
ASK_LIMIT = timedelta(seconds=10)
POLL_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """What runs, and how long the start took."""

    lichess: RunningSandbox
    ray_start_s: float
    bot_start_s: float
    """From a running Ray cluster to the first actor on standby."""


@contextmanager
def running_rig(games: int) -> Iterator[Rig]:
    """Starts a bot with a standby for each of `games`, and ends everything.

    The cluster has no further slots, so no actor can start and disturb games while they run.
    """
    players = [BOT, *(f"sparring{number}" for number in range(1, games + 1))]
    with local_lichess(players) as lichess, _folder() as folder:
        engine = engine_program(folder, "--mode", "instant")
        settings = bot_settings(lichess.url, engine, CLOCK, games=games, standby=games)
        began_s = time.monotonic()
        with local_cluster(_for_ray(settings), lichess.token(BOT)):
            ray_s = time.monotonic()
            deploy_bot(actor_config(settings, BOT), Console(quiet=True))
            asyncio.run(wait_standbys(1))
            yield Rig(
                lichess=lichess,
                ray_start_s=ray_s - began_s,
                bot_start_s=time.monotonic() - ray_s,
            )
            serve.shutdown()  # type: ignore[no-untyped-call]  # otherwise this process takes the next cluster's Serve for this one


async def wait_standbys(count: int) -> None:
    """Returns when that many actors are warm.

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
    statistics = await fetch_statistics(NAMESPACE)
    return sum(actor.phase == "standby" for actor in statistics.actors) if statistics else 0


async def actor_pids() -> list[int]:
    """The processes of the EngineActors, all of them warm."""
    actors = await engine_actors(NAMESPACE)
    return [(await actor.describe(ASK_LIMIT)).pid for actor in actors]


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="crabstick-bench-") as folder:
        yield Path(folder)


def _for_ray(settings: Settings) -> Settings:
    """`local_cluster` adds slots for standbys to those for games; here both use the same."""
    cluster = settings.cluster.model_copy(update={"standby": 0})
    return settings.model_copy(update={"cluster": cluster})
