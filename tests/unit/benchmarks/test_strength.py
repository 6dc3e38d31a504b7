"""The Elo difference of a match."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.strength import elo

PAIRS = st.lists(st.sampled_from([0, 0.5, 1, 1.5, 2]), min_size=2, max_size=50)


def test_as_many_points_as_the_other_are_no_difference() -> None:
    low, middle, high = elo([1, 2, 0, 1])
    assert middle == 0
    assert low == pytest.approx(-high)


def test_three_quarters_of_the_points_are_190_elo() -> None:
    assert elo([1, 2, 1, 2])[1] == pytest.approx(190.8, abs=0.1)


@given(PAIRS)
def test_the_difference_lies_within_its_interval_and_turns_with_the_sides(
    points: list[float],
) -> None:
    low, middle, high = elo(points)
    assert low <= middle <= high
    turned = elo([2 - each for each in points])
    assert turned == pytest.approx((-high, -middle, -low)) or math.inf in map(abs, turned)
