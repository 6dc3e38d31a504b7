"""Ray's own autoscaler brings nodes for games and takes them away after them: the short story."""

import asyncio

import pytest

from tests.kube.kube_bot import KubeBot, running_bot, until
from tests.kube.namespaces import in_namespaces
from tests.kube.opponents import Opponents

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(900)]


@in_namespaces
def test_a_node_comes_before_the_game_that_needs_it_and_goes_after_its_last_one() -> None:
    with running_bot(standby=2, max_games=2) as bot:
        asyncio.run(_two_games(bot))
        verdict, deaths = bot.verdict(), bot.deaths()
    assert verdict.breaches == ()
    assert verdict.games == 2
    assert list(deaths.values()) == ["AUTOSCALER_DRAIN_IDLE"]


async def _two_games(bot: KubeBot) -> None:
    await until(bot.standbys, bool)
    (first,) = bot.kube.workers()
    async with Opponents(bot.sandbox) as opponents:
        games: list[str] = []
        for _ in range(2):
            games.append(await opponents.challenge())
            await until(bot.games, lambda now: now == dict.fromkeys(games, first))
            await until(bot.standbys, bool)
        _, second = bot.kube.workers()
        await opponents.finish(*games)
    await until(bot.kube.workers, lambda pods: pods == [second])
    assert bot.kube.picked() == [first]
    assert bot.is_ready()
