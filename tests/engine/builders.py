"""Builders of engines and requests for the tests of `engine/`, and helpers that wait."""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable
from datetime import timedelta

import chess
import psutil
import pytest
from chess.engine import Limit

from engine.interface import EngineSpec, OptionValue, SearchRequest


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def a_fake(mode: str = "instant", *arguments: str, **options: OptionValue) -> EngineSpec:
    """A spec of `python -m engine.fake`; an option's name is written with `_` for a space.

    Not niced: on a busy machine a niced Python takes seconds to start.
    """
    return EngineSpec(
        niceness=0,
        command=(sys.executable, "-m", "engine.fake", "--mode", mode, *arguments),
        options={name.replace("_", " "): value for name, value in options.items()},
    )


def a_request(
    board: chess.Board | None = None, *, deadline_s: float = 5.0, limit: Limit | None = None
) -> SearchRequest:
    return SearchRequest(
        board=chess.Board() if board is None else board,
        limit=limit or Limit(nodes=100),
        deadline=seconds(deadline_s),
    )


def has_ended(pid: int) -> bool:
    """Whether the process has ended; a zombie has ended too."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


async def wait_until(condition: Callable[[], bool], *, at_most_s: float = 10.0) -> None:
    async with asyncio.timeout(at_most_s):
        while not condition():  # noqa: ASYNC110 - a process gives no event
            await asyncio.sleep(0.01)


def stockfish_path() -> str:
    """The path of Stockfish; without Stockfish a test is skipped, or fails in CI."""
    found = shutil.which("stockfish", path=f"{os.environ.get('PATH', '')}:/usr/games")
    if found:
        return found
    if os.environ.get("CI") == "true":
        pytest.fail("Stockfish is missing; CI has to install it")
    pytest.skip("Stockfish is not installed")
