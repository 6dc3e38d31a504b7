"""How `down` ends a Ray of our own that does not answer, and what Ctrl-C does to it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rich.console import Console

from actors.local_ray.head import LocalRay
from crabstick.commands import down as command
from crabstick.commands.down import Games, down
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings
from crabstick.terminal.cluster import Cluster

SETTINGS = Settings()
FOREIGN = Cluster(address="ray.example:6379")
OURS = Cluster(address="127.0.0.1:6379", local=LocalRay(address="127.0.0.1:6379", pid=1))


@pytest.fixture
def console() -> Console:
    return Console(record=True, width=200)


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of the Rays that were ended."""
    ended: list[str] = []
    monkeypatch.setattr(LocalRay, "end", lambda ray: ended.append(ray.address))
    monkeypatch.setattr(command, "disconnect", lambda: None)
    return ended


def on(monkeypatch: pytest.MonkeyPatch, cluster: Cluster | None, *, answers: bool) -> None:
    @contextmanager
    def turn(_address: object, _say: object) -> Iterator[Cluster | None]:
        yield cluster

    def connect(_address: str, _namespace: str) -> None:
        if not answers:
            raise EnvironmentProblem("no Ray cluster answers")

    monkeypatch.setattr(command, "turn", turn)
    monkeypatch.setattr(command, "connect", connect)


def test_where_no_bot_runs_there_is_none_to_end(
    monkeypatch: pytest.MonkeyPatch, console: Console, ended: list[str]
) -> None:
    on(monkeypatch, None, answers=True)
    with pytest.raises(EnvironmentProblem, match="name its cluster by --address"):
        down(SETTINGS, None, Games.PLAYED_ON, console)
    assert ended == []


@pytest.mark.parametrize("games", Games)
def test_a_foreign_cluster_that_does_not_answer_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, console: Console, ended: list[str], games: Games
) -> None:
    on(monkeypatch, FOREIGN, answers=False)
    with pytest.raises(EnvironmentProblem, match="no Ray cluster answers"):
        down(SETTINGS, FOREIGN.address, games, console)
    assert ended == []


@pytest.mark.parametrize("games", [Games.PLAYED_ON, Games.AWAITED])
def test_a_ray_that_hangs_may_still_play_and_is_not_ended_unasked(
    monkeypatch: pytest.MonkeyPatch, console: Console, ended: list[str], games: Games
) -> None:
    on(monkeypatch, OURS, answers=False)
    with pytest.raises(EnvironmentProblem, match=r"try again, or end it .* `crabstick down --now`"):
        down(SETTINGS, None, games, console)
    assert ended == []


def test_a_ray_that_hangs_is_ended_when_its_games_are_given_up(
    monkeypatch: pytest.MonkeyPatch, console: Console, ended: list[str]
) -> None:
    on(monkeypatch, OURS, answers=False)
    down(SETTINGS, None, Games.GIVEN_UP, console)
    assert ended == [OURS.address]
    assert console.export_text().splitlines() == [
        "the bot's own Ray does not answer: its games cannot be resigned",
        "ending Ray …",
        "the bot is down",
    ]


def test_ctrl_c_ends_our_own_ray_with_its_games(
    monkeypatch: pytest.MonkeyPatch, console: Console, ended: list[str]
) -> None:
    async def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    on(monkeypatch, OURS, answers=True)
    monkeypatch.setattr(command, "_down", interrupted)
    with pytest.raises(KeyboardInterrupt):
        down(SETTINGS, None, Games.AWAITED, console)
    assert ended == [OURS.address]
    assert "the games that still run are given up" in console.export_text()
    assert "the bot is down" not in console.export_text()
