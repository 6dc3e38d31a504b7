"""Stories of games on a cluster that scales: opponents play, and every game is accounted for."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias

from tests.kube.kube_bot import KubeBot, running_bot, until
from tests.kube.opponents import Opponents

IDLE: Final = "AUTOSCALER_DRAIN_IDLE"
"""Ray's word for an idle node that the autoscaler ended."""
PREEMPTED: Final = "AUTOSCALER_DRAIN_PREEMPTED"
"""Ray's word for a node that got a SIGTERM, and ended when its last actor had left."""

Story: TypeAlias = Callable[[KubeBot, Opponents], Coroutine[Any, Any, None]]


def play(story: Story, *, games: int, **options: Any) -> dict[str, str]:
    """Plays it, and returns Ray's word for the end of each Pod that has ended.

    Each of the games ended on the board, every move was sent by whom it was given to, and no node
    was taken away under an actor: that would have cost a takeover.
    """
    with running_bot(**options) as bot:
        asyncio.run(_play(bot, story))
        verdict, deaths = bot.verdict(), bot.deaths()
        takeovers = bot.count("crabstick_takeovers_total")
    assert verdict.breaches == ()
    assert (verdict.games, takeovers) == (games, 0)
    return deaths


async def _play(bot: KubeBot, story: Story) -> None:
    async with Opponents(bot.sandbox) as opponents:
        await story(bot, opponents)


async def start_games(bot: KubeBot, opponents: Opponents, count: int) -> dict[str, str]:
    """So many bots come, each when a standby waits for it; tells where their games are played."""
    where: dict[str, str] = {}
    for _ in range(count):
        await until(bot.standbys, bool)
        where = await wait_placed(bot, *where, await opponents.challenge())
    return where


async def wait_placed(bot: KubeBot, *games: str) -> dict[str, str]:
    """Waits until all games are played somewhere, and tells where."""

    def is_right(now: dict[str, str]) -> bool:
        return set(now) == set(games) and all(now.values())

    where: dict[str, str] = await until(bot.games, is_right)
    return where


def on(where: dict[str, str], pod: str) -> list[str]:
    """The games that are played there."""
    return [game for game, place in where.items() if place == pod]
