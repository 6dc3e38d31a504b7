"""Hanging actors are restarted and games continue; a limited endpoint delays no other call."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest
import ray

from actors.clients import EVENT_LISTENER, WORKER_SET, is_engine_actor
from actors.cluster import ActorGone, ActorSilent
from crabstick.sandbox.opponent import Opponent, Result
from crabstick.telemetry import log_events
from tests.cluster.local_bot import (
    BOT,
    CLOCK,
    LocalBot,
    frozen,
    pid_of,
    statistics,
    until,
    wait_ply,
    wait_standbys,
)

pytestmark = [pytest.mark.cluster, pytest.mark.long]

ASK_S = 5
PATIENT_FOR_S = 12
SHORT_SILENCE_S = 8
"""Too short for a watchdog."""
LIMIT_S = 12


async def wait_replaced(name: str, old_pid: int) -> None:
    """Waits until another process answers under that name."""

    async def its_pid() -> int:
        try:
            return await asyncio.wait_for(pid_of(name), timeout=ASK_S)
        except (ActorGone, ActorSilent, TimeoutError):
            return old_pid

    await until(its_pid, lambda pid: pid != old_pid)


async def begin(stack: AsyncExitStack, bot: LocalBot, *numbers: int) -> list[tuple[Opponent, str]]:
    """Games against these opponents, each some plies old."""
    await wait_standbys(1)
    games = []
    for number in numbers:
        opponent = await stack.enter_async_context(bot.opponent(number, think_ms=1500))
        games.append((opponent, await opponent.challenge(BOT, CLOCK, "random")))
    await asyncio.gather(*(wait_ply(game_id, 2) for _, game_id in games))
    return games


async def owners(games: list[tuple[Opponent, str]]) -> dict[str, tuple[str, int]]:
    """The actor of each game, and its number of takeovers."""
    ours = {game_id for _, game_id in games}
    rows = (await statistics())["games"]
    return {row["id"]: (row["actor"], row["takeovers"]) for row in rows if row["id"] in ours}


async def ends(games: list[tuple[Opponent, str]]) -> set[str]:
    """How the games end."""
    results = await asyncio.gather(*(o.wait_result(i) for o, i in games))
    return {result.status for result in results}


async def play(bot: LocalBot, number: int) -> Result:
    """One quick game."""
    async with bot.opponent(number, think_ms=20) as opponent:
        return await opponent.play(BOT, CLOCK, "random")


def hung(bot: LocalBot, name: str) -> int:
    """How often a watchdog has reported that actor."""
    return sum(event["actor"] == name for event in bot.events(log_events.ACTOR_HUNG))


# Hanging actors.


def test_a_worker_set_that_hangs_is_restarted_and_its_games_go_on(bot: LocalBot) -> None:
    async def story() -> tuple[dict[str, Any], dict[str, Any], set[str]]:
        async with AsyncExitStack() as stack:
            games = await begin(stack, bot, 0, 1, 2)
            before = await owners(games)
            pid = await pid_of(WORKER_SET)
            with frozen(pid):
                await wait_replaced(WORKER_SET, pid)
            after = await owners(games)
            return before, after, await ends(games)

    reported = hung(bot, WORKER_SET)
    before, after, statuses = asyncio.run(story())
    assert {game: before[game] for game in after} == after
    assert statuses == {"mate"}
    assert hung(bot, WORKER_SET) == reported + 1
    assert bot.moves_taken() - bot.moves_intended() == set()


def test_a_listener_that_hangs_is_restarted_and_hears_the_next_challenge(bot: LocalBot) -> None:
    async def story() -> Result:
        pid = await pid_of(EVENT_LISTENER)
        with frozen(pid):
            await wait_replaced(EVENT_LISTENER, pid)
        return await play(bot, 3)

    reported = hung(bot, EVENT_LISTENER)
    assert asyncio.run(story()).status == "mate"
    assert hung(bot, EVENT_LISTENER) == reported + 1


def test_a_killed_actor_does_not_count_as_hung_while_ray_restarts_it(bot: LocalBot) -> None:
    async def story() -> None:
        for name in (WORKER_SET, EVENT_LISTENER):
            pid = await pid_of(name)
            os.kill(pid, signal.SIGKILL)
            await wait_replaced(name, pid)
        await asyncio.sleep(PATIENT_FOR_S)  # how long a watchdog would need

    before = len(bot.events(log_events.ACTOR_HUNG))
    asyncio.run(story())
    assert len(bot.events(log_events.ACTOR_HUNG)) == before


def test_an_opponents_move_whose_line_got_lost_is_found(bot: LocalBot) -> None:
    """The stream is silent while the opponent moves, and continues afterwards."""

    async def story() -> dict[str, Any]:
        async with AsyncExitStack() as stack:
            await wait_standbys(1)
            opponent = await stack.enter_async_context(bot.opponent(4, think_ms=4000))
            game_id = await opponent.challenge(BOT, CLOCK, "white")
            row = await wait_ply(game_id, 4)
            while row["ply"] % 2:  # it is our turn: after it the opponent thinks
                row = await wait_ply(game_id, row["ply"] + 1)
            silence = partial(bot.sandbox.arm, "silence", endpoint="game-stream", user=BOT)
            await asyncio.to_thread(silence, game=game_id, seconds=SHORT_SILENCE_S)
            return await wait_ply(game_id, row["ply"] + 4)

    before = len(bot.events(log_events.LINE_MISSED))
    asyncio.run(story())
    assert len(bot.events(log_events.LINE_MISSED)) == before + 1


def test_an_actor_that_ray_confirms_too_late_does_not_live_on_unknown(bot: LocalBot) -> None:
    """Ray's GCS is frozen while the WorkerSet replaces a standby."""

    async def story() -> Result:
        await wait_standbys(3)  # so that no actor is starting
        before = unconfirmed(bot)
        async with bot.opponent(5, think_ms=200) as opponent:
            with frozen(bot.gcs_pid):
                game_id = await opponent.challenge(BOT, CLOCK, "random")
                await until(lambda: asyncio.to_thread(unconfirmed, bot), lambda now: now > before)
            result = await opponent.wait_result(game_id)
        await wait_standbys(3)
        await until(strangers, lambda now: not now)
        return result

    assert asyncio.run(story()).status == "mate"


