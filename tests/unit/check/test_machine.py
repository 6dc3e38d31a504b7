"""`check`: what has to be right before a bot can play, one sentence for each thing that is not."""

from collections.abc import Iterable

import pytest

from crabstick.check import engine, settings
from crabstick.check.account import identify
from crabstick.check.engine import try_engine
from crabstick.commands.check import check
from crabstick.errors import (
    ConfigError,
    EnvironmentProblem,
    LichessError,
    Unauthorized,
    Unavailable,
)
from crabstick.lichess import account_client as client
from crabstick.rules.model import Account
from crabstick.settings import ADMIN_VARIABLE, TOKEN_VARIABLE, Settings
from engine.errors import EngineNotFound
from tests.fakes.lichess import FakeLichess

SETTINGS = Settings()
SCOPES = frozenset({"bot:play"})


def answers(
    monkeypatch: pytest.MonkeyPatch,
    account: Account | None = None,
    scopes: frozenset[str] = SCOPES,
    faults: Iterable[LichessError] = (),
) -> FakeLichess:
    """Lichess, as it will be asked."""
    lichess = FakeLichess(account, scopes)
    lichess.faults += faults
    monkeypatch.setenv(TOKEN_VARIABLE, "lip_token")
    monkeypatch.setattr(client, "open_lichess", lambda *_: lichess)
    return lichess


@pytest.fixture(autouse=True)
def _a_free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever listens on the machine that runs the tests."""
    monkeypatch.setattr(settings, "require_free", lambda *_: None)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


async def play(_spec: object) -> str:
    return "Pinch 1"


async def refuse(_spec: object) -> str:
    raise EngineNotFound("there is no /opt/engine")


def test_a_bot_with_the_scope_is_identified(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch)
    assert identify(SETTINGS) == Account(name="crabby", title="BOT")


def test_a_token_that_lichess_does_not_know_is_a_wrong_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers(monkeypatch, faults=[Unauthorized("no such token")])
    with pytest.raises(ConfigError, match="does not know the Lichess token"):
        identify(SETTINGS)


def test_a_lichess_that_does_not_answer_is_a_problem_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers(monkeypatch, faults=[Unavailable("https://lichess.org cannot be reached")])
    with pytest.raises(EnvironmentProblem, match=r"^https://lichess\.org cannot be reached$"):
        identify(SETTINGS)


def test_a_token_without_the_scope_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, scopes=frozenset({"challenge:read"}))
    with pytest.raises(ConfigError, match="lacks the scope bot:play"):
        identify(SETTINGS)


def test_an_account_that_lacks_both_is_told_both(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, Account(name="alice", title=None), scopes=frozenset())
    with pytest.raises(ConfigError, match=r"lacks the scope bot:play.*upgrade-account") as caught:
        identify(SETTINGS)
    assert "\n" not in str(caught.value)


def test_an_account_that_is_no_bot_is_told_how_to_become_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers(monkeypatch, Account(name="alice", title=None))
    with pytest.raises(EnvironmentProblem, match="upgrade-account"):
        identify(SETTINGS)


def test_an_engine_that_does_not_start_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "check", refuse)
    with pytest.raises(ConfigError, match="there is no /opt/engine"):
        try_engine(SETTINGS)


@pytest.mark.parametrize(("token", "word"), [("secret", "needs the admin token"), ("", "closed")])
def test_everything_that_is_in_order_is_said(
    monkeypatch: pytest.MonkeyPatch, token: str, word: str
) -> None:
    answers(monkeypatch)
    monkeypatch.setattr(engine, "check", play)
    monkeypatch.setenv(ADMIN_VARIABLE, token)
    said: list[str] = []
    check(SETTINGS, said.append)
    assert word in said.pop(3)
    assert said == [
        "settings: in order",
        "engine: Pinch 1 plays",
        "HTTP: port 8000 on 127.0.0.1 is free",
        "Lichess: https://lichess.org knows crabby as a bot with bot:play",
    ]


def test_without_a_network_the_engine_s_verdict_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, faults=[Unavailable("no network")])
    monkeypatch.setattr(engine, "check", play)
    monkeypatch.delenv(ADMIN_VARIABLE, raising=False)
    said: list[str] = []
    with pytest.raises(EnvironmentProblem, match="no network"):
        check(SETTINGS, said.append)
    assert said == [
        "settings: in order",
        "engine: Pinch 1 plays",
        "HTTP: port 8000 on 127.0.0.1 is free",
        "POST /shutdown: closed, no admin token is set",
    ]


def test_the_first_problem_is_raised_and_the_others_are_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers(monkeypatch, scopes=frozenset())
    monkeypatch.setattr(engine, "check", refuse)
    monkeypatch.setenv(ADMIN_VARIABLE, "two words")
    said: list[str] = []
    with pytest.raises(ConfigError, match="there is no /opt/engine"):
        check(SETTINGS, said.append)
    subjects = [line.partition(":")[0] for line in said]
    assert subjects == ["settings", "HTTP", "POST /shutdown", "Lichess"]
    assert "does not hold a token" in said[2]
    assert "lacks the scope bot:play" in said[3]


def test_on_a_named_cluster_the_port_is_not_this_machine_s(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch)
    monkeypatch.setattr(engine, "check", play)
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    said: list[str] = []
    check(SETTINGS, said.append)
    assert "on the head of the cluster that RAY_ADDRESS names" in said[2]
