"""What is reported about a game."""

from typing import Any

import chess
import pytest

from crabstick.game.game_telemetry import GameReport, GameTelemetry
from crabstick.rules.game_events import Finish
from engine.interface import SearchResult
from tests.builders import a_full, a_state, seconds


def a_result(**changes: Any) -> SearchResult:
    fields: dict[str, Any] = {
        "move": chess.Move.from_uci("e2e4"),
        "centipawns": 35,
        "mate_in": None,
        "depth": 12,
        "nodes": 1000,
        "think_time": seconds(0.2),
        "source": "engine",
    }
    return SearchResult(**{**fields, **changes})


def test_the_first_line_has_the_players_the_moves_and_the_clocks() -> None:
    telemetry = GameTelemetry()
    telemetry.opened(a_full("e2e4", we_play="black"), chess.BLACK)
    progress = telemetry.progress
    assert (progress.opponent, progress.color, progress.clock) == ("Alice", "black", "5+3")
    assert (progress.ply, progress.last_move, progress.white_ms) == (1, "e2e4", 60_000)


def test_the_title_names_the_game_and_the_opponent() -> None:
    titles: list[str] = []
    telemetry = GameTelemetry(game="abcdefgh", show_title=titles.append)
    telemetry.opened(a_full("e2e4", we_play="black"), chess.BLACK)
    telemetry.opened(a_full(clock=None), chess.WHITE)
    assert titles == [
        "game abcdefgh · black against Alice · 5+3",
        "game abcdefgh · white against Alice · no clock",
    ]


def test_a_game_without_a_clock_has_none() -> None:
    telemetry = GameTelemetry()
    untimed = a_full(clock=None, state=a_state(white_time=None, black_time=None))
    telemetry.opened(untimed, chess.WHITE)
    progress = telemetry.progress
    assert (progress.clock, progress.white_ms, progress.black_ms) == ("", None, None)
    assert (progress.ply, progress.last_move) == (0, "")


@pytest.mark.parametrize(
    ("result", "score"),
    [
        (a_result(centipawns=35), "+0.35"),
        (a_result(centipawns=-120), "-1.20"),
        (a_result(centipawns=None), ""),
        (a_result(centipawns=None, mate_in=4), "#4"),
        (a_result(centipawns=None, mate_in=-2), "#-2"),
    ],
)
def test_the_score_is_written_as_people_write_it(result: SearchResult, score: str) -> None:
    telemetry = GameTelemetry()
    telemetry.thought(result, 0.0)
    assert (telemetry.progress.score, telemetry.progress.depth) == (score, 12)


def test_the_overhead_is_the_time_beside_the_search_in_seconds() -> None:
    telemetry = GameTelemetry()
    telemetry.thought(a_result(think_time=seconds(0.2)), received_s=10.0)
    telemetry.posting(10.25)
    samples = dict(telemetry.drain().samples)
    assert samples["crabstick_move_overhead_seconds"] == pytest.approx(0.05)
    assert samples["crabstick_think_seconds"] == 0.2


def test_the_overhead_is_never_negative_and_measured_once_a_move() -> None:
    telemetry = GameTelemetry()
    telemetry.thought(a_result(think_time=seconds(1)), received_s=10.0)
    telemetry.posting(10.5)
    telemetry.posting(99.0)
    assert telemetry.drain().samples == (
        ("crabstick_think_seconds", 1.0),
        ("crabstick_move_overhead_seconds", 0.0),
    )


def test_engine_restarts_and_the_fallback_are_counted_as_they_happen() -> None:
    telemetry = GameTelemetry()
    counts = []
    for restarts, is_fallback in [(0, False), (1, False), (1, False), (2, True), (2, True)]:
        telemetry.count_engine(restarts, is_fallback=is_fallback)
        counts.append({metric: by for metric, _, by in telemetry.drain().counts})
    restarted, fell_back = "crabstick_engine_restarts_total", "crabstick_engine_fallbacks_total"
    assert counts == [{}, {restarted: 1}, {}, {restarted: 1, fell_back: 1}, {}]


@pytest.mark.parametrize(
    ("status", "winner", "result"),
    [
        ("mate", chess.BLACK, "won"),
        ("mate", chess.WHITE, "lost"),
        ("stalemate", None, "drawn"),
        ("aborted", None, "aborted"),
        ("noStart", chess.WHITE, "aborted"),
    ],
)
def test_the_result_is_seen_from_our_side(
    status: str, winner: chess.Color | None, result: str
) -> None:
    telemetry = GameTelemetry()
    telemetry.opened(a_full(we_play="black"), chess.BLACK)
    assert telemetry.result_of(Finish(status=status, winner=winner)) == result


def test_a_report_has_what_happened_since_the_last_one() -> None:
    telemetry = GameTelemetry()
    telemetry.count("crabstick_stream_reconnects_total", "game")
    telemetry.count("crabstick_moves_total")
    telemetry.count("crabstick_moves_total", by=2)
    assert telemetry.drain().counts == (
        ("crabstick_stream_reconnects_total", "game", 1),
        ("crabstick_moves_total", None, 3),
    )
    assert telemetry.drain() == GameReport()
