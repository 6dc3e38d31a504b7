"""Values that know how people read them, and which side is whose."""

from datetime import timedelta

import chess
import pytest

from crabstick.rules.lichess_types import Clock
from tests.builders import a_full


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


@pytest.mark.parametrize(
    ("bot", "color"), [("crabstick", chess.WHITE), ("CrabStick", chess.WHITE), ("x", chess.BLACK)]
)
def test_our_colour_is_found_by_our_name_in_any_case(bot: str, color: chess.Color) -> None:
    assert a_full().color_of(bot) == color
