"""Shutting a bot down: listener, then WorkerSet; the games only on request."""

import asyncio
from typing import Any

import pytest
from ray.exceptions import RayActorError, RayError

from actors.clients import EVENT_LISTENER, WORKER_SET, engine_actors, find_worker_set
from actors.cluster import ActorFailed
from actors.ops.shutdown import end_games, end_manager
from tests.unit.actors.handles import FakeHandle
from tests.unit.virtual_time import VirtualLoop, virtual_loop


class FakeListener:
    async def shut_down(self, _message: object) -> dict[str, object]:
        return {"v": 1}


class FakeWorkerSet:
    async def describe(self, _message: object) -> dict[str, object]:
        return {"v": 1}

    async def shut_down(self, _message: object) -> dict[str, object]:
        return {"v": 1, "games": 3}


class FakeEngineActor:
    """`gave_up` is the answer."""

    def __init__(self, *, gave_up: bool, phase: str = "playing") -> None:
        self.gave_up = gave_up
        self.phase = phase

    async def describe(self, _message: object) -> dict[str, object]:
        return {"v": 1, "phase": self.phase}

    async def give_up(self, _message: object) -> dict[str, object]:
        return {"v": 1, "gave_up": self.gave_up}


class FakeCluster:
    """Named actors, and the order in which they were ended."""

    def __init__(self) -> None:
        self.worker_set = FakeHandle(FakeWorkerSet())
        self.actors: dict[tuple[str, str], FakeHandle] = {
            ("tests", EVENT_LISTENER): FakeHandle(FakeListener()),
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
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    cluster = FakeCluster()
    monkeypatch.setattr("ray.get_actor", cluster.get_actor)
    monkeypatch.setattr("ray.util.list_named_actors", cluster.list_named_actors)
    monkeypatch.setattr("ray.kill", cluster.kill)
    return cluster


async def test_the_listener_ends_before_the_worker_set(cluster: FakeCluster) -> None:
    assert await end_manager("tests") == 3
    assert cluster.ended == [EVENT_LISTENER, WORKER_SET]


async def test_a_worker_set_that_hangs_is_killed_after_five_seconds(cluster: FakeCluster) -> None:
    cluster.worker_set.is_silent = True
    began_s = virtual_loop().time()
    assert await end_manager("tests") == 0
    assert virtual_loop().time() - began_s == pytest.approx(5, abs=0.1)
    assert cluster.ended == [EVENT_LISTENER, WORKER_SET]


async def test_the_standbys_of_a_worker_set_that_hangs_are_killed_and_its_games_counted(
    cluster: FakeCluster,
) -> None:
    cluster.worker_set.is_silent = True
    for name, phase in (("engine:a", "standby"), ("engine:b", "playing")):
        cluster.add(name, FakeHandle(FakeEngineActor(gave_up=True, phase=phase)))
    assert await end_manager("tests") == 1
    assert cluster.ended == [EVENT_LISTENER, WORKER_SET, "engine:a"]


async def test_a_gcs_that_is_away_for_half_a_minute_stops_no_shutdown_half_way(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = cluster.actors["tests", EVENT_LISTENER]
    in_place: Any = VirtualLoop.run_in_executor

    async def answer(loop: VirtualLoop, *call: object) -> object:
        await asyncio.sleep(30 if listener.sent("shut_down") else 0)
        return await in_place(loop, *call)

    monkeypatch.setattr(
        VirtualLoop, "run_in_executor", lambda loop, *call: loop.create_task(answer(loop, *call))
    )
    assert await end_manager("tests") == 3
    assert cluster.ended == [EVENT_LISTENER, WORKER_SET]


async def test_an_actor_is_found_in_its_own_namespace_only(cluster: FakeCluster) -> None:
    found = await find_worker_set("tests")
    assert found is not None
    assert found.handle is cluster.worker_set
    assert await find_worker_set("other") is None


async def test_engine_actors_of_other_bots_are_not_listed(cluster: FakeCluster) -> None:
    ours = FakeHandle(FakeEngineActor(gave_up=True))
    cluster.add("engine:a", ours)
    cluster.add("engine:b", FakeHandle(FakeEngineActor(gave_up=True)), namespace="other")
    assert [actor.handle for actor in await engine_actors("tests")] == [ours]


async def test_giving_up_counts_the_games_and_ends_every_actor(cluster: FakeCluster) -> None:
    cluster.add("engine:a", FakeHandle(FakeEngineActor(gave_up=True)))
    cluster.add("engine:b", FakeHandle(FakeEngineActor(gave_up=False)))
    dead = FakeHandle(FakeEngineActor(gave_up=True))
    dead.errors.append(RayActorError())
    cluster.add("engine:c", dead)
    assert await end_games("tests") == 1
    assert sorted(cluster.ended) == ["engine:a", "engine:b", "engine:c"]


async def test_an_actor_that_hangs_delays_the_others_by_five_seconds_only(
    cluster: FakeCluster,
) -> None:
    hanging = FakeHandle(FakeEngineActor(gave_up=True))
    hanging.is_silent = True
    cluster.add("engine:a", hanging)
    cluster.add("engine:b", FakeHandle(FakeEngineActor(gave_up=True)))
    async with asyncio.timeout(6):
        assert await end_games("tests") == 1


class SlowEngineActor(FakeEngineActor):
    """Lichess takes a second for the resignation."""

    async def give_up(self, message: object) -> dict[str, object]:
        await asyncio.sleep(1)
        return await super().give_up(message)


async def test_an_actor_that_cannot_be_killed_keeps_no_other_from_resigning(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn = FakeHandle(FakeEngineActor(gave_up=True))
    cluster.add("engine:a", stubborn)
    cluster.add("engine:b", FakeHandle(SlowEngineActor(gave_up=True)))

    def kill(handle: object, *, no_restart: bool) -> None:
        if handle is stubborn:
            raise RayError("refused")
        cluster.kill(handle, no_restart=no_restart)

    monkeypatch.setattr("ray.kill", kill)
    with pytest.raises(ActorFailed, match="refused"):
        await end_games("tests")
    assert cluster.ended == ["engine:b"]
