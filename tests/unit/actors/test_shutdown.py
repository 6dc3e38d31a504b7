"""How a bot ends: first the ear, then the manager; the games only when that is asked for."""

import asyncio
from typing import Any

import pytest
from ray.exceptions import RayActorError

from actors.names import EVENT_LISTENER, WORKER_SET
from actors.ops.shutdown import end_games, end_manager, engine_actors, find_worker_set
from tests.unit.actors.handles import FakeHandle
from tests.unit.virtual_time import virtual_loop


class ListenerSide:
    async def shut_down(self, _message: object) -> dict[str, object]:
        return {"v": 1}


class WorkerSetSide:
    async def describe(self, _message: object) -> dict[str, object]:
        return {"v": 1}

    async def shut_down(self, _message: object) -> dict[str, object]:
        return {"v": 1, "games": 3}


class EngineSide:
    """`gave_up` is the answer."""

    def __init__(self, *, gave_up: bool, phase: str = "playing") -> None:
        self.gave_up = gave_up
        self.phase = phase

    async def describe(self, _message: object) -> dict[str, object]:
        return {"v": 1, "phase": self.phase}

    async def give_up(self, _message: object) -> dict[str, object]:
        return {"v": 1, "gave_up": self.gave_up}


class Cluster:
    """Named actors, and the order in which they were ended."""

    def __init__(self) -> None:
        self.worker_set = FakeHandle(WorkerSetSide())
        self.actors: dict[tuple[str, str], FakeHandle] = {
            ("tests", EVENT_LISTENER): FakeHandle(ListenerSide()),
            ("tests", WORKER_SET): self.worker_set,
        }
        self.ended: list[str] = []

    def add(self, name: str, handle: FakeHandle, namespace: str = "tests") -> None:
        self.actors[namespace, name] = handle

    def get_actor(self, name: str, namespace: str) -> FakeHandle:
        try:
            return self.actors[namespace, name]
        except KeyError:
            raise ValueError(f"Failed to look up actor with name '{name}'") from None

    def list_named_actors(self, *, all_namespaces: bool) -> list[dict[str, str]]:
        assert all_namespaces
        return [{"namespace": space, "name": name} for space, name in self.actors]

    def kill(self, handle: Any, *, no_restart: bool) -> None:
        assert no_restart
        key = next(key for key, known in self.actors.items() if known is handle)
        del self.actors[key]
        self.ended.append(key[1])


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    cluster = Cluster()
    monkeypatch.setattr("ray.get_actor", cluster.get_actor)
    monkeypatch.setattr("ray.util.list_named_actors", cluster.list_named_actors)
    monkeypatch.setattr("ray.kill", cluster.kill)
    return cluster


async def test_the_ear_goes_before_the_manager(cluster: Cluster) -> None:
    assert await end_manager("tests") == 3
    assert cluster.ended == [EVENT_LISTENER, WORKER_SET]


async def test_a_manager_that_hangs_is_ended_after_five_seconds(cluster: Cluster) -> None:
    cluster.worker_set.is_silent = True
    began_s = virtual_loop().time()
    assert await end_manager("tests") == 0
    assert virtual_loop().time() - began_s == pytest.approx(5, abs=0.1)
    assert cluster.ended == [EVENT_LISTENER, WORKER_SET]


async def test_the_standbys_of_a_manager_that_hangs_are_ended_and_its_games_are_counted(
    cluster: Cluster,
) -> None:
    cluster.worker_set.is_silent = True
    for name, phase in (("engine:a", "standby"), ("engine:b", "playing")):
        cluster.add(name, FakeHandle(EngineSide(gave_up=True, phase=phase)))
    assert await end_manager("tests") == 1
    assert cluster.ended == [EVENT_LISTENER, WORKER_SET, "engine:a"]


async def test_a_manager_that_dies_meanwhile_is_ended_too(cluster: Cluster) -> None:
    cluster.worker_set.errors.append(RayActorError())
    assert await end_manager("tests") == 0


async def test_ending_what_is_not_there_is_fine(cluster: Cluster) -> None:
    cluster.actors.clear()
    assert (await end_manager("tests"), cluster.ended) == (0, [])


async def test_an_actor_is_found_in_its_own_namespace_only(cluster: Cluster) -> None:
    found = await find_worker_set("tests")
    assert found is not None
    assert found.handle is cluster.worker_set
    assert await find_worker_set("other") is None


async def test_only_engine_actors_of_this_bot_are_playing(cluster: Cluster) -> None:
    ours = FakeHandle(EngineSide(gave_up=True))
    cluster.add("engine:a", ours)
    cluster.add("engine:b", FakeHandle(EngineSide(gave_up=True)), namespace="other")
    assert [actor.handle for actor in await engine_actors("tests")] == [ours]


async def test_giving_up_counts_the_games_and_ends_every_actor(cluster: Cluster) -> None:
    cluster.add("engine:a", FakeHandle(EngineSide(gave_up=True)))
    cluster.add("engine:b", FakeHandle(EngineSide(gave_up=False)))
    dead = FakeHandle(EngineSide(gave_up=True))
    dead.errors.append(RayActorError())
    cluster.add("engine:c", dead)
    assert await end_games("tests") == 1
    assert sorted(cluster.ended) == ["engine:a", "engine:b", "engine:c"]


async def test_an_actor_that_hangs_holds_the_others_up_for_five_seconds_only(
    cluster: Cluster,
) -> None:
    hanging = FakeHandle(EngineSide(gave_up=True))
    hanging.is_silent = True
    cluster.add("engine:a", hanging)
    cluster.add("engine:b", FakeHandle(EngineSide(gave_up=True)))
    async with asyncio.timeout(6):
        assert await end_games("tests") == 1
