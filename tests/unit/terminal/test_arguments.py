"""Which clocks the command line takes."""

from datetime import timedelta

import pytest

from crabstick.errors import ConfigError
from crabstick.rules.lichess_types import Clock
from crabstick.terminal.arguments import in_seconds, parse_clock, parse_variants


@pytest.mark.parametrize(
    ("text", "limit_s", "increment_s"),
    [("30+0", 30, 0), ("60+1", 60, 1), ("0+1", 0, 1), ("180+2", 180, 2), ("10800+60", 10800, 60)],
)
def test_a_clock_is_seconds_plus_seconds_a_move(text: str, limit_s: int, increment_s: int) -> None:
    clock = parse_clock(text)
    assert clock == Clock(
        initial=timedelta(seconds=limit_s), increment=timedelta(seconds=increment_s)
    )
    assert in_seconds(clock) == f"{text} s"


@pytest.mark.parametrize(
    ("texts", "part"),
    [
        (("", "5", "5+", "+3", "1:00+0", "60+-1", "60 + 1", "60+100"), "seconds a move, such as"),
        (("31+0", "100+0", "10860+0", "60+61"), "Lichess knows 0, 15, 30"),
        (("0+0", "15+0"), "too fast for bots"),
    ],
)
def test_a_wrong_clock_is_explained(texts: tuple[str, ...], part: str) -> None:
    for text in texts:
        with pytest.raises(ConfigError, match=part):
            parse_clock(text)


def test_a_variant_is_one_of_lichess_or_all() -> None:
    assert parse_variants("atomic") == ("atomic",)
    assert len(parse_variants("all")) == 10
    with pytest.raises(ConfigError, match="--variant Atomic: Lichess knows standard"):
        parse_variants("Atomic")
