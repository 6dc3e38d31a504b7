"""Request limits: a window from the first charge, a failed call is free."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from crabstick.sandbox.request_limits import RequestLimit, RequestLimits

THREE_A_MINUTE = RequestLimit(name="three", allowance=3, window=timedelta(minutes=1))


def test_the_fourth_call_waits_for_the_end_of_the_window() -> None:
    limits = RequestLimits()
    assert [limits.charge(THREE_A_MINUTE, "me", second * 1000) for second in range(5)] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert limits.wait_s(THREE_A_MINUTE, "me", 10_000) == 50
    assert limits.charge(THREE_A_MINUTE, "me", 60_000)


def test_a_costly_call_may_overshoot_once() -> None:
    limits = RequestLimits()
    assert limits.charge(THREE_A_MINUTE, "me", 0, cost=5)
    assert not limits.charge(THREE_A_MINUTE, "me", 0, cost=5)


def test_switched_off_limits_let_everything_pass() -> None:
    limits = RequestLimits(enabled=False)
    assert all(limits.charge(THREE_A_MINUTE, "me", 0) for _ in range(10))
    assert limits.wait_s(THREE_A_MINUTE, "me", 0) == 0


@settings(deadline=None)
@given(st.lists(st.integers(0, 300), max_size=60))
def test_no_minute_sees_more_than_two_windows_of_calls(seconds: list[int]) -> None:
    limits = RequestLimits()
    passed = [
        second for second in sorted(seconds) if limits.charge(THREE_A_MINUTE, "me", second * 1000)
    ]
    for begin in passed:
        assert sum(begin <= second < begin + 60 for second in passed) <= 2 * 3
