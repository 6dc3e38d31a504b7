"""Cases and laws of engines whose actors do not start."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.rules.starts import BAD_LUCK, READY, Starts
from tests.builders import seconds

NOW = seconds(1000)
GAP = seconds(60)


def after(failures: int, starts: Starts, gap: timedelta = GAP) -> Starts:
    """The starts after so many more that failed, one after another."""
    for number in range(failures):
        starts = starts.failed(f"reason {number + 1}", NOW + number * gap)
    return starts


def test_before_the_first_start_there_is_no_problem() -> None:
    assert Starts().problem == ""


@pytest.mark.parametrize(
    ("starts", "failures", "problem"),
    [
        (Starts(), 1, "reason 1"),
        (Starts(), 2, "reason 2"),
        (READY, BAD_LUCK, ""),
        (READY, BAD_LUCK + 1, "reason 3"),
    ],
)
def test_a_failure_before_the_first_success_and_several_after_it_are_a_problem(
    starts: Starts, failures: int, problem: str
) -> None:
    assert after(failures, starts).problem == problem


@given(failures=st.integers(0, 20), ready=st.booleans())
def test_each_pause_is_at_least_as_long_as_the_one_before(failures: int, *, ready: bool) -> None:
    starts = after(failures, Starts(was_ready=ready))
    late = NOW + seconds(9999)
    last = starts.failed("again", late).paused_until - late
    more = after(1, starts).failed("again", late).paused_until - late
    assert seconds(0) < last <= more <= seconds(30)


@given(st.integers(1, 20), st.floats(0, 0.99))
def test_failures_during_a_pause_count_as_one_and_the_last_reason_holds(
    failures: int, share: float
) -> None:
    starts = after(failures, Starts())
    began = NOW + (failures - 1) * GAP
    during = starts.failed("another", began + share * (starts.paused_until - began))
    assert (during.failures, during.paused_until) == (starts.failures, starts.paused_until)
    assert during.problem == "another"


def test_a_success_ends_problem_and_pause() -> None:
    assert (READY.problem, READY.paused_until, READY.failures) == ("", timedelta.min, 0)
