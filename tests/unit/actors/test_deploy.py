"""The config of a bot, and the reasons why a bot does not start or is not replaced."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from ray.exceptions import ActorAlreadyExistsError, RayError

from actors.clients import WORKER_SET, EngineActorClient
from actors.cluster import ActorFailed
from actors.messages import WorkerSetDescription
from actors.ops.deploy import (
    _create,
    _why_not,
    deploy,
    require_compatible,
    require_same_bot,
    require_slots,
)
from actors.ops.fingerprint import actor_config
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings
from tests.unit.actors.handles import FakeHandle
from tests.unit.virtual_time import VirtualLoop, virtual_loop

PLAIN = Settings()
OTHER = Settings.model_validate({"challenges": {"max_games": 9}})
MB = 2**20
HEAD = {"memory": 900.0 * MB}
WORKER = {"CPU": 2.0, "memory": 900.0 * MB}


def a_slot(**cluster: object) -> Any:
    return Settings.model_validate({"cluster": cluster})


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, float]]:
    """The resources of the nodes; Ray lists dead nodes, too."""
    living: list[dict[str, float]] = [HEAD, WORKER]
    dead = {"Alive": False, "Resources": {"CPU": 99.0, "memory": 9e12}}
    listed = lambda: [dead, *({"Alive": True, "NodeID": "n", "Resources": one} for one in living)]  # noqa: E731
    monkeypatch.setattr("ray.nodes", listed)
    monkeypatch.setattr("actors.cluster.available_resources_per_node", dict)
    monkeypatch.setattr("actors.cluster.state.get_draining_nodes", dict)
    return living


def test_the_same_code_and_settings_have_the_same_fingerprint() -> None:
    assert actor_config(PLAIN, "crabby") == actor_config(Settings(), "crabby")


def test_other_settings_or_another_bot_have_another_fingerprint() -> None:
    configs = [
        actor_config(PLAIN, "crabby"),
        actor_config(OTHER, "crabby"),
        actor_config(PLAIN, "lobster"),
    ]
    assert len({config.fingerprint for config in configs}) == 3


def test_a_config_has_the_settings_and_the_namespace() -> None:
    config = actor_config(OTHER, "crabby")
    assert Settings.from_message(config.settings) == OTHER
    assert (config.namespace, config.bot, config.name) == ("crabstick", "crabby", "")


def test_for_nodes_without_our_code_the_sentence_names_the_remedy() -> None:
    why = _why_not("worker-set", "ModuleNotFoundError: No module named 'actors'")
    assert "ray job submit --working-dir ." in why
    other = "ModuleNotFoundError: No module named 'berserk'"
    assert _why_not("worker-set", other) == f"the worker-set does not start: {other}"


def test_the_same_account_may_replace_itself_whatever_its_letters() -> None:
    require_same_bot("Crabby", "crabby")


def test_the_refusal_of_another_account_names_both() -> None:
    with pytest.raises(EnvironmentProblem, match=r"crabby plays .* is that of lobster: .*own"):
        require_same_bot("crabby", "lobster")


@pytest.mark.parametrize(
    "cluster",
    [
        {"slot_cpus": 2, "slot_memory_mb": 900},
        {"slot_cpus": 0.5},
        {"slot_cpus": 8, "autoscaling": True},
    ],
)
@pytest.mark.usefixtures("nodes")
def test_a_slot_that_fits_a_node_or_one_to_come_is_fine(cluster: dict[str, object]) -> None:
    require_slots(a_slot(**cluster))


@pytest.mark.parametrize("cluster", [{"slot_cpus": 2.5}, {"slot_memory_mb": 901}])
@pytest.mark.usefixtures("nodes")
def test_the_refusal_of_a_slot_names_the_nodes(cluster: dict[str, object]) -> None:
    with pytest.raises(EnvironmentProblem, match="are 1 with 2 CPUs and 900 MB") as refused:
        require_slots(a_slot(**cluster))
    assert "cluster.slot_cpus" in str(refused.value)


def test_a_cluster_whose_workers_have_not_come_yet_is_fine(nodes: list[dict[str, float]]) -> None:
    nodes.remove(WORKER)
    require_slots(a_slot(slot_cpus=64))


TAKEN = ActorAlreadyExistsError("The name worker-set is already taken")


async def created(monkeypatch: pytest.MonkeyPatch, answers: Iterator[Any]) -> object:
    """What becomes of a new WorkerSet when Ray answers so."""

    def create(*_: object, **__: object) -> object:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("actors.ops.deploy.create_actor", create)
    monkeypatch.setattr("actors.ops.deploy.time.monotonic", virtual_loop().time)
    return await _create(object, WORKER_SET, actor_config(PLAIN, "crabby"))


async def test_a_name_that_becomes_free_soon_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await created(monkeypatch, iter([TAKEN, TAKEN, "handle"])) == "handle"


async def test_a_name_that_stays_taken_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EnvironmentProblem, match="another worker-set holds its name"):
        await created(monkeypatch, iter([TAKEN] * 1000))


async def test_another_refusal_keeps_its_own_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ActorFailed, match="the GCS is confused"):
        await created(monkeypatch, iter([RayError("the GCS is confused")]))


async def test_a_gcs_that_is_away_for_half_a_minute_stops_no_deploy_half_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_place: Any = VirtualLoop.run_in_executor

    async def answer(loop: VirtualLoop, *call: object) -> object:
        await asyncio.sleep(30)
        return await in_place(loop, *call)

    monkeypatch.setattr(
        VirtualLoop, "run_in_executor", lambda loop, *call: loop.create_task(answer(loop, *call))
    )
    assert await created(monkeypatch, iter(["handle"])) == "handle"


@pytest.mark.parametrize(
    ("enabled", "is_served", "changed", "steps"),
    [
        (True, False, True, "change play serve"),
        (True, False, False, "change serve"),
        (True, True, True, "check change play serve"),
        (True, True, False, "check change"),
        (False, False, True, "change play"),
        (False, True, True, "change play end"),
    ],
)
async def test_the_bot_plays_before_its_endpoints_are_served_if_they_are_wanted(
    monkeypatch: pytest.MonkeyPatch, steps: str, *, enabled: bool, is_served: bool, changed: bool
) -> None:
    done: list[str] = []

    def step(function: str, name: str, answer: object = None) -> None:
        async def take(*_: object) -> object:
            done.extend(name.split())
            return answer

        monkeypatch.setattr(f"actors.{function}", take)

    before = WorkerSetDescription() if changed else None
    step("ops.deploy.find_actors", "", ["SERVE_REPLICA::crabstick#endpoints#a"] * is_served)
    step("ops.deploy.ensure_manager", "change", before)
    step("ops.deploy.wait_listening", "", "")
    step("ops.deploy._wait_for_standby", "", None)
    step("http.start_serve.ensure_http", "serve")
    step("http.start_serve.end_http", "end")
    check = "actors.http.start_serve.check_http"
    monkeypatch.setattr(check, lambda *_: done.append("check"))
    config = actor_config(Settings.model_validate({"http": {"enabled": enabled}}), "crabby")
    assert await deploy(config, lambda: done.append("play")) is before
    assert done == steps.split()


class UnreadableActor:
    async def describe(self, _message: object) -> dict[str, object]:
        return {"v": "two"}


async def test_an_actor_with_an_unreadable_description_counts_as_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def found(_namespace: str) -> list[EngineActorClient]:
        return [EngineActorClient(FakeHandle(UnreadableActor()))]

    monkeypatch.setattr("actors.ops.deploy.engine_actors", found)
    await require_compatible("tests")
