"""The job of `crabstick up` finds a dashboard that takes it, and somebody who submits it."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.unit.manifests.clusters import Manifest, a_cluster, problems, said, spoiled

PARAMETERS = "spec.headGroupSpec.rayStartParams"
UP = "ray job submit --address http://crabstick-head-svc:8265 -- python -m crabstick up --detach"


def a_ray_token(name: str = "crabstick") -> Manifest:
    source = {"secretKeyRef": {"name": name, "key": "auth_token"}}
    return {"name": "RAY_AUTH_TOKEN", "valueFrom": source}


def a_keeper(command: str = UP, env: Sequence[Manifest] | None = None, **spec: Any) -> Manifest:
    variables = [a_ray_token()] if env is None else list(env)
    container = {"name": "keeper", "image": "x", "command": ["sh", "-c", command]}
    template = {"spec": {"containers": [{**container, "env": variables}]}}
    return {
        "kind": "Deployment",
        "metadata": {"name": "keeper", "namespace": "crabstick"},
        "spec": {"template": template, **spec},
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


OWN = {"mode": "token", "secretName": "ours"}


@pytest.mark.parametrize(
    ("cluster", "env", "words"),
    [
        ({}, [], "has no RAY_AUTH_TOKEN, and the head takes no job without it: take it from the"),
        ({}, [a_ray_token("crab")], "names the Secret crab, and the token of this cluster is in"),
        ({"authOptions": OWN}, [a_ray_token()], "the token of this cluster is in ours: name that"),
        ({"authOptions": OWN}, [a_ray_token("ours")], ""),
        ({"authOptions": {"mode": "disabled"}}, [], ""),
        ({}, [{"name": "RAY_AUTH_TOKEN_PATH", "value": "/etc/ray/token"}], ""),
        ({}, [a_ray_token()], ""),
    ],
)
def test_who_submits_needs_the_token_of_this_cluster(
    cluster: Manifest, env: list[Manifest], words: str
) -> None:
    found = problems(a_cluster(**cluster), a_keeper(env=env))
    about_jobs = [each for each in found if each.startswith("jobs: ")]
    assert [words in each for each in about_jobs] == [True] * bool(words)
    assert not any("wants the Secret crab" in each for each in found)


def test_a_secret_that_comes_with_the_manifests_may_hold_it_too() -> None:
    metadata = {"name": "copy", "namespace": "crabstick"}
    copy = {"kind": "Secret", "metadata": metadata, "stringData": {"auth_token": "x" * 64}}
    assert problems(a_cluster(), a_keeper(env=[a_ray_token("copy")]), copy) == []


@pytest.mark.parametrize(
    ("kind", "off"), [("Deployment", {"replicas": 0}), ("Job", {"suspend": True})]
)
def test_a_submitter_that_is_switched_off_is_told(kind: str, off: Manifest) -> None:
    (told,) = said("jobs", a_cluster(), {**a_keeper(**off), "kind": kind})
    assert told.startswith(f"{kind} keeper has ")
    assert "nobody submits" in told
