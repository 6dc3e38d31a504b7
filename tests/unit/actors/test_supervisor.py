"""What the supervisor does when parts of Ray die; tests/e2e/test_up.py kills real ones."""

import json
from collections.abc import Callable, Collection
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from actors.local_ray import supervisor as module
from actors.local_ray.local_cluster import LocalCluster
from actors.local_ray.process_ref import ProcessRef
from actors.local_ray.supervisor import PAUSES_S, VITAL, WELL_AFTER, Plan, Supervisor, main
from crabstick.errors import EnvironmentProblem
from tests.unit.local_rays import CONFIG, DEAD, FILES, GONE, THIS, runs, use_home

PLAN = Plan(cpus=3, profile="small", deployer=("deploy", "it"))
WELL_S = WELL_AFTER.total_seconds() + 1
UP = {"is_up": True}


class StoryOver(Exception):
    """Nothing more happens."""


class FakeRay:
    """A machine on which Ray dies as told: which process, and how old it is by then.

    The starts in `broken` fail, counted from 1. `log` has what happened: each pause, each kill and
    start of the Ray of a number, the address that gets the bot, and what others are told.
    """

    def __init__(self) -> None:
        self.deaths: list[tuple[str, float]] = []
        self.broken: Collection[int] = ()
        self.deployments: list[int] = []
        self.log: list[object] = []
        self.living: dict[str, ProcessRef] = {}
        self.now_s, self.count = 0.0, 0

    def run(self, node: ProcessRef) -> None:
        self.living = {name: replace(node, started=at) for at, name in enumerate(VITAL)}
        self.living["ray start"] = node

    def start(self, *, on_change: Callable[[LocalCluster], None], **plan: object) -> None:
        assert plan == {"cpus": PLAN.cpus, "bot": FILES.name, "profile": PLAN.profile}
        self.count += 1
        self.log.append(f"start {self.count}")
        node = replace(GONE, pid=GONE.pid + self.count)
        cluster = LocalCluster(address=f"a:{self.count}", node=node, is_up=False)
        on_change(cluster)
        if self.count in self.broken:
            raise EnvironmentProblem("Ray did not start: no port")
        self.run(node)
        on_change(replace(cluster, is_up=True))

    def find(self, leader: int, names: Collection[str]) -> list[ProcessRef]:
        return [self.living[name] for name in names if self.living[name].pid == leader]

    def deploy(self, command: object, **given: str) -> SimpleNamespace:
        assert (command, record().is_up) == (PLAN.deployer, False), "others wait for the bot"
        order = json.loads(given["input"])
        assert order["config"] == CONFIG
        self.log.append(order["address"])
        return SimpleNamespace(returncode=(self.deployments or [0]).pop(0), stdout="no Lichess")

    def wait(self, processes: Collection[ProcessRef]) -> None:
        assert (len(processes), record().is_up, record().supervisor) == (3, True, THIS)
        if not self.deaths:
            raise StoryOver
        name, age_s = self.deaths.pop(0)
        self.now_s += age_s
        del self.living[name]


def record() -> LocalCluster:
    found = FILES.load()
    assert found is not None
    return found


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeRay:
    ray = FakeRay()
    use_home(monkeypatch, tmp_path, ray.log)
    is_alive = property(lambda process: process == THIS or process in ray.living.values())
    monkeypatch.setattr(ProcessRef, "is_alive", is_alive)
    for name, fake in {
        "start_local_cluster": ray.start,
        "kill_node": lambda node: ray.log.append(f"kill {node.pid - GONE.pid}"),
        "processes_of": ray.find,
        "_wait_for_any": ray.wait,
        "_tell": ray.log.append,
        "time.sleep": ray.log.append,
        "time.monotonic": lambda: ray.now_s,
        "subprocess.run": ray.deploy,
    }.items():
        monkeypatch.setattr(f"{module.__name__}.{name}", fake)
    FILES.save_config(CONFIG)
    return ray


def play() -> None:
    """Supervises to the end of the story."""
    with pytest.raises(StoryOver):
        Supervisor(FILES, PLAN).run()


@pytest.mark.parametrize("name", ["ray start", *VITAL])
def test_whatever_dies_ray_and_bot_are_started_anew(ray: FakeRay, name: str) -> None:
    ray.deaths = [(name, 1)]
    play()
    assert ray.log == ["start 1", UP, "kill 1", 0, "start 2", "a:2"]


def test_without_a_saved_config_no_bot_is_deployed(ray: FakeRay) -> None:
    ray.deaths = [("raylet", 1)]
    FILES.save_config({})
    play()
    assert ray.log == ["start 1", UP, "kill 1", 0, "start 2"]


def test_what_does_not_come_up_is_tried_again_after_longer_and_longer_pauses(
    ray: FakeRay, capsys: pytest.CaptureFixture[str]
) -> None:
    ray.deaths, ray.broken, ray.deployments = [("raylet", 1)], range(2, 8), [1]
    play()
    pauses = [each for each in ray.log if isinstance(each, int)]
    assert pauses == [*PAUSES_S, PAUSES_S[-1], PAUSES_S[-1]]
    assert ray.log[-6:] == ["start 8", "a:8", "kill 8", PAUSES_S[-1], "start 9", "a:9"]
    said = capsys.readouterr().err
    for line, times in (("raylet died", 1), (": no port", 6), ("start: no Lichess", 1)):
        assert said.count(line) == times


def test_pauses_grow_from_death_to_death_until_a_ray_has_lived_well(ray: FakeRay) -> None:
    ray.deaths = [("raylet", 1), ("gcs_server", 1), ("raylet", WELL_S), ("raylet", 1)]
    play()
    assert [each for each in ray.log if isinstance(each, int)] == [*PAUSES_S[:2], *PAUSES_S[:2]]


@pytest.mark.parametrize(
    ("is_up", "is_alive", "first"),
    [
        (True, True, [UP]),
        (True, False, ["kill 0", 0, "start 1", "a:1", UP]),
        (False, True, ["kill 0", 0, "start 1", "a:1", UP]),
    ],
    ids=["it is adopted", "it died, too", "it was being started"],
)
def test_a_ray_whose_supervisor_died_is_kept_running(
    ray: FakeRay, first: list[object], *, is_up: bool, is_alive: bool
) -> None:
    if is_alive:
        ray.run(GONE)
    runs(local=replace(DEAD, is_up=is_up, supervisor=replace(GONE, pid=GONE.pid - 1)))
    ray.deaths = [("gcs_server", 1)]
    play()
    assert ray.log[: len(first)] == first
    assert ray.log[-2:] == [f"start {ray.count}", f"a:{ray.count}"]


@pytest.mark.parametrize("broken", [[], [1]])
def test_the_command_is_told_how_the_start_went_and_at_the_end_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch, ray: FakeRay, broken: list[int]
) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr("sys.argv", ["supervisor", FILES.name, json.dumps(asdict(PLAN))])
    ray.broken = broken
    with nullcontext() if broken else pytest.raises(StoryOver):
        main()
    told = {"error": "Ray did not start: no port"} if broken else UP
    assert ray.log == ["start 1", told, "a:1"]
    assert FILES.load() is None
