"""How `down` ends a local cluster, also one that does not answer, and what Ctrl-C does to it."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from crabstick.commands import down as module
from crabstick.commands.down import RunningGames
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings
from tests.unit.local_rays import CONFIG, DEAD, FILES, GONE, LOCAL, OTHER, runs, use_home

LEAVE, AWAIT, RESIGN = RunningGames.LEAVE, RunningGames.AWAIT, RunningGames.RESIGN


class Machine:
    """A Ray that may hang; knows which bots were ended, and what else happened."""

    def __init__(self) -> None:
        self.hangs = self.is_interrupted = False
        self.steps: list[object] = []

    def connect(self, address: str, _namespace: str) -> None:
        if self.hangs:
            raise EnvironmentProblem("no Ray cluster answers")
        self.steps.append(f"connect {address}")

    async def end_bot(self, _namespace: str, games: RunningGames, **_: object) -> None:
        assert FILES.load_config() == {}, "a Ray that dies now gets no bot"
        self.steps.append(games)
        if self.is_interrupted:
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    machine = Machine()
    use_home(monkeypatch, tmp_path, machine.steps)
    monkeypatch.setattr(module, "connect", machine.connect)
    monkeypatch.setattr(module, "disconnect", lambda: None)
    monkeypatch.setattr(module, "_end_bot", machine.end_bot)
    return machine


def down(games: RunningGames = LEAVE, address: str | None = None) -> str:
    """Runs the command; returns what it printed."""
    console = Console(record=True, width=200)
    try:
        module.down(Settings(), address, games, console)
    except KeyboardInterrupt:
        console.print("interrupted")
    return console.export_text()


@pytest.mark.parametrize("games", RunningGames)
def test_only_a_local_cluster_is_ended_with_its_bot(machine: Machine, games: RunningGames) -> None:
    assert down(games, "a:1") == "the bot is down\n"
    runs()
    assert down(games) == "ending Ray …\nthe bot is down\n"
    local = LOCAL.address
    assert machine.steps == ["connect a:1", games, f"connect {local}", games, local]
    assert (FILES.load(), FILES.load_config()) == (None, {})


def test_without_a_bot_of_this_token_the_others_are_named(machine: Machine) -> None:
    runs(FILES, DEAD)
    runs(OTHER, bot="lobster")
    with pytest.raises(EnvironmentProblem, match=r"--address or .*; with another token lobster"):
        down()
    assert machine.steps == []


@pytest.mark.parametrize("games", [LEAVE, AWAIT])
def test_a_cluster_that_may_still_play_is_not_ended(machine: Machine, games: RunningGames) -> None:
    runs()
    machine.hangs = True
    with pytest.raises(EnvironmentProblem, match=r"try again, or end it .* `crabstick down --now`"):
        down(games)
    with pytest.raises(EnvironmentProblem, match="no Ray cluster answers"):
        down(games, "a:1")
    assert machine.steps == []
    assert (FILES.load(), FILES.load_config()) == (LOCAL, CONFIG), "the supervisor needs both"


@pytest.mark.parametrize("is_starting", [False, True])
def test_a_cluster_that_hangs_is_ended_when_its_games_are_given_up(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, *, is_starting: bool
) -> None:
    minutes = iter(range(10))
    monkeypatch.setattr("time.monotonic", lambda: 60 * next(minutes))
    monkeypatch.setattr("time.sleep", lambda _: None)
    runs(local=replace(LOCAL, node=GONE) if is_starting else LOCAL)
    machine.hangs = True
    said = down(RESIGN)
    assert ("is being started; waiting" in said) == is_starting
    assert said.endswith("cannot be resigned\nending Ray …\nthe bot is down\n")
    assert machine.steps == [LOCAL.address]


def test_ctrl_c_ends_a_local_cluster_with_its_games(machine: Machine) -> None:
    runs()
    machine.is_interrupted = True
    said = down(AWAIT)
    assert said.startswith("the games that still run are given up")
    assert said.endswith("ending Ray …\ninterrupted\n")
    assert machine.steps[-1] == LOCAL.address
