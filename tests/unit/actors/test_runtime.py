"""What the WorkerSet's runtime asks of Ray."""

from collections.abc import Callable

import pytest

from actors import cluster
from actors.cluster import ActorSilent
from actors.worker_set import runtime
from actors.worker_set.runtime import RayRuntime
from crabstick.settings import Settings
from tests.unit.actors.configs import a_config


async def test_an_actor_that_ray_may_still_make_is_asked_for_again_and_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[dict[str, object]] = []
    killed: list[object] = []

    async def silent(work: Callable[[], object]) -> None:
        work()
        raise ActorSilent("no answer")

    monkeypatch.setattr(cluster, "own_handle", object)
    monkeypatch.setattr(cluster, "create_actor", lambda *_, **options: asked.append(options))
    monkeypatch.setattr(cluster, "kill_actor", killed.append)
    monkeypatch.setattr(cluster.GCS_THREADS, "submit", lambda work: work())
    monkeypatch.setattr(runtime, "in_gcs_thread", silent)
    engine = {"gpus": 0.25, "resources": {"leela": 1}}
    ray = RayRuntime("tests", Settings.model_validate({"engine": engine}))
    with pytest.raises(ActorSilent):
        await ray.spawn(a_config("engine:1"), None)
    assert asked[0] == asked[1]
    assert (asked[0]["num_gpus"], asked[0]["resources"]) == (0.25, {"leela": 1})
    assert len(killed) == 1
