"""How `up` follows the bot, also over a death of its Ray, and what Ctrl-C does."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from actors.local_ray.local_cluster import ClusterFiles, LocalCluster
from actors.local_ray.process_ref import ProcessRef
from actors.local_ray.supervisor import Plan
from crabstick.commands import up as module
from crabstick.settings import Settings
from crabstick.terminal.find_cluster import BotCluster
from crabstick.terminal.observer_process import ObserverTask
from tests.unit.local_rays import (
    CONFIG,
    FILES,
    GONE,
    LOCAL,
    STARTED,
    STARTING,
    THIS,
    runs,
    use_home,
)

CLUSTER = BotCluster(address=LOCAL.address, files=FILES)
NEW = replace(CLUSTER, is_new=True)
SHOW, WAIT = ObserverTask.SHOW, ObserverTask.WAIT_FOR_GAMES
DOWN = "the bot was shut down\n"
Event = Callable[[], bool]
Follow = Callable[..., str]


def becomes(local: LocalCluster | None) -> Event:
    return lambda: bool(runs(local=local))  # type: ignore[func-returns-value]  # False


def ctrl_c(local: LocalCluster = LOCAL) -> bool:
    runs(local=local)
    raise KeyboardInterrupt


def fails() -> bool:
    return False


def is_over() -> bool:
    return True


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[object]:
    """What was done."""
    log: list[object] = []

    def supervise(files: ClusterFiles, plan: Plan) -> SimpleNamespace:
        log.append(("supervise", plan.profile))
        files.save(STARTED)
        return SimpleNamespace(stdout=io.StringIO('{"is_up": true}\n'))

    use_home(monkeypatch, tmp_path, log)
    monkeypatch.setattr(module, "supervise", supervise)
    monkeypatch.setattr("time.sleep", lambda _: FILES.save(STARTED))
    runs()
    return log


@pytest.fixture
def follow(monkeypatch: pytest.MonkeyPatch, log: list[object]) -> Follow:
    """Follows; each event ends an observer and tells whether its task is done."""

    def run(cluster: BotCluster, *events: Event) -> str:
        left, console = list(events), Console(record=True, width=200)

        def observe(task: ObserverTask, seen: BotCluster, *_: object) -> bool:
            assert not seen.is_lost
            log.append((task, seen.address))
            return left.pop(0)()

        monkeypatch.setattr(module, "run_observer", observe)
        module.follow(Settings(), cluster, console)
        assert left == []
        return console.export_text()

    return run


@pytest.mark.parametrize(
    "seen", [replace(LOCAL, node=GONE), STARTING, STARTED], ids=["dead", "starting", "started"]
)
def test_the_games_are_shown_again_when_ray_is_back(
    follow: Follow, log: list[object], seen: LocalCluster
) -> None:
    died, back, *last = follow(CLUSTER, becomes(seen), is_over).splitlines(keepends=True)
    assert died.startswith("Ray died; restarting it")
    assert (back, last) == ("the bot plays again\n", [DOWN])
    assert log == [(SHOW, LOCAL.address), (SHOW, STARTED.address)]


def test_an_observer_that_fails_is_replaced_without_a_word(
    follow: Follow, log: list[object]
) -> None:
    assert follow(CLUSTER, fails, is_over) == DOWN
    assert log == [(SHOW, LOCAL.address)] * 2


@pytest.mark.parametrize(
    ("cluster", "event", "said"),
    [
        (CLUSTER, becomes(None), DOWN),
        (NEW, becomes(None), DOWN),
        (BotCluster(address="a:1"), fails, DOWN),
    ],
)
def test_a_bot_that_another_command_ended_is_not_started_anew_nor_ended_twice(
    follow: Follow, log: list[object], cluster: BotCluster, event: Event, said: str
) -> None:
    assert follow(cluster, event) == said
    assert log == [(SHOW, cluster.address)]


@pytest.mark.parametrize("node", [THIS, GONE], ids=["Ray lives", "Ray died, too"])
def test_a_dead_supervisor_is_replaced(follow: Follow, log: list[object], node: ProcessRef) -> None:
    left = replace(STARTED, node=node, supervisor=GONE, profile="small")
    assert "the bot plays again" in follow(CLUSTER, becomes(left), is_over)
    assert log == [(SHOW, LOCAL.address), ("supervise", "small"), (SHOW, STARTED.address)]


def test_ctrl_c_does_not_end_what_another_command_began(follow: Follow, log: list[object]) -> None:
    assert "the bot goes on (`crabstick down` ends it)" in follow(CLUSTER, ctrl_c)
    assert log == [(SHOW, LOCAL.address)]
    assert (FILES.load(), FILES.load_config()) == (LOCAL, CONFIG)


@pytest.mark.parametrize(
    ("events", "waits", "said"),
    [
        ([is_over], 1, ""),
        ([fails, is_over], 2, ""),
        ([becomes(replace(LOCAL, node=GONE))], 1, "the bot's Ray died: the games that still run "),
        ([ctrl_c], 1, "the games that still run are given up: they "),
    ],
    ids=["the games end", "the observer fails", "Ray dies", "Ctrl-C again"],
)
def test_after_ctrl_c_the_games_are_awaited_and_ray_is_ended(
    follow: Follow, log: list[object], events: list[Event], waits: int, said: str
) -> None:
    result = "run out of time\n" if said else ""
    assert follow(NEW, ctrl_c, *events) == f"{said}{result}ending Ray …\n"
    assert log == [(SHOW, LOCAL.address), *[(WAIT, LOCAL.address)] * waits, LOCAL.address]
    assert FILES.load() is None


def test_a_ray_that_is_being_started_anew_at_ctrl_c_is_waited_for(
    follow: Follow, log: list[object]
) -> None:
    follow(NEW, lambda: ctrl_c(STARTING), is_over)
    assert log == [(SHOW, LOCAL.address), (WAIT, STARTED.address), STARTED.address]
