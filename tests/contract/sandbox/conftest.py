"""A served sandbox for each test."""

from collections.abc import Iterator

import pytest

from crabstick.sandbox.testing import RunningSandbox, running


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with running() as served:
        yield served
