"""What `up` finds, starts, refuses, and ends when the bot does not come up."""

import io
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest
from rich.console import Console

from actors.local_ray.local_cluster import ClusterFiles
from actors.local_ray.supervisor import Plan
from actors.messages import ActorConfig, WorkerSetDescription
from actors.ops.fingerprint import actor_config
from crabstick.commands import up as command
from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.rules.lichess_types import Account
from crabstick.settings import Settings
from crabstick.terminal import find_cluster
from crabstick.terminal.bot_deployer import Deployed
from crabstick.terminal.find_cluster import BotCluster
from engine.uci_engine import TriedEngine
from tests.unit.local_rays import CONFIG, FILES, GONE, LOCAL, STARTED, runs, use_home

DEAF = EnvironmentProblem("crabby is up but does not hear Lichess")
NEW = BotCluster(address=STARTED.address, files=FILES, is_new=True)
FOUND = BotCluster(address=LOCAL.address, files=FILES)


class Machine:
    """Is supervisor and deployer at once; `news` is what the supervisor says."""

    pid = os.getpid()

    def __init__(self) -> None:
        self.news = '{"is_up": true}\n'
        first = WorkerSetDescription()
        self.deployment: Deployed | EnvironmentProblem = Deployed(
            before=first, dashboard="", problem=""
        )
        self.steps: list[object] = []
        self.stdout = io.StringIO()

    def supervise(self, files: ClusterFiles, plan: Plan) -> Self:
        self.steps.append(plan.profile)
        files.save(files.load() or STARTED)
        self.stdout = io.StringIO(self.news)
        return self

    def terminate(self) -> None:
        self.steps.append("terminate")

    def wait(self, _limit_s: float) -> None:
        """It ends at once."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """The deployer is ended."""

    def deploy(self, address: str, config: ActorConfig, on_play: Callable[[], None]) -> Deployed:
        assert config == actor_config(Settings.from_message(config.settings), "crabby")
        self.steps.append(("deploy", address))
        on_play()
        if isinstance(self.deployment, EnvironmentProblem):
            raise self.deployment
        return self.deployment


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    machine = Machine()
    use_home(monkeypatch, tmp_path, machine.steps)
    for name, fake in {
        "identify": lambda _: Account(name="crabby", title="BOT"),
        "try_engines": lambda *_: {"default": TriedEngine("Pinch 1", {})},
        "require_free": lambda *_: machine.steps.append("port"),
        "supervise": machine.supervise,
        "bot_deployer": lambda **_: machine,
        "follow": lambda _settings, cluster, _console: machine.steps.append(cluster),
    }.items():
        monkeypatch.setattr(command, name, fake)
    monkeypatch.setattr(find_cluster, "living_processes", lambda _: [])
    return machine


def up(address: str | None = None, *, small: bool = False, **http: object) -> str:
    """Runs the command; returns what it printed."""
    console = Console(record=True, width=200)
    settings = Settings.model_validate({"http": http})
    command.up(settings, address, detach=False, small=small, console=console)
    return console.export_text()


def test_a_named_cluster_gets_the_bot_and_no_supervisor(
    monkeypatch: pytest.MonkeyPatch, machine: Machine
) -> None:
    assert up("a:1").endswith(
        "crabby plays\nMetrics: http://127.0.0.1:8000/metrics\ncrabby is up\n"
    )
    assert machine.steps == [("deploy", "a:1"), BotCluster(address="a:1")]
    monkeypatch.setenv("RAY_ADDRESS", "b:2")
    for address, named in (("a:1", "a:1"), (None, "b:2")):
        with pytest.raises(ConfigError, match=f"^--small is for .* and {named} is another"):
            up(address, small=True)


@pytest.mark.parametrize(("small", "profile"), [(True, "small"), (False, "full")])
def test_a_ray_of_its_own_is_started_and_the_config_saved_for_a_restart(
    machine: Machine, profile: str, *, small: bool
) -> None:
    assert up(small=small).startswith("starting Ray on this machine …\ncrabby plays\n")
    assert machine.steps == ["port", profile, ("deploy", STARTED.address), NEW]
    assert ActorConfig.read(FILES.load_config()) == actor_config(Settings(), "crabby")


def test_a_book_that_is_missing_ends_the_start(machine: Machine) -> None:
    settings = Settings.model_validate({"books": {"files": {"standard": ["/gone.bin"]}}})
    with pytest.raises(ConfigError, match=r"^books.files.standard /gone.bin: No such file"):
        command.up(settings, None, detach=False, small=False, console=Console(record=True))
    assert ("deploy", STARTED.address) not in machine.steps


def test_without_endpoints_the_port_does_not_matter(machine: Machine) -> None:
    assert "Metrics" not in up(enabled=False)
    assert "port" not in machine.steps


@pytest.mark.parametrize("small", [True, False])
def test_a_bot_that_runs_stays_as_it_is(machine: Machine, *, small: bool) -> None:
    runs(local=replace(LOCAL, profile="small"))
    machine.deployment = Deployed(before=None, dashboard="", problem="")
    assert up(small=small).endswith("crabby was up already; nothing changed\n")
    assert machine.steps == [("deploy", LOCAL.address), FOUND]


def test_a_problem_of_the_bot_is_told_at_once(machine: Machine) -> None:
    why = "no node has the 1 CPUs, 256 MB and 0.25 GPUs that engines.leela asks for"
    machine.deployment = Deployed(before=WorkerSetDescription(), dashboard="", problem=why)
    assert up().endswith(f"crabby is up, but {why}\n")


def test_what_has_changed_is_said_by_up_and_by_reload_which_shows_no_games(
    machine: Machine,
) -> None:
    runs(local=replace(LOCAL, profile="small"))
    old = Settings.model_validate({"http": {"enabled": False, "port": 81}}).to_message()
    before = WorkerSetDescription(bot="crabby", settings=old)
    machine.deployment = Deployed(before=before, dashboard="", problem="")
    said = "http.enabled: false -> true\nhttp.port: 81 -> 8000\ncrabby is up\n"
    assert up().endswith(said)
    console = Console(record=True, width=200)
    command.reload(Settings(), None, console)
    assert console.export_text().endswith(said)
    assert machine.steps == [("deploy", LOCAL.address), FOUND, ("deploy", LOCAL.address)]


def test_reload_starts_no_ray(machine: Machine) -> None:
    with pytest.raises(EnvironmentProblem, match=r"^no bot runs here: `crabstick up`"):
        command.reload(Settings(), None, Console(record=True))
    assert machine.steps == []


def test_a_ray_with_a_dashboard_does_not_become_a_small_one(machine: Machine) -> None:
    runs()
    with pytest.raises(EnvironmentProblem, match="was started without --small: end it first"):
        up(small=True)
    assert machine.steps == []


def test_a_ray_that_is_being_started_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, machine: Machine
) -> None:
    runs(local=replace(LOCAL, is_up=False))
    monkeypatch.setattr("time.sleep", lambda _: runs())
    assert up().startswith("Ray is being started here already; waiting for it …\n")
    assert machine.steps == [("deploy", LOCAL.address), FOUND]


@pytest.mark.parametrize(
    ("left", "steps"),
    [
        ({"profile": "small"}, ["small", ("deploy", LOCAL.address), FOUND]),
        ({"node": GONE}, [LOCAL.address, "port", "full", ("deploy", STARTED.address), NEW]),
        ({"is_up": False}, [LOCAL.address, "port", "full", ("deploy", STARTED.address), NEW]),
    ],
    ids=["it is adopted", "it died, too", "it was being started"],
)
def test_a_ray_whose_supervisor_died_gets_another_one_or_is_ended(
    machine: Machine, left: Mapping[str, Any], steps: list[object]
) -> None:
    runs(local=replace(LOCAL, supervisor=GONE, **left))
    up()
    assert machine.steps == steps


@pytest.mark.parametrize(
    ("news", "deployment", "sentence"),
    [
        ('{"error": "Ray did not start: no port"}', None, "^Ray did not start: no port"),
        ("", None, r"^Ray did not start: see .*crabstick@.*\.log$"),
        ('{"is_up": true}', DEAF, "does not hear Lichess"),
    ],
)
def test_a_failed_start_leaves_nothing(
    machine: Machine, news: str, deployment: Any, sentence: str
) -> None:
    machine.news, machine.deployment = news, deployment
    with pytest.raises(EnvironmentProblem, match=sentence):
        up()
    assert machine.steps[-2:] == ["terminate", STARTED.address]
    assert (FILES.load(), FILES.load_config()) == (None, {})


def test_a_bot_that_runs_outlives_settings_that_cannot_be_deployed(machine: Machine) -> None:
    runs()
    machine.deployment = DEAF
    with pytest.raises(EnvironmentProblem):
        up()
    assert (FILES.load(), FILES.load_config()) == (LOCAL, CONFIG)
