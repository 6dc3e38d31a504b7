"""Values as people read them."""

from datetime import timedelta

import pytest

from crabstick.rules.model import Clock


@pytest.mark.parametrize(
    ("initial_s", "text"),
    [
        (0, "0+2"),
        (15, "¼+2"),
        (30, "½+2"),
        (45, "¾+2"),
        (60, "1+2"),
        (90, "1.5+2"),
        (300, "5+2"),
        (10_800, "180+2"),
        (20, "0.33+2"),
    ],
)
def test_a_clock_is_written_as_lichess_writes_it(initial_s: int, text: str) -> None:
    initial, increment = timedelta(seconds=initial_s), timedelta(seconds=2)
    assert str(Clock(initial=initial, increment=increment)) == text
