"""The engines that Debian packages, each with options of its own: each plays a whole game."""

import asyncio
import json
import os
import shutil
import signal
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from crabstick.sandbox.opponent import Result
from crabstick.sandbox.options import Options
from crabstick.sandbox.testing import running
from crabstick.telemetry.log_events import MOVE_POSTING
from tests.e2e.commands import PATIENCE_S, HomeBot, environment, home, left_behind, output, started

pytestmark = pytest.mark.e2e

PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/games"])
ZOO: Mapping[str, dict[str, Any]] = {
    "stockfish": {"options": {"Hash": 64, "Skill Level": 12}, "memory_mb": 512},
    "fairy-stockfish": {"options": {"UCI_LimitStrength": True, "UCI_Elo": 1500}},
    "gnuchess": {"args": ["--uci"], "options": {"OwnBook": False}, "memory_mb": 700},
    "fairymax": {
        "kind": "xboard",
        "limits": {"depth": 4},
        "options": {"Resign Threshold": 900, "memory": 20},
    },
    "ethereal-chess": {"options": {"Hash": 32, "MoveOverhead": 100}},
    "toga2": {"options": {"Hash": 32}},
}
SMALL = {"kind": "uci", "cpus": 0.2, "standby": 0, "limits": {"move_time_ms": 100}}


@dataclass(frozen=True, slots=True)
class Played:
    """What one bot played with all engines, by the engine's name."""

    results: dict[str, Result]
    engines: dict[str, set[str]]
    """The engines in the log of a game, by the id of the game."""
    failures: list[str]
    metrics: str


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    """One game with each engine that is installed, all at once; each clock has its engine."""
    paths = {name: path for name in ZOO if (path := shutil.which(name, path=PATH))}
    if not paths:
        pytest.skip(f"no engine is installed of {', '.join(ZOO)}")
    keys = {name: f"1+{number}" for number, name in enumerate(paths)}
    engines = {keys[name]: {**SMALL, **ZOO[name], "path": path} for name, path in paths.items()}
    text = json.dumps({"engines": engines, "challenges": {"max_games": len(ZOO)}})  # YAML, too
    with home() as folder, running(options=Options(rate_limits=False)) as sandbox:
        (folder / "crabstick.yaml").write_text(text, encoding="utf-8")
        bot = HomeBot(folder=folder, sandbox=sandbox, environment=environment(sandbox))
        yield asyncio.run(_play(bot, keys))
        assert left_behind(folder) == []


async def _play(bot: HomeBot, keys: Mapping[str, str]) -> Played:
    async def play(number: int) -> Result:
        async with bot.opponent(number + 1, think_s=0) as opponent:
            clock = (timedelta(seconds=60), timedelta(seconds=number))
            return await opponent.wait_result(await opponent.challenge("crabstick", clock, "black"))

    bot.hurry.set()
    with started(bot.folder, "up", **bot.environment) as up:
        await bot.until(lambda: "is up" in output(bot.folder))
        results = await asyncio.gather(*map(play, range(len(keys))))
        url = f"http://127.0.0.1:{bot.environment['CRABSTICK__HTTP__PORT']}/metrics"
        metrics = (await asyncio.to_thread(requests.get, url, timeout=10)).text
        lines = [*_log_lines(bot.folder)]
        os.killpg(up.pid, signal.SIGTERM)
        assert await asyncio.to_thread(up.wait, PATIENCE_S) == 0, output(bot.folder)
    engines: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        if line.get("event") == MOVE_POSTING:
            engines[line["game_id"]] |= {name for name in keys if keys[name] == line["engine"]}
    return Played(
        results=dict(zip(keys, results, strict=True)),
        engines=engines,
        failures=[one["message"] for one in lines if one.get("logger") == "engine.resilient"],
        metrics=metrics,
    )


def _log_lines(folder: Path) -> Iterator[dict[str, Any]]:
    for path in (folder / "ray").glob("session_2*/logs/worker-*.err"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("{") and line.endswith("}"):
                yield json.loads(line)


@pytest.mark.parametrize("name", ZOO)
def test_an_engine_of_debian_plays_a_whole_game(played: Played, name: str) -> None:
    if name not in played.results:
        pytest.skip(f"{name} is not installed")
    result = played.results[name]
    assert (result.status, result.winner) == ("mate", "white")
    assert played.engines[result.game_id] == {name}


def test_no_engine_of_debian_failed(played: Played) -> None:
    assert played.failures == []
    assert "crabstick_engine_restarts_total 0.0" in played.metrics
    assert "crabstick_engine_fallbacks_total 0.0" in played.metrics
