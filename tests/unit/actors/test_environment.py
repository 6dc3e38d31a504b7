"""A look at an actor's environment; that it imports nothing is seen in `tests/cluster`."""

import pytest

from actors.http.environment import variables


def test_what_is_set_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRABSTICK_A", "1")
    monkeypatch.delenv("CRABSTICK_B", raising=False)
    assert variables(object(), ["CRABSTICK_A", "CRABSTICK_B"]) == {"CRABSTICK_A": "1"}
