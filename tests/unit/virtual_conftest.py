"""Has the tests of a folder run in virtual time: its conftest.py imports these two names."""

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

    monkeypatch.setattr("crabstick.game.rate_limits.time.time", time)
