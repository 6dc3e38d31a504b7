"""A budget never risks the flag."""

from hypothesis import given
from hypothesis import strategies as st

from engine.embedded.timeman import Budget, Clock, budget_for, fixed_budget

clocks = st.builds(
    Clock,
    remaining_ms=st.integers(-1000, 10_800_000),
    increment_ms=st.integers(0, 180_000),
    moves_to_go=st.integers(0, 60),
)
overheads = st.integers(0, 5000)


@given(clocks, overheads)
def test_no_search_takes_more_than_half_of_what_is_left(clock: Clock, overhead_ms: int) -> None:
    usable = max(0, clock.remaining_ms - overhead_ms)
    assert 0 <= budget_for(clock, overhead_ms).hard_ms <= usable / 2


@given(clocks, overheads)
def test_no_iteration_begins_after_the_hard_limit(clock: Clock, overhead_ms: int) -> None:
    budget = budget_for(clock, overhead_ms)
    assert 0 <= budget.soft_ms <= budget.hard_ms


@given(st.integers(0, 600_000), st.integers(0, 300))
def test_the_flag_never_falls_however_long_the_game(remaining_ms: int, overhead_ms: int) -> None:
    left: float = remaining_ms
    for _ in range(300):
        left -= budget_for(Clock(remaining_ms=int(left)), overhead_ms).hard_ms
    assert left >= 0


@given(clocks, st.integers(1, 60_000))
def test_more_time_never_means_a_shorter_search(clock: Clock, more_ms: int) -> None:
    richer = Clock(
        remaining_ms=clock.remaining_ms + more_ms,
        increment_ms=clock.increment_ms,
        moves_to_go=clock.moves_to_go,
    )
    assert budget_for(richer, 20).hard_ms >= budget_for(clock, 20).hard_ms
    assert budget_for(richer, 20).soft_ms >= budget_for(clock, 20).soft_ms


def test_near_the_flag_a_few_milliseconds_remain_for_a_first_look() -> None:
    assert budget_for(Clock(remaining_ms=200), 20) == Budget(soft_ms=0.61875, hard_ms=10)


def test_a_fallen_flag_leaves_no_time() -> None:
    assert budget_for(Clock(remaining_ms=-50), 20) == Budget(soft_ms=0, hard_ms=0)


def test_a_minute_is_shared_out_over_forty_moves() -> None:
    budget = budget_for(Clock(remaining_ms=60_000), 0)
    assert (round(budget.soft_ms), round(budget.hard_ms)) == (825, 6000)


def test_the_increment_is_mostly_spent() -> None:
    plain = budget_for(Clock(remaining_ms=60_000), 0)
    richer = budget_for(Clock(remaining_ms=60_000, increment_ms=2000), 0)
    assert round(richer.soft_ms - plain.soft_ms) == round(0.55 * 0.8 * 2000)


def test_the_last_move_before_the_time_control_may_take_half() -> None:
    assert budget_for(Clock(remaining_ms=10_000, moves_to_go=1), 0).hard_ms == 5000


def test_a_fixed_time_is_spent_as_told() -> None:
    assert fixed_budget(500) == Budget(soft_ms=500, hard_ms=500)
    assert fixed_budget(-1) == Budget(soft_ms=0, hard_ms=0)
