"""Which clocks the command line takes."""

from datetime import timedelta

import pytest

from crabstick.errors import ConfigError
from crabstick.rules.model import Clock
from crabstick.terminal.clocks import in_seconds, parse_clock


@pytest.mark.parametrize(
    ("text", "limit_s", "increment_s"),
    [("30+0", 30, 0), ("60+1", 60, 1), ("0+1", 0, 1), ("180+2", 180, 2), ("10800+60", 10800, 60)],
)
def test_a_clock_is_seconds_plus_seconds_a_move(text: str, limit_s: int, increment_s: int) -> None:
    assert parse_clock(text) == Clock(
        initial=timedelta(seconds=limit_s), increment=timedelta(seconds=increment_s)
    )


@pytest.mark.parametrize("text", ["30+0", "0+1", "10800+60"])
def test_a_clock_is_shown_as_it_was_written(text: str) -> None:
    assert in_seconds(parse_clock(text)) == f"{text} s"


@pytest.mark.parametrize("text", ["", "5", "5+", "+3", "1:00+0", "60+-1", "60 + 1", "60+100"])
def test_what_is_no_clock_is_told_how_to_be_one(text: str) -> None:
    with pytest.raises(ConfigError, match=r"write seconds \+ seconds a move"):
        parse_clock(text)


@pytest.mark.parametrize("text", ["31+0", "100+0", "10860+0", "60+61"])
def test_a_clock_that_lichess_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="Lichess knows 0, 15, 30"):
        parse_clock(text)


@pytest.mark.parametrize("text", ["0+0", "15+0"])
def test_a_clock_that_is_too_fast_for_bots_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="too fast for bots"):
        parse_clock(text)
