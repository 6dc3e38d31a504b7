"""The stubs of our actors, beside actors of other versions."""

from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from ray._common.signature import validate_args
from ray._private.function_manager import FunctionActorManager
from ray.actor import _ActorClassMethodMetadata

from actors.clients import EngineActorClient, WorkerSetClient
from actors.cluster import ActorFailed
from actors.messages import EMPTY, Claim, Report, WrongProtocol
from tests.builders import seconds
from tests.unit.actors.handles import FakeHandle


def test_a_worker_set_whose_class_is_unknown_here_takes_a_message() -> None:
    """So does one of another version, where the class is in another module."""
    make: Any = FunctionActorManager._create_fake_actor_class
    describe: Any = _ActorClassMethodMetadata.create
    signatures = describe(make(None, "Other", ["owns"], ""), None).signatures
    with pytest.raises(TypeError):
        validate_args(signatures["owns"], (EMPTY,), {})
    handle = SimpleNamespace(_ray_method_signatures=signatures)
    assert WorkerSetClient.of_sender({"manager": handle}) is not None
    validate_args(signatures["owns"], (EMPTY,), {})


class FakeMethod:
    """Takes nothing, as Ray sees it."""

    def remote(self, _message: object) -> NoReturn:
        raise TypeError("too many positional arguments")


async def test_a_call_whose_message_ray_refuses_has_failed() -> None:
    handle: Any = SimpleNamespace(_ray_method_signatures={}, owns=FakeMethod())
    with pytest.raises(ActorFailed, match="'owns': too many"):
        await WorkerSetClient(handle).owns(Claim(game="g", actor="a", epoch=1), seconds(1))


async def test_a_report_that_ray_refuses_is_dropped() -> None:
    handle: Any = SimpleNamespace(_ray_method_signatures={}, report=FakeMethod())
    WorkerSetClient(handle).report_unawaited(Report(sender="a"))


class Newer:
    """An EngineActor whose description no version of today can read."""

    async def describe(self, _message: object) -> dict[str, object]:
        return {"v": "two"}


async def test_a_description_that_cannot_be_read_is_of_another_protocol() -> None:
    with pytest.raises(WrongProtocol, match="ForeignDescription: v: "):
        await EngineActorClient(FakeHandle(Newer())).describe_any(seconds(1))
