from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.summaries import (
    COLUMNS,
    Costs,
    Row,
    Spread,
    accepts_ms,
    cells,
    first_moves_ms,
    moves_of,
    overheads_ms,
    percentile,
    spread,
)

samples = st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=50)
shares = st.floats(min_value=0.01, max_value=1)


def a_move(by: str, received_ms: float, overhead_ms: float | None = None) -> dict[str, Any]:
    return {"by": by, "received_ms": received_ms, "overhead_ms": overhead_ms}


def a_game(*moves: Mapping[str, Any], game_id: str = "abcdefgh") -> dict[str, Any]:
    return {"id": game_id, "moves": list(moves)}


def a_spread(**values: float) -> Spread:
    given_values = {"p50_ms": 1.0, "p95_ms": 2.0, "p99_ms": 3.0, "max_ms": 4.0} | values
    return Spread(count=7, **given_values)


def costs() -> Costs:
    return Costs(
        actor_cpu_ms_a_move=2.34,
        engine_cpu_ms_a_move=0.21,
        idle_actor_cpu_ms_a_second=7.04,
        actor_uss_mb=66.4,
        engine_uss_mb=13.6,
        ray_uss_mb=1093.8,
        ray_processes=25,
        machine_busy=0.456,
    )


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.95, 95), (0.99, 99), (1, 100), (0.001, 1)]
)
def test_a_percentile_is_the_sample_at_its_rank(share: float, expected: float) -> None:
    assert percentile(range(100, 0, -1), share) == expected


@given(samples, shares)
def test_at_least_the_share_of_all_samples_does_not_exceed_its_percentile(
    values: list[float], share: float
) -> None:
    at = percentile(values, share)
    assert at in values
    assert sum(value <= at for value in values) >= share * len(values) - 1e-9


def test_a_spread_counts_the_samples_and_says_where_they_lie() -> None:
    expected = Spread(count=3, p50_ms=2.0, p95_ms=9.0, p99_ms=9.0, max_ms=9.0)
    assert (spread([9.0, 1.0, 2.0]), spread([])) == (expected, None)


def test_the_moves_of_the_bot_are_those_that_arrived_in_time() -> None:
    early, late, theirs = a_move("bot", 10), a_move("bot", 20), a_move("other", 5)
    assert moves_of([a_game(theirs, early, late)], "bot", before_ms=20) == [early]


def test_a_move_without_an_overhead_is_left_out() -> None:
    assert overheads_ms([a_move("bot", 1), a_move("bot", 2, 1.5)]) == [1.5]


def test_an_accept_counts_from_the_challenge_of_a_game_of_the_round() -> None:
    times = {"made_ms": 100.0, "answered_ms": 103.5}
    ledger = {"challenges": [{"id": "abcdefgh", **times}, {"id": "elsewher", **times}]}
    assert accepts_ms(ledger, [a_game()]) == [3.5]


def test_the_first_move_counts_from_the_challenge() -> None:
    ledger = {"challenges": [{"id": "abcdefgh", "made_ms": 100.0}]}
    assert first_moves_ms(ledger, [a_game(a_move("bot", 112.5))], "bot") == [12.5]


def test_a_game_in_which_the_bot_has_black_tells_nothing_of_its_first_move() -> None:
    ledger = {"challenges": [{"id": "abcdefgh", "made_ms": 100.0}]}
    games = [a_game(a_move("other", 1100.0), a_move("bot", 1101.0)), a_game()]
    assert first_moves_ms(ledger, games, "bot") == []


def test_a_row_has_a_cell_for_each_column() -> None:
    row = Row(label="8", overhead=None, accept=None, first_move=None)
    assert cells(row) == ("8", *["-"] * (len(COLUMNS) - 1))


def test_a_full_row_shows_all_figures() -> None:
    row = Row(
        label="8",
        overhead=a_spread(max_ms=245.1),
        accept=a_spread(p50_ms=3.21),
        first_move=a_spread(p50_ms=20.94),
        costs=costs(),
        ray_start_s=4.04,
        bot_start_s=6.06,
    )
    shown = cells(row)
    assert len(shown) == len(COLUMNS)
    assert {
        "1.0 / 2.0 / 3.0 / 245",
        "3.2 / 2.0 / 4.0",
        "20.9 / 2.0 / 4.0 (7)",
        "46%",
        "1094 (25)",
    } <= {*shown}
