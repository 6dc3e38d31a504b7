"""`crabstick up` with other settings while games run: the managers change, the games do not."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from actors.deploy import birth_for, deploy
from actors.names import EVENT_LISTENER, WORKER_SET
from actors.shutdown import find
from crabstick.errors import EnvironmentProblem
from crabstick.sandbox.opponent import Opponent
from crabstick.settings import Settings
from tests.cluster.stage import (
    BOT,
    CLOCK,
    NAMESPACE,
    Stage,
    picture,
    pid_of,
    until,
    wait_ply,
    wait_standbys,
)

pytestmark = pytest.mark.cluster


@pytest.fixture
def settings(stage: Stage) -> Iterator[Settings]:
    """Other settings than those that run; these are brought back afterwards."""
    limits = stage.settings.engine.limits.model_copy(update={"move_time_ms": 90})
    engine = stage.settings.engine.model_copy(update={"limits": limits})
    yield stage.settings.model_copy(update={"engine": engine})
    asyncio.run(deploy(birth_for(stage.settings, BOT)))


async def begin(stack: AsyncExitStack, stage: Stage, number: int) -> tuple[Opponent, str]:
    opponent = await stack.enter_async_context(stage.opponent(number, think_ms=1000))
    game_id = await opponent.challenge(BOT, CLOCK, "random")
    await wait_ply(game_id, 2)
    return opponent, game_id


async def owners(*ids: str) -> dict[str, tuple[str, int]]:
    """Who plays these games, and after how many takeovers."""
    await asyncio.gather(*(wait_ply(game_id, 2) for game_id in ids))
    rows = {row["id"]: row for row in (await picture())["games"]}
    return {i: (rows[i]["actor"], rows[i]["takeovers"]) for i in ids}


async def ear() -> object:
    return await find(EVENT_LISTENER, NAMESPACE)


async def manager_pids() -> tuple[int, int]:
    return await pid_of(WORKER_SET), await pid_of(EVENT_LISTENER)


def test_other_settings_there_and_back_cost_no_game_and_no_challenge(
    stage: Stage, settings: Settings
) -> None:
    async def story() -> tuple[list[Any], list[Any], set[str]]:
        async with AsyncExitStack() as stack:
            await wait_standbys(2)
            games = [await begin(stack, stage, number) for number in (0, 1)]
            ids = [game_id for _, game_id in games]
            who, pids = [await owners(*ids)], [await manager_pids()]
            late = await stack.enter_async_context(stage.opponent(2))
            for wanted, opponent in ((settings, late), (stage.settings, None)):
                deployed = asyncio.ensure_future(deploy(birth_for(wanted, BOT)))
                if opponent is not None:
                    await until(ear, lambda found: found is None)
                    games.append((opponent, await opponent.challenge(BOT, CLOCK, "random")))
                assert await deployed
                who.append(await owners(*ids))
                pids.append(await manager_pids())
            results = await asyncio.gather(*(o.wait_result(i) for o, i in games))
            return who, pids, {result.status for result in results}

    who, pids, statuses = asyncio.run(story())
    assert statuses == {"mate"}
    assert who[1:] == who[:1] * 2
    assert len({pid for pair in pids for pid in pair}) == 6
    assert stage.moves_taken() - stage.moves_meant() == set()


def test_a_version_that_the_running_games_do_not_understand_changes_nothing(
    stage: Stage, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> tuple[tuple[int, int], tuple[int, int], str]:
        async with AsyncExitStack() as stack:
            await wait_standbys(1)
            opponent, game_id = await begin(stack, stage, 0)
            before = await manager_pids()
            monkeypatch.setattr("actors.compatibility.PROTOCOL", 2)
            with pytest.raises(EnvironmentProblem, match=r"1 game .* speak protocol 1, .* 2;"):
                await deploy(birth_for(settings, BOT))
            monkeypatch.undo()
            return before, await manager_pids(), (await opponent.wait_result(game_id)).status

    before, after, status = asyncio.run(story())
    assert (after, status) == (before, "mate")
