"""`upgrade-account` asks before it changes the account for good."""

from io import StringIO

import pytest
from rich.console import Console

from crabstick.commands import upgrade_account as command
from crabstick.commands.upgrade_account import upgrade_account
from crabstick.errors import EnvironmentProblem, Refused
from crabstick.rules.lichess_types import Account
from crabstick.settings import TOKEN_VARIABLE, Settings
from tests.fakes.lichess import FakeLichess

HUMAN = Account(name="alice", title=None)


def run(
    monkeypatch: pytest.MonkeyPatch, lichess: FakeLichess, *, yes: bool
) -> tuple[list[str], str]:
    """The questions, and the output."""
    monkeypatch.setenv(TOKEN_VARIABLE, "lip_token")
    monkeypatch.setattr(command, "open_lichess", lambda *_: lichess)
    asked: list[str] = []
    out = StringIO()

    def confirm(question: str) -> bool:
        asked.append(question)
        return yes

    upgrade_account(Settings(), confirm, Console(file=out, width=200))
    return asked, out.getvalue().strip()


def test_a_yes_upgrades(monkeypatch: pytest.MonkeyPatch) -> None:
    lichess = FakeLichess(HUMAN)
    asked, said = run(monkeypatch, lichess, yes=True)
    assert ("never play as a human again" in asked[0], said) == (True, "alice is a bot account now")
    assert lichess.bearer.is_bot


def test_a_no_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lichess = FakeLichess(HUMAN)
    _, said = run(monkeypatch, lichess, yes=False)
    assert (said, lichess.bearer) == ("nothing changed", HUMAN)


def test_a_bot_account_is_not_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, said = run(monkeypatch, FakeLichess(), yes=True)
    assert (asked, said) == ([], "crabby is a bot account already")


def test_a_refusal_has_the_words_of_lichess(monkeypatch: pytest.MonkeyPatch) -> None:
    lichess = FakeLichess(HUMAN)
    lichess.faults.append(Refused("You already have games played", 400))
    with pytest.raises(EnvironmentProblem, match="You already have games played"):
        run(monkeypatch, lichess, yes=True)
