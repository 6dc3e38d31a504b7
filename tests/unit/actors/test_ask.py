"""One call of an actor: its answer in time, or one of three reasons."""

import asyncio
from typing import Any

import pytest
from ray.exceptions import (
    ActorUnavailableError,
    ActorUnschedulableError,
    RayActorError,
    RayError,
    RayTaskError,
)

from actors.cluster import ActorFailed, ActorGone, ActorSilent, ask
from tests.builders import seconds


def task_error(traceback: str) -> Exception:
    """What Ray raises when the actor's method did."""
    make: Any = RayTaskError
    error: Exception = make("describe", traceback, ValueError("7"))
    return error


async def answering(what: object) -> object:
    if isinstance(what, Exception):
        raise what
    return what


async def test_the_answer_is_handed_on() -> None:
    assert await ask(answering({"v": 1}), seconds(1)) == {"v": 1}


async def test_an_answer_that_is_no_message_is_an_empty_one() -> None:
    assert await ask(answering(None), seconds(1)) == {}


async def test_no_answer_in_time_is_silence() -> None:
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


async def test_the_failure_of_an_actor_is_told_by_its_last_line() -> None:
    error = task_error("Traceback\n  a line\nValueError: 7")
    with pytest.raises(ActorFailed, match=r"^ValueError: 7$"):
        await ask(answering(error), seconds(1))
