"""Each test of the command line has a home of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.commands import home


@pytest.fixture
def folder() -> Iterator[Path]:
    """A home of its own."""
    with home() as folder:
        yield folder
