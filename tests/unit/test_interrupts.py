"""A Ctrl-C waits until things are in order."""

import signal

import pytest

from crabstick.interrupts import blocked_interrupts, deferred_interrupt, listen_for_interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_waits_for_the_end_of_the_block(number: signal.Signals) -> None:
    done: list[str] = []

    def put_in_order() -> None:
        with deferred_interrupt():
            signal.raise_signal(number)
            done.append("put in order")

    with pytest.raises(KeyboardInterrupt):
        put_in_order()
    assert done == ["put in order"]


def test_without_an_interrupt_nothing_is_raised_and_the_handlers_are_as_before() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with deferred_interrupt():
        pass
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_an_error_in_the_block_goes_before_the_interrupt() -> None:
    def fail() -> None:
        with deferred_interrupt():
            signal.raise_signal(signal.SIGINT)
            raise ValueError("7")

    with pytest.raises(ValueError, match="7"):
        fail()


def test_a_blocked_interrupt_comes_after_the_block_whatever_handler_that_set() -> None:
    done: list[str] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    listen_for_interrupts()

    def connect() -> None:
        with blocked_interrupts():
            signal.signal(signal.SIGTERM, lambda *_: done.append("theirs"))
            signal.raise_signal(signal.SIGTERM)
            done.append("connected")

    try:
        with pytest.raises(KeyboardInterrupt):
            connect()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert done == ["connected"]
