"""The watchdog restarts an actor that hangs, not one that is slow, dead or starting."""

import asyncio
from collections.abc import Callable

import pytest
from ray.exceptions import ActorUnavailableError, RayActorError, RayError, RayTaskError

from actors.cluster import ActorAway, ActorFailed, ActorGone, ActorSilent
from actors.watchdog import Watchdog, WatchedActor
from crabstick.asyncio_tools import StallDetector
from tests.builders import seconds
from tests.unit.actors.handles import FakeHandle
from tests.unit.actors.watched_actors import FakeWatchedActor
from tests.unit.virtual_time import VirtualLoop, stall, virtual_loop

HANGS = float("inf")
A_BUG = RayTaskError("describe", "a bug", ValueError())  # type: ignore[no-untyped-call]  # Ray's


class WatchdogRig:
    """A watchdog at work."""

    def __init__(self, watched: FakeWatchedActor | None = None) -> None:
        self.watched = watched or FakeWatchedActor()
        watch = StallDetector(virtual_loop().time)
        self.tasks = [
            asyncio.create_task(watch.run()),
            asyncio.create_task(Watchdog("event-listener", self.watched, watch).run()),
        ]

    async def restarts_within(self, for_s: float) -> int:
        """Counts the restarts within a time."""
        before = len(self.watched.restarted_s)
        await asyncio.sleep(for_s)
        return len(self.watched.restarted_s) - before


async def test_an_actor_that_is_silent_for_ten_seconds_is_restarted() -> None:
    rig = WatchdogRig()
    await asyncio.sleep(5)
    rig.watched.takes_s = HANGS
    assert [await rig.restarts_within(s) for s in (9.9, 2.2)] == [0, 1]


async def test_a_slow_actor_that_answers_within_ten_seconds_is_not_restarted() -> None:
    rig = WatchdogRig()
    await asyncio.sleep(5)
    rig.watched.takes_s = 9.9
    assert await rig.restarts_within(3600) == 0


async def test_a_new_actor_has_a_minute_for_its_first_answer() -> None:
    watched = FakeWatchedActor()
    watched.takes_s = HANGS
    rig = WatchdogRig(watched)
    assert [await rig.restarts_within(s) for s in (59, 2)] == [0, 1]


async def test_a_restarted_actor_has_a_minute_again() -> None:
    rig = WatchdogRig()
    await asyncio.sleep(5)
    rig.watched.takes_s = HANGS
    await rig.restarts_within(13)
    assert [await rig.restarts_within(s) for s in (59, 3)] == [0, 1]


@pytest.mark.parametrize("trouble", [ActorAway("restarting"), ActorGone("dead")])
async def test_a_dead_actor_is_left_to_ray(trouble: ActorAway | ActorGone) -> None:
    rig = WatchdogRig()
    await asyncio.sleep(5)
    rig.watched.trouble = trouble
    assert await rig.restarts_within(600) == 0


async def test_an_actor_that_ray_restarts_gets_time_to_start() -> None:
    rig = WatchdogRig()
    await asyncio.sleep(5)
    rig.watched.trouble = ActorAway("restarting")
    await asyncio.sleep(5)
    rig.watched.trouble, rig.watched.takes_s = None, HANGS
    assert await rig.restarts_within(50) == 0


async def test_an_answer_that_is_an_error_is_an_answer() -> None:
    rig = WatchdogRig()
    await asyncio.sleep(5)
    rig.watched.trouble = ActorFailed("a bug")
    await asyncio.sleep(60)
    rig.watched.trouble, rig.watched.takes_s = None, HANGS
    assert await rig.restarts_within(13) == 1


async def test_after_a_stall_of_the_watcher_no_actor_is_restarted() -> None:
    rig = WatchdogRig()
    await asyncio.sleep(5)
    rig.watched.takes_s = HANGS
    await asyncio.sleep(5)
    stall(60)
    rig.watched.takes_s = 0
    assert await rig.restarts_within(600) == 0


async def test_a_restart_waits_until_the_gcs_is_back() -> None:
    rig = WatchdogRig()
    await asyncio.sleep(5)
    rig.watched.takes_s, rig.watched.gcs_is_away = HANGS, True
    assert await rig.restarts_within(60) == 0
    rig.watched.gcs_is_away = False
    assert await rig.restarts_within(13) == 1


async def test_a_bug_in_the_ping_does_not_end_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = WatchdogRig()
    await asyncio.sleep(5)
    with monkeypatch.context() as patched:
        patched.setattr(rig.watched, "ping", lambda _: 1 / 0)
        await asyncio.sleep(10)
    rig.watched.takes_s = HANGS
    assert await rig.restarts_within(13) == 1


