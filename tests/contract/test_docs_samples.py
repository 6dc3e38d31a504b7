"""The Python samples of docs/testing.md run as they stand."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

DOCUMENT = Path(__file__).parents[2] / "docs" / "testing.md"


def samples() -> list[tuple[str, str]]:
    """The name of the test that each sample defines, and its source."""
    text = DOCUMENT.read_text(encoding="utf-8")
    sources = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(re.findall(r"async def (test_\w+)", source)[0], source) for source in sources]


def test_there_are_samples() -> None:
    assert [name for name, _ in samples()] == [
        "test_the_bot_knows_its_name",
        "test_a_dead_engine_is_started_again",
    ]


@pytest.mark.parametrize(("name", "source"), samples(), ids=[name for name, _ in samples()])
async def test_the_sample_passes(name: str, source: str) -> None:
    scope: dict[str, Any] = {}
    exec(compile(source, str(DOCUMENT), "exec"), scope)  # noqa: S102 -- our own document
    sample: Callable[[], Awaitable[None]] = scope[name]
    await sample()
