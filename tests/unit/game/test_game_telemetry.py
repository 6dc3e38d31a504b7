"""What an actor notes of its game."""

from datetime import timedelta
from typing import Any

import chess
import pytest

from actors.messages import Report
from crabstick.game.game_telemetry import GameTelemetry
from crabstick.rules.game_events import Finish
from crabstick.rules.model import Limited, Posted, PostOutcome, Unanswered
from engine.spec import SearchResult
from tests.builders import a_full, a_state, seconds


def a_scorebook() -> GameTelemetry:
    return GameTelemetry(actor="engine:a", game="abcdefgh", epoch=1)


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


def test_the_first_line_tells_who_plays_and_how_it_stands() -> None:
    book = a_scorebook()
    book.opened(a_full("e2e4", we_play="black"), chess.BLACK)
    progress = book.progress
    assert (progress.opponent, progress.color, progress.clock) == ("Alice", "black", "5+3")
    assert (progress.ply, progress.last_move, progress.white_ms) == (1, "e2e4", 60_000)


def test_people_are_shown_who_plays() -> None:
    shown: list[str] = []
    book = GameTelemetry(actor="engine:a", game="abcdefgh", epoch=1, show=shown.append)
    book.opened(a_full("e2e4", we_play="black"), chess.BLACK)
    book.opened(a_full(clock=None, state=a_state(white_time=None, black_time=None)), chess.WHITE)
    assert shown == [
        "game abcdefgh · black against Alice · 5+3",
        "game abcdefgh · white against Alice · no clock",
    ]


def test_a_game_without_a_clock_has_none() -> None:
    book = a_scorebook()
    book.opened(a_full(clock=None, state=a_state(white_time=None, black_time=None)), chess.WHITE)
    progress = book.progress
    assert (progress.clock, progress.white_ms, progress.black_ms) == ("", None, None)


def test_before_the_first_move_there_is_no_last_one() -> None:
    book = a_scorebook()
    book.advanced(a_state())
    assert (book.progress.ply, book.progress.last_move) == (0, "")


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
    book = a_scorebook()
    book.thought(result, 0.0)
    assert (book.progress.score, book.progress.depth) == (score, 12)


def test_the_overhead_is_what_was_not_thinking() -> None:
    book = a_scorebook()
    book.thought(a_result(think_time=seconds(0.2)), received_s=10.0)
    book.posting(10.25)
    samples = dict(book.drain().samples)
    assert samples["crabstick_move_overhead_seconds"] == pytest.approx(0.05)
    assert samples["crabstick_think_seconds"] == 0.2


def test_the_overhead_is_never_negative_and_measured_once_a_move() -> None:
    book = a_scorebook()
    book.thought(a_result(think_time=seconds(1)), received_s=10.0)
    book.posting(10.5)
    book.posting(99.0)
    assert book.drain().samples == (
        ("crabstick_think_seconds", 1.0),
        ("crabstick_move_overhead_seconds", 0.0),
    )


@pytest.mark.parametrize(
    ("outcome", "counts"),
    [
        (Posted(), (("crabstick_moves_total", None, 1),)),
        (Limited(retry_after=None), ()),
        (Unanswered(why="reset"), ()),
    ],
)
def test_answers_are_counted(outcome: PostOutcome, counts: tuple[object, ...]) -> None:
    book = a_scorebook()
    book.answered(outcome)
    assert book.drain().counts == counts


def test_an_engine_that_is_restarted_and_given_up_is_counted_as_it_happens() -> None:
    book = a_scorebook()
    counts = []
    for restarts, is_fallback in [(0, False), (1, False), (1, False), (2, True), (2, True)]:
        book.saw_engine(restarts, is_fallback=is_fallback)
        counts.append({metric: by for metric, _, by in book.drain().counts})
    restarted, given_up = "crabstick_engine_restarts_total", "crabstick_engine_fallbacks_total"
    assert counts == [{}, {restarted: 1}, {}, {restarted: 1, given_up: 1}, {}]


def test_lost_streams_are_counted() -> None:
    book = a_scorebook()
    book.lost_stream()
    assert list(book.drain().counts) == [("crabstick_stream_reconnects_total", "game", 1)]


def test_a_limit_is_counted_once_and_reported_as_long_as_it_holds() -> None:
    book = a_scorebook()
    book.limited("game_stream", timedelta(seconds=40))
    first, second = book.drain(), book.drain()
    assert first.counts == (("crabstick_rate_limited_total", "game_stream", 1),)
    assert second.counts == ()
    assert first.limits.keys() == second.limits.keys() == {"game_stream"}


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
    book = a_scorebook()
    book.opened(a_full(we_play="black"), chess.BLACK)
    assert book.result_of(Finish(status=status, winner=winner)) == result


def test_a_report_holds_what_came_since_the_last() -> None:
    book = a_scorebook()
    book.count("crabstick_moves_total")
    book.count("crabstick_moves_total", by=2)
    book.count("crabstick_engine_restarts_total", by=0)
    assert book.drain() == Report(
        sender="engine:a", counts=(("crabstick_moves_total", None, 3),), samples=()
    )
    assert book.drain() == Report(sender="engine:a")


def test_durations_are_reported_in_seconds() -> None:
    book = a_scorebook()
    book.thought(a_result(think_time=timedelta(milliseconds=1500)), 0.0)
    assert dict(book.drain().samples)["crabstick_think_seconds"] == 1.5
