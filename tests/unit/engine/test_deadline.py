import asyncio

from chess.engine import BaseCommand, MockTransport

from engine.bounded_uci import BoundedUci
from engine.deadline import Deadline
from engine.errors import EngineHung
from tests.engine.builders import seconds


class ClosableTransport(MockTransport):
    """An engine that hears, says nothing, and can be ended."""

    def __init__(self, protocol: BoundedUci) -> None:
        super().__init__(protocol)
        self.ended = asyncio.Event()

    def close(self) -> None:
        self.ended.set()


def a_deadline(after_s: float) -> tuple[Deadline, BoundedUci, ClosableTransport]:
    protocol = BoundedUci()
    transport = ClosableTransport(protocol)
    return Deadline(protocol, "fish", seconds(after_s), seconds(0)), protocol, transport


async def test_it_says_stop_and_then_ends_the_process() -> None:
    _, protocol, transport = a_deadline(0)
    transport.expect("stop")
    await asyncio.wait_for(transport.ended.wait(), 5)
    transport.assert_done()
    assert isinstance(protocol.failure, EngineHung)


async def test_cancelled_it_does_nothing() -> None:
    deadline, protocol, _ = a_deadline(0)
    deadline.cancel()
    await asyncio.sleep(0)  # one round of the loop, in which it would have rung
    await asyncio.sleep(0)
    assert protocol.failure is None


async def test_an_abandoned_search_that_goes_on_ends_the_process() -> None:
    deadline, protocol, transport = a_deadline(60)
    protocol.command = BaseCommand[None](protocol)
    deadline.abandon()
    await asyncio.wait_for(transport.ended.wait(), 5)
    deadline.cancel()
    assert isinstance(protocol.failure, EngineHung)


async def test_an_abandoned_search_that_stopped_leaves_the_process() -> None:
    deadline, protocol, _ = a_deadline(60)
    protocol.command = BaseCommand[None](protocol)
    deadline.abandon()
    protocol.command = BaseCommand[None](protocol)  # the next search
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    deadline.cancel()
    assert protocol.failure is None
