"""The samples of docs/testing.md and docs/sandbox.md run as they stand."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from crabstick.sandbox.accounts import load_accounts

DOCS = Path(__file__).parents[2] / "docs"


def blocks(document: str, language: str) -> list[str]:
    """The code blocks of a language."""
    text = (DOCS / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


SAMPLES = {
    re.findall(r"async def (test_\w+)", source)[0]: source
    for document in ("testing.md", "sandbox.md")
    for source in blocks(document, "python")
}


def test_there_are_samples() -> None:
    assert list(SAMPLES) == [
        "test_the_bot_knows_its_name",
        "test_a_dead_engine_is_started_again",
        "test_a_bot_plays_a_game",
    ]


@pytest.mark.parametrize("name", SAMPLES)
async def test_the_sample_passes(name: str) -> None:
    scope: dict[str, Any] = {}
    exec(compile(SAMPLES[name], name, "exec"), scope)  # noqa: S102 -- our own document
    sample: Callable[[], Awaitable[None]] = scope[name]
    await sample()


def test_the_accounts_of_the_sandbox_page_can_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "accounts.yaml").write_text(blocks("sandbox.md", "yaml")[0], encoding="utf-8")
    accounts = load_accounts(tmp_path / "accounts.yaml")
    assert [account.name for account in accounts] == ["mybot", "guest"]
