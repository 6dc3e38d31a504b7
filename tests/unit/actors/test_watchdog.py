"""Who hangs is restarted in time; who is slow, dead, starting or misheard is left alone."""

import asyncio
from collections.abc import Callable

import pytest
from ray.exceptions import ActorUnavailableError, RayActorError, RayTaskError

from actors.cluster import ActorAway, ActorFailed, ActorGone, ActorSilent
from actors.watchdog import RayWatchedActor, Watchdog
from crabstick.game.stall import StallDetector
from tests.builders import seconds
from tests.unit.actors.handles import FakeHandle
from tests.unit.actors.watched_actors import FakeWatchedActor
from tests.unit.virtual_time import VirtualLoop, stall, virtual_loop

HANGS = float("inf")
A_BUG = RayTaskError("describe", "a bug", ValueError())  # type: ignore[no-untyped-call]  # Ray's


class Kennel:
    """A watchdog at work."""

    def __init__(self, watched: FakeWatchedActor | None = None) -> None:
        self.watched = watched or FakeWatchedActor()
        watch = StallDetector(virtual_loop().time)
        self.tasks = [
            asyncio.create_task(watch.run()),
            asyncio.create_task(Watchdog("event-listener", self.watched, watch).run()),
        ]

    async def restarts_within(self, for_s: float) -> int:
        """How often the watched is restarted in so long."""
        before = len(self.watched.restarted_s)
        await asyncio.sleep(for_s)
        return len(self.watched.restarted_s) - before


async def test_who_answers_is_left_alone() -> None:
    assert await Kennel().restarts_within(3600) == 0


async def test_who_says_nothing_for_ten_seconds_is_restarted() -> None:
    kennel = Kennel()
    await asyncio.sleep(5)
    kennel.watched.takes_s = HANGS
    assert [await kennel.restarts_within(s) for s in (9.9, 2.2)] == [0, 1]


async def test_who_answers_slowly_but_within_ten_seconds_is_left_alone() -> None:
    kennel = Kennel()
    await asyncio.sleep(5)
    kennel.watched.takes_s = 9.9
    assert await kennel.restarts_within(3600) == 0


async def test_who_was_just_made_has_a_minute_to_say_the_first_word() -> None:
    watched = FakeWatchedActor()
    watched.takes_s = HANGS
    kennel = Kennel(watched)
    assert [await kennel.restarts_within(s) for s in (59, 2)] == [0, 1]


async def test_who_was_restarted_has_a_minute_again() -> None:
    kennel = Kennel()
    await asyncio.sleep(5)
    kennel.watched.takes_s = HANGS
    await kennel.restarts_within(13)
    assert [await kennel.restarts_within(s) for s in (59, 3)] == [0, 1]


@pytest.mark.parametrize("trouble", [ActorAway("restarting"), ActorGone("dead")])
async def test_whoever_is_dead_is_rays_business(trouble: ActorAway | ActorGone) -> None:
    kennel = Kennel()
    await asyncio.sleep(5)
    kennel.watched.trouble = trouble
    assert await kennel.restarts_within(600) == 0


async def test_an_actor_that_ray_restarts_is_given_time_to_start() -> None:
    kennel = Kennel()
    await asyncio.sleep(5)
    kennel.watched.trouble = ActorAway("restarting")
    await asyncio.sleep(5)
    kennel.watched.trouble, kennel.watched.takes_s = None, HANGS
    assert await kennel.restarts_within(50) == 0


async def test_an_answer_that_is_an_error_is_an_answer() -> None:
    kennel = Kennel()
    await asyncio.sleep(5)
    kennel.watched.trouble = ActorFailed("a bug")
    await asyncio.sleep(60)
    kennel.watched.trouble, kennel.watched.takes_s = None, HANGS
    assert await kennel.restarts_within(13) == 1


async def test_nobody_is_restarted_when_it_was_the_watcher_who_stood_still() -> None:
    kennel = Kennel()
    await asyncio.sleep(5)
    kennel.watched.takes_s = HANGS
    await asyncio.sleep(5)
    stall(60)
    kennel.watched.takes_s = 0
    assert await kennel.restarts_within(600) == 0


async def test_while_the_gcs_is_away_nobody_is_restarted_and_it_is_tried_again() -> None:
    kennel = Kennel()
    await asyncio.sleep(5)
    kennel.watched.takes_s, kennel.watched.gcs_is_away = HANGS, True
    assert await kennel.restarts_within(60) == 0
    kennel.watched.gcs_is_away = False
    assert await kennel.restarts_within(13) == 1