def unconfirmed(bot: LocalBot) -> int:
    """How many new actors Ray has not confirmed in time."""
    return sum("GCS" in event["why"] for event in bot.events(log_events.ACTOR_LOST))


async def strangers() -> set[str]:
    """EngineActors that live, and that the WorkerSet does not know."""
    known = {actor["name"] for actor in (await statistics())["actors"]}
    listed = await asyncio.to_thread(ray.util.list_named_actors, all_namespaces=True)
    return {one["name"] for one in listed if is_engine_actor(one["name"])} - known


# Limited endpoints.


async def wait_limited(*endpoints: str) -> dict[str, int]:
    """Waits until these are shown as limited."""
    found = await until(statistics, lambda now: {*endpoints} <= {*now["limits"]})
    limits: dict[str, int] = found["limits"]
    return limits


async def _limit(bot: LocalBot, endpoint: str, for_s: int, **more: str) -> None:
    """The bot's next call of this kind is answered 429."""
    arm = partial(bot.sandbox.arm, "rate-limit", endpoint=endpoint, user=BOT, **more)
    await asyncio.to_thread(arm, retry_after_s=for_s)


def test_a_limit_that_one_game_met_outlives_the_worker_set_and_delays_no_other_game(
    bot: LocalBot,
) -> None:
    async def story() -> tuple[dict[str, int], dict[str, int], set[str]]:
        async with AsyncExitStack() as stack:
            games = await begin(stack, bot, 0, 1)
            (_, unlucky), (_, lucky) = games
            await _limit(bot, "game-stream", LIMIT_S, game=unlucky)
            await asyncio.to_thread(
                bot.sandbox.arm, "cut", endpoint="game-stream", game=unlucky, user=BOT
            )
            limits = await wait_limited("game_stream")
            row = await wait_ply(lucky, 0)
            await wait_ply(lucky, row["ply"] + 2)
            pid = await pid_of(WORKER_SET)
            os.kill(pid, signal.SIGKILL)
            await wait_replaced(WORKER_SET, pid)
            learnt = await wait_limited("game_stream")
            return limits, learnt, await ends(games)

    limits, learnt, statuses = asyncio.run(story())
    assert learnt == limits
    assert statuses == {"mate"}
