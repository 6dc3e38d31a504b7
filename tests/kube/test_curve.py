"""Ten minutes of games that come and go on Ray's own autoscaler, beside the model of the same ones.

The model is what `make bench BENCH=elasticity` simulates a day with.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from statistics import fmean
from typing import Any, Final

import pytest

from benchmarks.cluster_simulation import Cluster, simulate
from benchmarks.demand import Demand, Game
from benchmarks.elasticity import OURS
from tests.kube.cluster import Kube
from tests.kube.kube_bot import KubeBot, running_bot, until
from tests.kube.namespaces import in_namespaces
from tests.kube.opponents import Opponents

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1800)]

LENGTH_S: Final = 600
DEMAND: Final = Demand(quiet=0.5, busy=5, game_s=60, period_s=LENGTH_S)
SLOTS: Final = 4
IDLE_S: Final = 5
"""See overlays/minimal/kustomization.yaml."""
ACTOR_START_S: Final = 3
WORKER: Final = "-worker-"
"""In the names of Pods for games."""


@in_namespaces
def test_ten_minutes_on_the_real_autoscaler_cost_what_the_model_says() -> None:
    games = [*DEMAND.games(random.Random(1), LENGTH_S)]
    options: dict[str, Any] = {"slot_cpus": 0.5, "slot_memory_mb": 128}
    with running_bot(most=8, standby=OURS.standby, max_games=16, **options) as bot:
        began_s = asyncio.run(_play(bot, games))
        bought_s = _node_seconds(bot.kube, began_s)
        cluster = _as_measured(bot.kube)
        verdict = bot.verdict()
        takeovers = bot.count("crabstick_takeovers_total")
    model = simulate(games, cluster, OURS, LENGTH_S)
    summary = f"real {bought_s:.0f} node-seconds, {model}, {cluster}"
    assert bought_s == pytest.approx(model.node_s, rel=0.1), summary
    assert (verdict.games, verdict.breaches, takeovers) == (len(games), (), 0)


async def _play(bot: KubeBot, games: Sequence[Game]) -> float:
    """Has them played, each when it is its time; returns when the first minute began."""
    await until(bot.standbys, bool)
    began_s = time.monotonic()
    async with Opponents(bot.sandbox) as opponents:
        await asyncio.gather(*(_one(opponents, game, began_s) for game in games))
        await _at(began_s + LENGTH_S)
    return began_s


async def _one(opponents: Opponents, game: Game, began_s: float) -> None:
    starts_s, over_s = game
    await _at(began_s + starts_s)
    game_id = await opponents.challenge("human")
    await _at(began_s + over_s)
    await opponents.resign(game_id)


async def _at(moment_s: float) -> None:
    await asyncio.sleep(max(moment_s - time.monotonic(), 0))


def _node_seconds(kube: Kube, began_s: float) -> float:
    """How long the Pods for games were there, in the time that is looked at."""
    until_s = began_s + LENGTH_S
    gone_s = {one.name: one.at_s for one in kube.events("gone")}
    return sum(
        max(min(gone_s.get(name, until_s), until_s) - max(created_s, began_s), 0)
        for name, created_s in _created(kube).items()
    )


def _created(kube: Kube) -> dict[str, float]:
    """The Pods for games, and when each was made."""
    return {one.name: one.at_s for one in kube.events("created") if WORKER in one.name}


def _as_measured(kube: Kube) -> Cluster:
    """The model's cluster, whose nodes come and go as fast as the observed ones."""
    to_monotonic_s = time.monotonic() - time.time()
    created, gone = _created(kube), {one.name: one.at_s for one in kube.events("gone")}
    boots_s = [
        node.started_ms / 1000 + to_monotonic_s - created[node.pod]
        for node in kube.ray_nodes().values()
    ]
    ends_s = [
        gone[one.name] - one.at_s
        for one in kube.events("deleted")
        if one.name in created and one.name in gone
    ]
    return Cluster(
        slots=SLOTS,
        boot_s=round(fmean(boots_s)) + 1,  # the autoscaler looks once a second
        end_s=round(fmean(ends_s)) + 1,
        idle_s=IDLE_S,
        autoscale_s=1,
        actor_start_s=ACTOR_START_S,
    )
