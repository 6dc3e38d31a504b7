"""How `up` follows: what it does when a part of its Ray is gone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from actors.local_ray.head import LocalRay
from actors.local_ray.record import LocalNode
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings
from crabstick.terminal import follow as command
from crabstick.terminal.cluster import Cluster
from crabstick.terminal.observer import ObserverTask

LOCAL = LocalRay(address="127.0.0.1:6379", pid=1, worker=LocalNode(pid=2, born_s=0))
CLUSTER = Cluster(address=LOCAL.address, local=LOCAL, is_new=True)
MENDED = replace(CLUSTER, local=replace(LOCAL, pid=3), is_new=False, is_mended=True)
SETTINGS = Settings()


class Ray:
    """A Ray that is found as `found` says, in turn, and errands to it that end as `ends` says."""

    def __init__(self, *found: Cluster | EnvironmentProblem | None) -> None:
        self.found = list(found)
        self.ends: list[bool] = []
        self.errands: list[ObserverTask] = []

    def send(self, errand: ObserverTask, address: str, _namespace: str, **_: Any) -> bool:
        assert address == LOCAL.address
        self.errands.append(errand)
        return self.ends.pop(0) if self.ends else True

    @contextmanager
    def turn(self, _address: None, _say: object) -> Iterator[Cluster | None]:
        found = self.found.pop(0)
        if isinstance(found, EnvironmentProblem):
            raise found
        yield found


@pytest.fixture
def console() -> Console:
    return Console(record=True, width=200)


def with_ray(monkeypatch: pytest.MonkeyPatch, ray: Ray) -> Ray:
    monkeypatch.setattr(command, "RETRY_S", 0)
    monkeypatch.setattr(command, "disconnect", lambda: None)
    monkeypatch.setattr(LocalRay, "has_lost_worker", False)
    monkeypatch.setattr(command, "turn", ray.turn)
    monkeypatch.setattr(command, "send", ray.send)
    return ray


def test_mending_is_tried_until_it_succeeds(
    monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    ray = with_ray(monkeypatch, Ray(EnvironmentProblem("Ray did not start"), MENDED))
    whole = command._mended(SETTINGS, CLUSTER, console)
    assert whole == replace(MENDED, is_new=True)
    assert ray.errands == [ObserverTask.WAIT_RESTORED]
    said = console.export_text()
    assert "Ray did not start; trying again in 0 s" in said
    assert "the bot's Ray is whole again" in said


def test_a_ray_that_was_whole_is_not_said_to_be_so_again(
    monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    with_ray(monkeypatch, Ray(CLUSTER))
    assert command._mended(SETTINGS, CLUSTER, console) == CLUSTER
    assert console.export_text() == ""


@pytest.mark.parametrize("found", [None, replace(CLUSTER, address="127.0.0.1:1")])
def test_a_ray_that_others_have_ended_is_not_mended(
    monkeypatch: pytest.MonkeyPatch, console: Console, found: Cluster | None
) -> None:
    ray = with_ray(monkeypatch, Ray(found))
    assert command._mended(SETTINGS, CLUSTER, console) is None
    assert ray.errands == []


def test_the_games_are_shown_again_when_the_head_is_back(
    monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    ray = with_ray(monkeypatch, Ray(replace(MENDED, is_new=False)))
    ray.ends = [False, True, True]
    command.follow(SETTINGS, replace(CLUSTER, is_new=False), console)
    assert ray.errands == [ObserverTask.SHOW, ObserverTask.WAIT_RESTORED, ObserverTask.SHOW]
    said = console.export_text()
    assert said.index("is whole again") < said.index("the bot was shut down")


def test_games_are_waited_for_until_they_end_whatever_the_head_does(
    monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    ray = with_ray(monkeypatch, Ray())
    ray.ends = [False, True]
    ended: list[LocalRay] = []

    def end(local: LocalRay) -> None:
        ended.append(local)

    monkeypatch.setattr(Cluster, "as_it_is", lambda cluster: cluster)
    monkeypatch.setattr(Cluster, "with_head", lambda cluster, _: cluster)
    monkeypatch.setattr(LocalRay, "end", end)
    command._wait_and_end("ns", CLUSTER, console)
    assert ray.errands == [ObserverTask.WAIT_FOR_GAMES] * 2
    assert ended == [LOCAL]


def test_a_ray_of_our_own_has_a_slot_for_each_game_and_standby() -> None:
    settings = Settings.model_validate(
        {"challenges": {"max_games": 4}, "cluster": {"standby": 2, "slot_cpus": 0.5}}
    )
    assert command.slots(settings) == 3
