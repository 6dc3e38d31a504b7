"""A seed says everything, and every kind of fault has its turn."""

from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st

from tests.chaos.fault_kinds import FAULT_KINDS, SHORT_RUN, FaultKind, kind_of
from tests.chaos.schedule import LONGEST_PAUSE_S, chosen, schedule

SEEDS = st.integers(0, 2**32)
COUNTS = st.integers(0, 2 * len(FAULT_KINDS))
CHOICES = st.lists(st.sampled_from(FAULT_KINDS), min_size=1, unique=True)


@given(SEEDS, COUNTS, CHOICES)
def test_the_same_seed_makes_the_same_schedule(
    seed: int, count: int, kinds: list[FaultKind]
) -> None:
    assert schedule(seed, count, kinds) == schedule(seed, count, kinds)


@given(SEEDS, COUNTS, COUNTS, CHOICES)
def test_a_longer_run_begins_like_a_shorter_one(
    seed: int, one: int, other: int, kinds: list[FaultKind]
) -> None:
    few, many = sorted((one, other))
    assert schedule(seed, many, kinds)[:few] == schedule(seed, few, kinds)


@given(SEEDS, COUNTS, CHOICES)
def test_no_kind_comes_twice_more_often_than_another(
    seed: int, count: int, kinds: list[FaultKind]
) -> None:
    times = Counter(injection.kind for injection in schedule(seed, count, kinds))
    assert times.total() == count
    assert {times[kind] for kind in kinds} <= {count // len(kinds), -(-count // len(kinds))}


@given(SEEDS)
@example(526643)
def test_faults_of_the_event_stream_are_never_all_at_once(seed: int) -> None:
    """The event stream can be opened 30 times in ten minutes."""
    order = [
        injection.kind.blocks_events for injection in schedule(seed, len(FAULT_KINDS), FAULT_KINDS)
    ]
    half = len(order) // 2
    assert abs(sum(order[:half]) - sum(order[half:])) <= 1


@given(SEEDS, COUNTS, CHOICES)
def test_everything_drawn_keeps_its_bounds(seed: int, count: int, kinds: list[FaultKind]) -> None:
    for number, injection in enumerate(schedule(seed, count, kinds), start=1):
        least, most = injection.kind.spans
        assert injection.number == number
        assert 0 <= injection.pause_s <= LONGEST_PAUSE_S
        assert least <= injection.span_s <= most
        assert 0 <= injection.pick < 1


@given(st.floats(0, 1, exclude_max=True), st.lists(st.integers(), min_size=1))
def test_every_pick_means_a_candidate(pick: float, candidates: list[int]) -> None:
    assert chosen(pick, candidates) in candidates


def test_different_seeds_make_different_schedules() -> None:
    assert len({schedule(seed, 20, FAULT_KINDS) for seed in range(50)}) == 50


def test_no_two_kinds_have_one_name() -> None:
    assert len({kind.name for kind in FAULT_KINDS}) == len(FAULT_KINDS)


def test_the_short_run_names_kinds_that_there_are() -> None:
    assert [kind_of(name).name for name in SHORT_RUN] == list(SHORT_RUN)