async def test_a_surprise_does_not_end_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    kennel = Kennel()
    await asyncio.sleep(5)
    with monkeypatch.context() as patched:
        patched.setattr(kennel.watched, "ping", lambda _: 1 / 0)
        await asyncio.sleep(10)
    kennel.watched.takes_s = HANGS
    assert await kennel.restarts_within(13) == 1


# What Ray says and does.


class Ray:
    """Ray's part; `gcs_takes_s` is how long the GCS needs for the list of names."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.handle: FakeHandle | None = FakeHandle(self)
        self.gcs_takes_s = 0.0
        self.killed: list[dict[str, object]] = []
        monkeypatch.setattr("ray.get_actor", self.get_actor)
        monkeypatch.setattr("ray.util.list_named_actors", self.list_named_actors)
        monkeypatch.setattr("ray.kill", self.kill)
        monkeypatch.setattr("actors.cluster.time.monotonic", virtual_loop().time)

    async def describe(self, _message: object) -> dict[str, object]:
        return {"v": 1}

    def get_actor(self, name: str, namespace: str) -> FakeHandle:
        assert namespace == "tests"
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
async def a_ray(monkeypatch: pytest.MonkeyPatch) -> Ray:
    return Ray(monkeypatch)


async def word_of(watched: RayWatchedActor) -> type[Exception] | None:
    """What a ping says."""
    try:
        await watched.ping(seconds(10))
    except (ActorGone, ActorSilent, ActorFailed) as error:
        return type(error)
    return None


def _silent(ray: Ray) -> None:
    assert ray.handle is not None
    ray.handle.is_silent = True


def _raising(error: Exception) -> Callable[[Ray], None]:
    def arrange(ray: Ray) -> None:
        assert ray.handle is not None
        ray.handle.errors.append(error)

    return arrange


def _nameless(ray: Ray) -> None:
    ray.handle = None


@pytest.mark.parametrize(
    ("arrange", "word"),
    [
        (lambda _: None, None),
        (_silent, ActorSilent),
        (_raising(ActorUnavailableError("restarting", None)), ActorAway),
        (_raising(RayActorError()), ActorGone),
        (_raising(A_BUG), ActorFailed),
        (_nameless, ActorGone),
    ],
)
async def test_rays_words_are_told_apart(
    a_ray: Ray, arrange: Callable[[Ray], None], word: type[Exception] | None
) -> None:
    arrange(a_ray)
    assert await word_of(RayWatchedActor("worker-set", "tests")) is word


async def test_a_gcs_that_does_not_answer_says_nothing_about_the_actor(
    a_ray: Ray, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = RayWatchedActor("worker-set", "tests")
    await watched.ping(seconds(10))
    monkeypatch.setattr(VirtualLoop, "run_in_executor", lambda loop, *_: loop.create_future())
    assert await word_of(RayWatchedActor("worker-set", "tests")) is ActorAway
    with pytest.raises(ActorAway):
        await watched.restart()
    assert a_ray.killed == []


async def test_a_new_actor_of_that_name_is_found(a_ray: Ray) -> None:
    watched = RayWatchedActor("worker-set", "tests")
    await watched.ping(seconds(10))
    _raising(RayActorError())(a_ray)
    assert await word_of(watched) is ActorGone
    a_ray.handle = FakeHandle(a_ray)
    assert await word_of(watched) is None


async def test_the_process_is_ended_and_ray_makes_another(a_ray: Ray) -> None:
    watched = RayWatchedActor("worker-set", "tests")
    await watched.ping(seconds(10))
    await watched.restart()
    assert a_ray.killed == [{"handle": a_ray.handle, "no_restart": False}]


async def test_an_order_that_the_gcs_would_carry_out_late_is_not_given(a_ray: Ray) -> None:
    watched = RayWatchedActor("worker-set", "tests")
    await watched.ping(seconds(10))
    a_ray.gcs_takes_s = 60
    await watched.restart()
    assert a_ray.killed == []


async def test_who_is_gone_meanwhile_is_not_killed(a_ray: Ray) -> None:
    watched = RayWatchedActor("worker-set", "tests")
    await watched.ping(seconds(10))
    a_ray.handle = None
    await watched.restart()
    assert a_ray.killed == []
