"""Words that more than one command prints."""

import pytest

from crabstick.terminal.plural import counted


@pytest.mark.parametrize(("number", "text"), [(0, "0 games"), (1, "1 game"), (2, "2 games")])
def test_one_is_no_plural(number: int, text: str) -> None:
    assert counted(number, "game") == text