class FakeRay:
    """Ray's side; `gcs_takes_s` is the time of the GCS for the list of names."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.handle: FakeHandle | None = FakeHandle(self)
        self.gcs_takes_s = 0.0
        self.refusal: Exception | None = None
        """Raised by a search for the actor."""
        self.killed: list[dict[str, object]] = []
        monkeypatch.setattr("ray.get_actor", self.get_actor)
        monkeypatch.setattr("ray.util.list_named_actors", self.list_named_actors)
        monkeypatch.setattr("ray.kill", self.kill)
        monkeypatch.setattr("actors.cluster.time.monotonic", virtual_loop().time)

    async def describe(self, _message: object) -> dict[str, object]:
        return {"v": 1}

    def get_actor(self, name: str, namespace: str) -> FakeHandle:
        assert namespace == "tests"
        if self.refusal is not None:
            raise self.refusal
        if self.handle is None:
            raise ValueError(f"Failed to look up actor with name '{name}'")
        return self.handle

    def list_named_actors(self, *, all_namespaces: bool) -> list[dict[str, str]]:
        assert all_namespaces
        stall(self.gcs_takes_s)
        known = [] if self.handle is None else ["worker-set"]
        return [{"name": name, "namespace": "tests"} for name in known]

    def kill(self, handle: object, *, no_restart: bool) -> None:
        self.killed.append({"handle": handle, "no_restart": no_restart})


@pytest.fixture
async def fake_ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    return FakeRay(monkeypatch)


async def result_of_ping(watched: WatchedActor) -> type[Exception] | None:
    """The error of a ping, if any."""
    try:
        await watched.ping(seconds(10))
    except (ActorGone, ActorSilent, ActorFailed) as error:
        return type(error)
    return None


def _silent(ray: FakeRay) -> None:
    assert ray.handle is not None
    ray.handle.is_silent = True


def _raising(error: Exception) -> Callable[[FakeRay], None]:
    def arrange(ray: FakeRay) -> None:
        assert ray.handle is not None
        ray.handle.errors.append(error)

    return arrange


def _nameless(ray: FakeRay) -> None:
    ray.handle = None


def _refusing(ray: FakeRay) -> None:
    ray.refusal = RayError("the GCS is away")


@pytest.mark.parametrize(
    ("arrange", "result"),
    [
        (lambda _: None, None),
        (_silent, ActorSilent),
        (_raising(ActorUnavailableError("restarting", None)), ActorAway),
        (_raising(RayActorError()), ActorGone),
        (_raising(A_BUG), ActorFailed),
        (_nameless, ActorGone),
        (_refusing, ActorAway),
    ],
)
async def test_each_error_of_ray_has_its_meaning(
    fake_ray: FakeRay, arrange: Callable[[FakeRay], None], result: type[Exception] | None
) -> None:
    arrange(fake_ray)
    assert await result_of_ping(WatchedActor("worker-set", "tests")) is result


async def test_a_silent_gcs_proves_nothing_about_the_actor(
    fake_ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = WatchedActor("worker-set", "tests")
    await watched.ping(seconds(10))
    monkeypatch.setattr(VirtualLoop, "run_in_executor", lambda loop, *_: loop.create_future())
    assert await result_of_ping(WatchedActor("worker-set", "tests")) is ActorAway
    with pytest.raises(ActorAway):
        await watched.restart()
    assert fake_ray.killed == []


async def test_a_new_actor_of_that_name_is_found(fake_ray: FakeRay) -> None:
    watched = WatchedActor("worker-set", "tests")
    await watched.ping(seconds(10))
    _raising(RayActorError())(fake_ray)
    assert await result_of_ping(watched) is ActorGone
    fake_ray.handle = FakeHandle(fake_ray)
    assert await result_of_ping(watched) is None


async def test_the_process_is_ended_and_ray_makes_another(fake_ray: FakeRay) -> None:
    watched = WatchedActor("worker-set", "tests")
    await watched.ping(seconds(10))
    await watched.restart()
    assert fake_ray.killed == [{"handle": fake_ray.handle, "no_restart": False}]


async def test_a_restart_that_a_slow_gcs_would_carry_out_late_is_not_requested(
    fake_ray: FakeRay,
) -> None:
    watched = WatchedActor("worker-set", "tests")
    await watched.ping(seconds(10))
    fake_ray.gcs_takes_s = 60
    await watched.restart()
    assert fake_ray.killed == []


async def test_an_actor_that_is_gone_meanwhile_is_not_killed(fake_ray: FakeRay) -> None:
    watched = WatchedActor("worker-set", "tests")
    await watched.ping(seconds(10))
    fake_ray.handle = None
    await watched.restart()
    assert fake_ray.killed == []
