"""`ResilientEngine` over real processes: a search returns a move whatever the engine does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import chess
import psutil
import pytest
from chess.engine import Limit

from engine.errors import EngineError
from engine.interface import EngineSpec
from engine.resilient import ResilientEngine
from engine.uci_engine import UciEngine
from tests.engine.builders import a_fake, a_request


class Watched:
    """Builds real engines and keeps a list of them."""

    def __init__(self) -> None:
        self.engines: list[UciEngine] = []

    def build(self, spec: EngineSpec) -> UciEngine:
        self.engines.append(UciEngine(spec))
        return self.engines[-1]


@asynccontextmanager
async def resilient(primary: EngineSpec, fallback: EngineSpec) -> AsyncIterator[ResilientEngine]:
    """A resilient engine that is closed at the end and leaves no process."""
    watched = Watched()
    engine = ResilientEngine(primary, fallback, restarts=1, build=watched.build)
    try:
        yield engine
    finally:
        await engine.close()
        left = [it.pid for it in watched.engines if it.pid and psutil.pid_exists(it.pid)]
        assert left == []


@pytest.mark.parametrize(
    "mode", ["crash", "hang", "illegal", "flood", "quit-at-start", "not-ready"]
)
async def test_a_move_comes_back_from_the_fallback(mode: str) -> None:
    primary = replace(a_fake(mode), start_timeout=a_request(deadline_s=0.5).deadline)
    async with resilient(primary, a_fake()) as engine:
        result = await engine.search(a_request(deadline_s=0.2))
        assert result.move in chess.Board().legal_moves
        assert (result.source, engine.is_fallback) == ("bundled", True)


@pytest.mark.parametrize("mode", ["crash", "hang", "illegal", "ignore-stop"])
@pytest.mark.parametrize("increment_s", [0, 5])
async def test_with_a_second_on_the_clock_a_move_comes_before_its_end(
    mode: str, increment_s: int
) -> None:
    limit = Limit(white_clock=1, white_inc=increment_s)
    async with resilient(a_fake(mode, "--delay-ms", "9000"), a_fake()) as engine:
        await engine.open()
        async with asyncio.timeout(1):
            request = a_request(deadline_s=min(1, 0.4 + increment_s), limit=limit)
            result = await engine.search(request)
        assert result.move in chess.Board().legal_moves
        assert (result.source, engine.is_fallback) == ("last_resort", False)


async def test_an_engine_that_lacks_memory_plays_on_with_a_smaller_table() -> None:
    primary = replace(a_fake("hungry", Hash=512), memory_limit_mb=256)
    async with resilient(primary, a_fake()) as engine:
        result = await engine.search(a_request())
        assert (result.source, engine.restart_count, engine.hash_mb) == ("engine", 1, 128)


async def test_when_everything_fails_the_search_raises() -> None:
    async with resilient(a_fake("crash"), a_fake("crash")) as engine:
        for _ in range(2):
            with pytest.raises(EngineError, match="cannot go on"):
                await engine.search(a_request())
