"""What the switches of `up` refuse before anything is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from rich.console import Console

from actors.local_ray import local_cluster
from actors.local_ray.local_cluster import ClusterRecord, LocalCluster
from actors.local_ray.profiles import FULL, SMALL, Profile
from actors.local_ray.ray_node import LocalNode
from crabstick.commands import up as command
from crabstick.commands.up import LocalOptions
from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.rules.lichess_types import Account
from crabstick.settings import Settings
from crabstick.terminal.find_cluster import BotCluster

NODE = LocalNode(pid=2**22 + 1, created_s=0)
SINGLE = ClusterRecord(address="127.0.0.1:6379", head=NODE)
FAULT_TOLERANT = replace(SINGLE, worker=NODE)
NO_SWITCH = LocalOptions()
TOLERANT, SMALL_ONE = LocalOptions(gcs_fault_tolerance=True), LocalOptions(small=True)
BOTH = LocalOptions(small=True, gcs_fault_tolerance=True)
SWITCHES = [(TOLERANT, "--gcs-fault-tolerance"), (SMALL_ONE, "--small")]


def cluster(record: ClusterRecord) -> BotCluster:
    return BotCluster(address=record.address, local=LocalCluster(record=record))


@pytest.fixture
def profile(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The profile of the cluster that runs."""
    profile: Profile = request.param
    monkeypatch.setattr(local_cluster, "variable_of", lambda _, name: profile.variables[name])


@pytest.mark.parametrize(("options", "switch"), SWITCHES)
@pytest.mark.parametrize(("address", "variable"), [("a:1", ""), (None, "a:1")])
def test_a_switch_is_for_a_local_cluster(
    monkeypatch: pytest.MonkeyPatch,
    options: LocalOptions,
    switch: str,
    address: str | None,
    variable: str,
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", variable)
    with pytest.raises(ConfigError, match=f"^{switch} is for .* and a:1 is another"):
        command.up(Settings(), address, detach=True, console=Console(), options=options)


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize("profile", [FULL], indirect=True)
@pytest.mark.parametrize(("options", "switch"), SWITCHES)
def test_a_cluster_that_was_started_without_a_switch_cannot_change(
    options: LocalOptions, switch: str
) -> None:
    with pytest.raises(EnvironmentProblem, match=f"was started without {switch}: end it first"):
        options.check_running(cluster(SINGLE))


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize(
    ("profile", "record", "options"),
    [
        (FULL, FAULT_TOLERANT, TOLERANT),
        (SMALL, SINGLE, NO_SWITCH),
        (SMALL, SINGLE, SMALL_ONE),
        (SMALL, FAULT_TOLERANT, BOTH),
    ],
    indirect=["profile"],
)
def test_a_cluster_that_has_what_the_switches_ask_for_is_accepted(
    record: ClusterRecord, options: LocalOptions
) -> None:
    options.check_running(cluster(record))


def test_where_the_switches_have_nothing_to_refuse_they_are_accepted() -> None:
    NO_SWITCH.check_address("a:1")
    BOTH.check_running(None)


@contextmanager
def _none(*_: object) -> Iterator[None]:
    yield None


def test_a_failed_start_ends_the_cluster_with_the_worker_that_it_was_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise EnvironmentProblem("the bot does not hear Lichess")

    new = replace(cluster(SINGLE), is_new=True)
    repaired = replace(new, local=LocalCluster(record=FAULT_TOLERANT))
    ended: list[ClusterRecord] = []
    monkeypatch.setattr(LocalCluster, "end", lambda cluster: ended.append(cluster.record))
    monkeypatch.setattr(BotCluster, "with_worker", lambda *_: repaired)
    for name, instead in {
        "identify": lambda _: Account(name="crabby", title="BOT"),
        "locked_cluster": _none,
        "try_engine": lambda _: "Pinch 1",
        "_start_local": lambda *_: new,
        "disconnect": lambda: None,
        "_deploy": fail,
    }.items():
        monkeypatch.setattr(command, name, instead)
    with pytest.raises(EnvironmentProblem):
        command.up(Settings(), None, detach=True, console=Console(), options=NO_SWITCH)
    assert ended == [FAULT_TOLERANT]
