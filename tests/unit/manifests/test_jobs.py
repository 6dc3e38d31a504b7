"""The job of `crabstick up` finds a dashboard that takes it, and somebody who submits it."""

import pytest

from tests.unit.manifests.clusters import Manifest, a_cluster, problems, said, spoiled

PARAMETERS = "spec.headGroupSpec.rayStartParams"
UP = "ray job submit --address http://crabstick-head-svc:8265 -- python -m crabstick up --detach"


def a_keeper(command: str = UP) -> Manifest:
    container = {"name": "keeper", "image": "x", "command": ["sh", "-c", command]}
    return {
        "kind": "Deployment",
        "metadata": {"name": "keeper", "namespace": "crabstick"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("dashboard-host", "127.0.0.1", "is 127.0.0.1, where no other Pod reaches the dashboard"),
        ("dashboard-host", "localhost", "is localhost, where no other Pod"),
        ("include-dashboard", "false", "is false, and without the dashboard nobody takes a job"),
        ("include-dashboard", "False", "nobody takes a job: leave it out"),
        (
            "dashboard-port",
            "9999",
            "is 9999, and Deployment keeper asks crabstick-head-svc at 8265: leave it out",
        ),
    ],
)
def test_a_dashboard_that_the_keeper_cannot_reach_is_named(
    name: str, value: str, words: str
) -> None:
    (found,) = problems(spoiled(f"{PARAMETERS}.{name}", value), a_keeper())
    assert found.startswith(f"jobs: {PARAMETERS}.{name} ")
    assert words in found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dashboard-host", "0.0.0.0"),  # noqa: S104  # in a Pod
        ("dashboard-host", "::"),
        ("include-dashboard", "true"),
        ("dashboard-port", "8265"),
    ],
)
def test_a_dashboard_that_is_reached_is_fine(name: str, value: str) -> None:
    cluster = spoiled(f"{PARAMETERS}.{name}", value)
    assert problems(cluster, a_keeper()) == []
    assert said("jobs", cluster, a_keeper()) == ["Deployment keeper submits `crabstick up`"]


def test_another_port_is_fine_where_all_ask_that() -> None:
    cluster = spoiled(f"{PARAMETERS}.dashboard-port", "9999")
    assert problems(cluster, a_keeper(UP.replace("8265", "9999"))) == problems(cluster) == []


def test_it_is_told_when_nobody_submits_the_job() -> None:
    assert said("jobs", a_cluster()) == ["the head takes them"]
    assert said("jobs", a_cluster(), a_keeper("sleep 9")) == [
        "nobody in these manifests submits `crabstick up`: no bot plays until somebody does"
    ]
