"""Stories of games on a cluster that scales: guests come and play, and all is accounted for."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias

from tests.kube.guests import Guests
from tests.kube.stage import Stage, stage, until

__all__ = ["IDLE", "TOLD", "Story", "on", "play", "settled", "sit_down"]

IDLE: Final = "AUTOSCALER_DRAIN_IDLE"
"""Ray's word for a node that was told to end and agreed, because nothing was going on there."""
TOLD: Final = "AUTOSCALER_DRAIN_PREEMPTED"
"""For one that got SIGTERM, and ended when its last actor had left."""

Story: TypeAlias = Callable[[Stage, Guests], Coroutine[Any, Any, None]]


def play(story: Story, *, games: int, **wishes: Any) -> dict[str, str]:
    """Plays it, and returns Ray's word for the end of each Pod that has ended.

    Each of the games ended on the board, every move was sent by whom it was given to, and no node
    was taken away under an actor: that would have cost a takeover.
    """
    with stage(**wishes) as ours:
        asyncio.run(_play(ours, story))
        verdict, deaths = ours.verdict(), ours.deaths()
        takeovers = ours.count("crabstick_takeovers_total")
    assert verdict.breaches == ()
    assert (verdict.games, takeovers) == (games, 0)
    return deaths


async def _play(ours: Stage, story: Story) -> None:
    async with Guests(ours.sandbox) as guests:
        await story(ours, guests)


async def sit_down(ours: Stage, guests: Guests, count: int) -> dict[str, str]:
    """So many bots come, each when a standby waits for it; tells where their games are played."""
    where: dict[str, str] = {}
    for _ in range(count):
        await until(ours.standbys, bool)
        where = await settled(ours, *where, await guests.challenge())
    return where


async def settled(ours: Stage, *games: str) -> dict[str, str]:
    """Waits until all games are played somewhere, and tells where."""

    def is_right(seen: dict[str, str]) -> bool:
        return set(seen) == set(games) and all(seen.values())

    where: dict[str, str] = await until(ours.games, is_right)
    return where


def on(where: dict[str, str], pod: str) -> list[str]:
    """The games that are played there."""
    return [game for game, place in where.items() if place == pod]
