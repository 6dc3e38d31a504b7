"""The seam to Ray: one call of an actor, and the slots of a node."""

import asyncio
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ray.exceptions import (
    ActorUnavailableError,
    ActorUnschedulableError,
    RayActorError,
    RayError,
    RayTaskError,
)

from actors.cluster import ActorFailed, ActorGone, ActorSilent, ask
from crabstick.rules.cluster_view import Demand
from tests.builders import seconds

GIB = float(2**30)


def task_error(traceback: str) -> Exception:
    """What Ray raises when the actor's method did."""
    make: Any = RayTaskError
    error: Exception = make("describe", traceback, ValueError("7"))
    return error


async def answering(what: object) -> object:
    if isinstance(what, Exception):
        raise what
    return what


async def test_the_answer_is_returned() -> None:
    assert await ask(answering({"v": 1}), seconds(1)) == {"v": 1}


async def test_an_answer_other_than_a_message_is_an_empty_message() -> None:
    assert await ask(answering(None), seconds(1)) == {}


async def test_a_late_answer_is_silence() -> None:
    with pytest.raises(ActorSilent, match="no answer within 2 s"):
        await ask(asyncio.Event().wait(), seconds(2))


@pytest.mark.parametrize(
    ("error", "means"),
    [
        (RayActorError(), ActorGone),
        (ActorUnavailableError("restarting", None), ActorSilent),
        (ActorUnschedulableError("the node is draining"), ActorGone),
        (RayError("something new"), ActorSilent),
        (task_error("Traceback\nValueError: 7"), ActorFailed),
    ],
)
async def test_each_error_of_ray_has_its_meaning(error: Exception, means: type[Exception]) -> None:
    with pytest.raises(means):
        await ask(answering(error), seconds(1))


async def test_the_failure_of_an_actor_has_the_last_line_of_its_traceback() -> None:
    error = task_error("Traceback\n  a line\nValueError: 7")
    with pytest.raises(ActorFailed, match=r"^ValueError: 7$"):
        await ask(answering(error), seconds(1))


IN_INIT = (
    "The actor died because of an error raised in its creation task, ray::x.__init__() (pid=1)\n"
    '  File "/a.py", line 8, in __init__\n    import engine\nModuleNotFoundError: No module named x'
)
IN_PROCESS = (
    "The actor died unexpectedly before finishing this task.\n\tpid: 7\nThe actor is dead because "
    "its worker process has died. Worker exit type: SYSTEM_ERROR\nThe actor never ran"
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (IN_INIT, "ModuleNotFoundError: No module named x"),
        (IN_PROCESS, "The actor is dead because its worker process has died. Worker exit type: S"),
        ("Task was killed due to the node running low on memory.\nMemory", "Task was killed due"),
    ],
)
async def test_of_a_death_the_line_with_the_reason_is_kept(text: str, why: str) -> None:
    with pytest.raises(ActorSilent, match=f"^{re.escape(why)}"):
        await ask(answering(RayError(text)), seconds(1))


def a_slot(cpus: float, memory_mb: int = 64) -> Demand:
    return Demand(resources={"CPU": cpus, "memory": float(memory_mb * 2**20)})


@given(st.sampled_from([0.1, 0.2, 0.25, 0.5, 1]), st.integers(1, 16), st.data())
def test_the_remainder_of_decimal_fractions_is_counted_whole(
    cpus: float, count: int, data: st.DataObject
) -> None:
    taken = data.draw(st.integers(0, count))
    left = count * cpus
    for _ in range(taken):
        left -= cpus
    assert a_slot(cpus).slots({"CPU": left, "memory": 16 * GIB}, {}) == count - taken


@pytest.mark.parametrize(
    ("cpus", "memory", "slots"), [(0.99, GIB, 0), (9, GIB, 4), (9, GIB - 1, 3), (0, GIB, 0)]
)
def test_the_scarcest_resource_counts(cpus: float, memory: float, slots: int) -> None:
    assert a_slot(1, 256).slots({"CPU": cpus, "memory": memory}, {}) == slots


def test_a_node_without_memory_holds_no_actor() -> None:
    assert a_slot(1).slots({"CPU": 4}, {}) == 0


def test_a_demand_fits_only_nodes_with_its_labels_and_its_part_of_a_gpu() -> None:
    demand = Demand(resources={"CPU": 1, "GPU": 0.25}, labels={"accelerator": "a10"})
    node = {"CPU": 16.0, "GPU": 1.0}
    assert demand.slots(node, {"accelerator": "a10"}) == 4
    assert demand.slots(node, {}) == 0
    assert demand.slots({"CPU": 16.0}, {"accelerator": "a10"}) == 0
