"""A Ctrl-C waits until things are in order."""

import signal

import pytest

from crabstick.interrupts import deferred_interrupt


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
