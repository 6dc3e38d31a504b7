"""What the switches of `up` refuse before anything is done."""

import pytest
from rich.console import Console

from actors.local_ray import head as local_ray
from actors.local_ray.head import LocalRay
from actors.local_ray.profiles import FULL, HOOK_VARIABLE, SMALL, Profile
from actors.local_ray.record import LocalNode
from crabstick.commands import up as command
from crabstick.commands.up import OwnRay
from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.settings import Settings
from crabstick.terminal.cluster import Cluster

SINGLE = LocalRay(address="127.0.0.1:6379", pid=1, born_s=0)
PAIR = LocalRay(address="127.0.0.1:6379", pid=1, born_s=0, worker=LocalNode(pid=2, born_s=0))
TOLERANT, SMALL_ONE = OwnRay(gcs_fault_tolerance=True), OwnRay(small=True)
SWITCHES = [(TOLERANT, "--gcs-fault-tolerance"), (SMALL_ONE, "--small")]


def cluster(local: LocalRay) -> Cluster:
    return Cluster(address=local.address, local=local)


@pytest.fixture
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """Of the Ray that runs."""
    form: Profile = request.param
    monkeypatch.setattr(local_ray, "variable_of", lambda _, name: form.variables[name])
    return form


@pytest.mark.parametrize(("own", "switch"), SWITCHES)
@pytest.mark.parametrize(("address", "variable"), [("a:1", ""), (None, "a:1")])
def test_a_switch_is_for_a_ray_of_our_own(
    monkeypatch: pytest.MonkeyPatch, own: OwnRay, switch: str, address: str | None, variable: str
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", variable)
    with pytest.raises(ConfigError, match=f"^{switch} is for a Ray that .* and a:1 is another"):
        command.up(Settings(), address, detach=True, console=Console(), own=own)


def test_without_a_switch_any_cluster_may_be_named() -> None:
    OwnRay().check("a:1")


@pytest.mark.parametrize("form", [FULL], indirect=True)
@pytest.mark.parametrize(("own", "switch"), SWITCHES)
def test_a_ray_that_was_started_without_a_switch_does_not_become_another(
    form: Profile, own: OwnRay, switch: str
) -> None:
    assert SINGLE.profile is form
    with pytest.raises(EnvironmentProblem, match=f"was started without {switch}: end it first"):
        own.check_found(cluster(SINGLE))


@pytest.mark.parametrize(
    ("form", "local", "own"),
    [
        (FULL, SINGLE, OwnRay()),
        (FULL, PAIR, TOLERANT),
        (FULL, PAIR, OwnRay()),
        (SMALL, SINGLE, SMALL_ONE),
        (SMALL, SINGLE, OwnRay()),
        (SMALL, PAIR, OwnRay(small=True, gcs_fault_tolerance=True)),
        (SMALL, PAIR, SMALL_ONE),
    ],
    indirect=["form"],
)
def test_a_ray_that_has_what_is_wanted_stays_what_it_is(
    form: Profile, local: LocalRay, own: OwnRay
) -> None:
    assert local.profile is form
    own.check_found(cluster(local))


@pytest.mark.parametrize("own", [TOLERANT, SMALL_ONE])
def test_where_there_is_no_ray_of_ours_nothing_is_in_the_way(own: OwnRay) -> None:
    own.check_found(None)


def test_the_first_wish_that_cannot_be_met_is_named() -> None:
    both = OwnRay(small=True, gcs_fault_tolerance=True)
    with pytest.raises(ConfigError, match=r"^--gcs-fault-tolerance is"):
        both.check("a:1")
    assert set(command.ELSEWHERE) == {switch for _, switch in SWITCHES}


def test_the_hook_is_what_tells_the_forms_apart() -> None:
    assert SMALL.variables[HOOK_VARIABLE] != FULL.variables[HOOK_VARIABLE]
