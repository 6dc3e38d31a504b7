"""One local Ray with one bot for all tests of this folder: a Ray start costs about ten seconds."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.local_bot import LocalBot, running_bot


@pytest.fixture(scope="session")
def bot() -> Iterator[LocalBot]:
    with (
        tempfile.TemporaryDirectory(prefix="crab-", ignore_cleanup_errors=True) as folder,
        running_bot(Path(folder)) as bot,
    ):
        yield bot
