"""One local Ray with one bot for all tests of this folder: a Ray start costs about ten seconds."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.stage import Stage, staged


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    with (
        tempfile.TemporaryDirectory(prefix="crab-", ignore_cleanup_errors=True) as folder,
        staged(Path(folder)) as stage,
    ):
        yield stage
