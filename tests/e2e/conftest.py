"""Each test of the command line has a home of its own."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """A home of its own, with a path short enough for Ray's sockets."""
    with tempfile.TemporaryDirectory(prefix="crab-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
