"""How `down` ends a local cluster that does not answer, and what Ctrl-C does to a cluster."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rich.console import Console

from actors.local_ray.local_cluster import ClusterRecord, LocalCluster
from actors.local_ray.ray_node import LocalNode
from crabstick.commands import down as command
from crabstick.commands.down import RunningGames, down
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings
from crabstick.terminal.find_cluster import BotCluster

SETTINGS = Settings()
RECORD = ClusterRecord(address="127.0.0.1:6379", head=LocalNode(pid=2**22 + 1, created_s=0))
NAMED = BotCluster(address="ray.example:6379")
LOCAL = BotCluster(address=RECORD.address, local=LocalCluster(record=RECORD))


@pytest.fixture
def console() -> Console:
    return Console(record=True, width=200)


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of the clusters that were ended."""
    ended: list[str] = []
    monkeypatch.setattr(LocalCluster, "end", lambda cluster: ended.append(cluster.address))
    monkeypatch.setattr(command, "disconnect", lambda: None)
    return ended


def use(monkeypatch: pytest.MonkeyPatch, cluster: BotCluster | None, *, answers: bool) -> None:
    @contextmanager
    def locked(_address: object, _namespace: str, _notify: object) -> Iterator[BotCluster | None]:
        yield cluster

    def connect(_address: str, _namespace: str) -> None:
        if not answers:
            raise EnvironmentProblem("no Ray cluster answers")

    monkeypatch.setattr(command, "locked_cluster", locked)
    monkeypatch.setattr(command, "connect", connect)


@pytest.mark.parametrize(
    ("cluster", "games", "sentence"),
    [
        (None, RunningGames.LEAVE, "name its cluster by --address"),
        (NAMED, RunningGames.LEAVE, "no Ray cluster answers"),
        (NAMED, RunningGames.RESIGN, "no Ray cluster answers"),
        (LOCAL, RunningGames.LEAVE, r"try again, or end it .* `crabstick down --now`"),
        (LOCAL, RunningGames.AWAIT, r"try again, or end it .* `crabstick down --now`"),
    ],
)
def test_a_cluster_that_may_still_play_is_not_ended(
    monkeypatch: pytest.MonkeyPatch,
    ended: list[str],
    cluster: BotCluster | None,
    games: RunningGames,
    sentence: str,
) -> None:
    use(monkeypatch, cluster, answers=False)
    with pytest.raises(EnvironmentProblem, match=sentence):
        down(SETTINGS, None, games, Console())
    assert ended == []


def test_a_cluster_that_hangs_is_ended_when_its_games_are_given_up(
    monkeypatch: pytest.MonkeyPatch, console: Console, ended: list[str]
) -> None:
    use(monkeypatch, LOCAL, answers=False)
    down(SETTINGS, None, RunningGames.RESIGN, console)
    assert ended == [LOCAL.address]
    said = console.export_text()
    assert "its games cannot be resigned" in said
    assert said.endswith("ending Ray …\nthe bot is down\n")


def test_ctrl_c_ends_a_local_cluster_with_its_games(
    monkeypatch: pytest.MonkeyPatch, console: Console, ended: list[str]
) -> None:
    async def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    use(monkeypatch, LOCAL, answers=True)
    monkeypatch.setattr(command, "_end_bot", interrupted)
    with pytest.raises(KeyboardInterrupt):
        down(SETTINGS, None, RunningGames.AWAIT, console)
    assert ended == [LOCAL.address]
    said = console.export_text()
    assert "the games that still run are given up" in said
    assert "the bot is down" not in said
