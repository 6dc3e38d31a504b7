"""The actors' tests live in virtual time: see `tests/unit/virtual_time.py`."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

from tests.unit.virtual_time import VirtualLoop, virtual_loop

WALL_CLOCK_AT_ZERO_S = 1_700_000_000


def pytest_asyncio_loop_factories(
    config: pytest.Config,  # noqa: ARG001 -- the hook's own names
    item: pytest.Item,  # noqa: ARG001
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"virtual": VirtualLoop}


@pytest.fixture
def wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of day moves with the virtual time: for those who come after one another."""

    def time() -> float:
        return WALL_CLOCK_AT_ZERO_S + virtual_loop().time()

    monkeypatch.setattr("actors.limit_board.time.time", time)
