"""Interrupts never cut clean-up short."""

import asyncio
import signal
from collections.abc import Iterator

import pytest

from crabstick.signals import (
    INTERRUPTS,
    blocked_interrupts,
    cancelling_interrupts,
    deferred_interrupt,
    listen_for_interrupts,
)


@pytest.fixture(autouse=True)
def _handlers_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (*INTERRUPTS, signal.SIGCHLD)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


async def test_a_thread_may_defer_interrupts_too() -> None:
    def clean_up() -> str:
        with deferred_interrupt():
            return "clean"

    assert await asyncio.to_thread(clean_up) == "clean"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_deferred_interrupt_comes_at_the_end_of_the_block(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    done: list[str] = []

    def clean_up() -> None:
        with deferred_interrupt():
            signal.raise_signal(number)
            done.append("cleaned up")

    with pytest.raises(KeyboardInterrupt):
        clean_up()
    assert done == ["cleaned up"]
    assert signal.getsignal(number) == before


def test_an_error_in_the_block_goes_before_the_interrupt() -> None:
    def fail() -> None:
        with deferred_interrupt():
            signal.raise_signal(signal.SIGINT)
            raise ValueError("7")

    with pytest.raises(ValueError, match="7"):
        fail()


def test_a_blocked_interrupt_comes_after_the_block_with_the_handler_from_before() -> None:
    done: list[str] = []
    listen_for_interrupts()

    def connect() -> None:
        with blocked_interrupts():
            signal.signal(signal.SIGTERM, lambda *_: done.append("theirs"))
            signal.raise_signal(signal.SIGTERM)
            done.append("connected")

    with pytest.raises(KeyboardInterrupt):
        connect()
    assert done == ["connected"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_in_another_task_cancels_the_coroutine(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    done: list[str] = []

    async def strike() -> None:
        signal.raise_signal(number)
        await asyncio.sleep(0)
        done.append("the other task went on")

    async def play() -> None:
        with cancelling_interrupts():
            other = asyncio.create_task(strike())
            try:
                await asyncio.Event().wait()
            finally:
                await other
                done.append("cleaned up")

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(play())
    assert done == ["the other task went on", "cleaned up"]
    assert signal.getsignal(number) == before


def test_an_interrupt_at_the_very_end_is_not_lost() -> None:
    async def play() -> None:
        with cancelling_interrupts():
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(play())


def test_another_cancellation_stays_a_cancellation() -> None:
    async def play() -> None:
        with cancelling_interrupts():
            await asyncio.Event().wait()

    async def cancel() -> None:
        playing = asyncio.create_task(play())
        await asyncio.sleep(0)
        playing.cancel()
        await playing

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())


@pytest.mark.parametrize("number", INTERRUPTS)
def test_a_signal_that_was_ignored_at_the_start_stays_ignored(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_IGN)
    listen_for_interrupts()

    async def play() -> None:
        with cancelling_interrupts():
            signal.raise_signal(number)
            await asyncio.sleep(0)

    signal.raise_signal(number)
    with deferred_interrupt():
        signal.raise_signal(number)
    with blocked_interrupts():
        signal.signal(number, lambda *_: pytest.fail("a handler of Ray's ran"))
        signal.raise_signal(number)
    asyncio.run(play())
    assert signal.getsignal(number) is signal.SIG_IGN
    for other in set(INTERRUPTS) - {number}:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(other)


def test_exit_statuses_of_children_are_kept_even_if_our_parent_ignored_its_own() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listen_for_interrupts()
    assert signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL
