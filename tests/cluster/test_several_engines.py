"""A heavy engine on a node with a GPU, and an actor that dies in its start."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import ray

from actors.clients import find_worker_set
from actors.cluster import ON_THE_HEAD, ActorGone, create_actor, kill_actor, require_life
from actors.local_ray.ray_node import ENVIRONMENT
from actors.ops.deploy import deploy, problem_of
from actors.ops.fingerprint import actor_config
from benchmarks import nodes
from benchmarks.bot_settings import engine_program
from tests.cluster.local_bot import BOT, NAMESPACE, LocalBot, statistics, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

GAMES = int(os.environ.get("GAMES", "6"))
LOADS = timedelta(seconds=8)
RAPID = (timedelta(minutes=10), timedelta(0))
USUAL_MS = 300
"""Of twenty games at most one takes longer."""
HEAVY: dict[str, Any] = {
    "kind": "uci",
    "gpus": 0.25,
    "labels": {"accelerator": "scripted"},
    "standby": 2,
}


@contextmanager
def gpu_node(bot: LocalBot) -> Iterator[None]:
    """A node that says that it has a GPU."""
    command = nodes._command(bot.ray.address, 4, "card")
    more = ["--num-gpus=1", "--labels=accelerator=scripted"]
    search_path = os.pathsep.join([str(nodes.ROOT), os.environ.get("PYTHONPATH", "")])
    variables = {**os.environ, **ENVIRONMENT, "PYTHONPATH": search_path}
    child = nodes._start([*command, *more], {**variables, "LICHESS_BOT_TOKEN": bot.token})
    try:
        yield
    finally:
        nodes._end(child)


@pytest.fixture
def starts(bot: LocalBot, tmp_path: Path) -> Iterator[Path]:
    """The bot with an engine for rapid games that counts its starts in a file."""
    program, starts = engine_program(tmp_path, "--mode", "slow-start", *_delay()), tmp_path / "n"
    text = program.read_text(encoding="utf-8")
    program.write_text(text.replace("exec", f"echo >> {starts}\nexec", 1), encoding="utf-8")
    engine = type(bot.settings.engine).model_validate({**HEAVY, "path": str(program)})
    settings = bot.settings.model_copy(update={"engines": {"rapid": engine}})
    asyncio.run(deploy(actor_config(settings, BOT)))
    yield starts
    asyncio.run(deploy(actor_config(bot.settings, BOT)))


def _delay() -> tuple[str, str]:
    return "--delay-ms", str(round(LOADS.total_seconds() * 1000))


async def test_a_heavy_engine_is_loaded_once_and_plays_game_after_game(
    bot: LocalBot, starts: Path
) -> None:
    problem = await until(lambda: problem_of(NAMESPACE), bool)
    assert "0.25 GPUs and label accelerator=scripted that engines.rapid asks for" in problem
    with gpu_node(bot):
        await until(lambda: warm_on("card"), lambda warm: warm == HEAVY["standby"])
        assert await problem_of(NAMESPACE) == ""
        async with bot.opponent(0, think_ms=1) as opponent:
            took_ms = []
            for _ in range(GAMES):
                began_s = time.monotonic()
                game_id = await opponent.challenge(BOT, RAPID, "black")
                await until(lambda: first_move(bot, game_id), bool)  # noqa: B023 -- called here
                took_ms.append((time.monotonic() - began_s) * 1000)
                await until(lambda: asyncio.to_thread(bot.resign, game_id, 0), bool)  # noqa: B023
                await until(lambda: warm_on("card"), lambda warm: warm >= HEAVY["standby"])
        loads = await asyncio.to_thread(starts.read_text, encoding="utf-8")
        assert len(loads) <= HEAVY["standby"] + 1
        slow = [each for each in took_ms if each > USUAL_MS]
        assert len(slow) <= GAMES // 20, sorted(map(round, took_ms))


async def first_move(bot: LocalBot, game_id: str) -> bool:
    """Whether the bot has moved; it has white."""
    ledger = await asyncio.to_thread(bot.sandbox.ledger, game_id)
    return any(game["moves"] for game in ledger["games"])


async def warm_on(name: str) -> int:
    """How many actors stand by on the node."""
    every = ray.nodes()  # type: ignore[no-untyped-call]  # Ray's
    there = {each["NodeID"] for each in every if each["Alive"] and each["NodeName"] == name}
    actors = (await statistics())["actors"]
    return sum(actor["phase"] == "standby" and actor["node"] in there for actor in actors)


@pytest.mark.usefixtures("bot")
async def test_a_manager_that_dies_in_its_start_again_and_again_is_known_at_once() -> None:
    class Dying:
        def __init__(self) -> None:
            os.abort()

    options: dict[str, Any] = {"max_restarts": -1, "num_cpus": 0, "resources": ON_THE_HEAD}
    dying = create_actor(Dying, "dying", NAMESPACE, **options)

    async def reason() -> str:
        try:
            await asyncio.to_thread(require_life, dying)
        except ActorGone as gone:
            return str(gone)
        return ""

    why = await until(reason, bool, timedelta(seconds=30))
    kill_actor(dying)
    assert why.startswith("its process died: Worker unexpectedly exits with a connection error")
    manager = await find_worker_set(NAMESPACE)
    assert manager is not None
    await asyncio.to_thread(require_life, manager.handle)
