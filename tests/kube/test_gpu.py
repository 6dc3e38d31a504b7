"""A group of machines with a GPU beside the others: which games bring them, and when they go."""

from typing import Final

import pytest

from tests.kube.kube_bot import KubeBot, until
from tests.kube.namespaces import in_namespaces
from tests.kube.opponents import Opponents
from tests.kube.story import IDLE, play, start_games

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1200)]

GPU: Final = "crabstick-gpu-worker-"
"""How the names of their Pods begin."""


@in_namespaces
def test_an_engine_with_a_gpu_gets_machines_with_one_and_the_last_stays_for_its_standby() -> None:
    deaths = play(_two_games, games=2, overlay="gpu", most=2, standby=1)
    assert [(pod.startswith(GPU), death) for pod, death in deaths.items()] == [(True, IDLE)]


async def _two_games(bot: KubeBot, opponents: Opponents) -> None:
    await until(bot.standbys, lambda count: count == 2)
    (first,) = cards(bot)
    where = await start_games(bot, opponents, 2)
    assert set(where.values()) == {first}  # two share a GPU
    await until(lambda: cards(bot), lambda pods: len(pods) == 2)
    await until(bot.standbys, lambda count: count >= 2)
    await opponents.finish(*where)
    await until(lambda: cards(bot), lambda pods: len(pods) == 1)
    assert bot.standbys() >= 2


def cards(bot: KubeBot) -> list[str]:
    """The Pods with a GPU."""
    return [pod for pod in bot.kube.workers() if pod.startswith(GPU)]
