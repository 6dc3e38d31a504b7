"""What `up --gcs-fault-tolerance` refuses before anything is done."""

import pytest
from rich.console import Console

from actors.local_ray import LocalRay
from actors.local_record import Node
from crabstick.commands import up as command
from crabstick.commands.cluster import Cluster
from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.settings import Settings

SINGLE = LocalRay(address="127.0.0.1:6379", pid=1)
PAIR = LocalRay(address="127.0.0.1:6379", pid=1, worker=Node(pid=2, born_s=0))


@pytest.mark.parametrize(("address", "variable"), [("a:1", ""), (None, "a:1")])
def test_the_switch_is_for_a_ray_of_our_own(
    monkeypatch: pytest.MonkeyPatch, address: str | None, variable: str
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", variable)
    with pytest.raises(ConfigError, match="and a:1 is another"):
        command.up(Settings(), address, detach=True, console=Console(), gcs_fault_tolerance=True)


def test_a_ray_that_runs_without_fault_tolerance_does_not_get_it() -> None:
    with pytest.raises(EnvironmentProblem, match="was started without --gcs-fault-tolerance"):
        command._check_tolerant(Cluster(address=SINGLE.address, local=SINGLE))


@pytest.mark.parametrize("found", [None, Cluster(address=PAIR.address, local=PAIR)])
def test_where_there_is_none_or_the_right_one_all_is_well(found: Cluster | None) -> None:
    command._check_tolerant(found)
