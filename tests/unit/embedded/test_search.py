"""The search finds mates, keeps draws, obeys its limits and repeats itself exactly."""

import pytest

from engine.embedded.board import Position
from engine.embedded.fen import START, parse_fen, write_fen
from engine.embedded.generate import find_move
from engine.embedded.moves import move_text
from engine.embedded.search import MATE, Iteration, Limits, Searcher
from engine.embedded.timeman import Budget
from engine.embedded.tt import TranspositionTable

KIWIPETE = "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1"


class FakeClock:
    """A clock that goes on by a fixed step whenever it is read."""

    def __init__(self, step_ms: float) -> None:
        self.now_ms = 0.0
        self.step_ms = step_ms

    def __call__(self) -> float:
        """Reads the clock."""
        self.now_ms += self.step_ms
        return self.now_ms


def a_searcher(step_ms: float = 0) -> Searcher:
    """Makes a searcher whose time passes only when it looks at the clock."""
    return Searcher(TranspositionTable(1), FakeClock(step_ms))


def found(
    fen: str, limits: Limits, searcher: Searcher | None = None
) -> tuple[str, list[Iteration]]:
    """Searches a position; gives the move and all reports."""
    reports: list[Iteration] = []
    line = (searcher or a_searcher()).search(parse_fen(fen), limits, reports.append)
    return move_text(line[0], chess960=False) if line else "", reports


@pytest.mark.parametrize(
    ("fen", "move", "plies"),
    [
        ("6k1/5ppp/8/8/8/8/8/R3K2R w KQ - 0 1", "a1a8", 1),
        ("7k/8/5K2/8/8/8/8/6R1 w - - 0 1", "f6f7", 3),
        ("r1bqkb1r/pppp1ppp/2n2n2/4p2Q/2B1P3/8/PPPP1PPP/RNB1K1NR w KQkq - 0 4", "h5f7", 1),
        ("3r2k1/5ppp/8/8/8/8/5PPP/6K1 b - - 0 1", "d8d1", 1),
    ],
)
def test_a_near_mate_is_found(fen: str, move: str, plies: int) -> None:
    best, reports = found(fen, Limits(depth=6))
    assert best == move
    assert reports[-1].score == MATE - plies
    assert len(reports[-1].line) == plies


def test_a_mate_found_ends_the_search() -> None:
    _, reports = found("6k1/5ppp/8/8/8/8/8/R3K2R w KQ - 0 1", Limits(depth=20))
    assert len(reports) < 3


def test_being_mated_is_seen_coming() -> None:
    _, reports = found("7k/5K2/8/8/8/8/8/6R1 b - - 0 1", Limits(depth=5))
    assert reports[-1].score == 2 - MATE


def test_a_hanging_queen_is_taken() -> None:
    assert found("4k3/8/8/3q4/4P3/8/8/4K3 w - - 0 1", Limits(depth=2))[0] == "e4d5"


def test_a_pawn_promotes() -> None:
    assert found("8/P7/8/8/8/8/7k/K7 w - - 0 1", Limits(depth=4))[0] == "a7a8q"


def test_the_losing_side_takes_a_perpetual_check() -> None:
    best, reports = found("6k1/6p1/8/7Q/8/8/rq6/7K w - - 0 1", Limits(depth=6))
    assert best == "h5e8"
    assert reports[-1].score == 0


def test_stalemate_is_a_draw_not_a_win() -> None:
    best, reports = found("7k/8/6K1/8/8/8/5Q2/8 w - - 0 1", Limits(depth=3))
    assert best != "f2f7"
    assert reports[-1].score > MATE - 10


@pytest.mark.parametrize(
    ("fen", "score"),
    [
        ("7k/5Q2/6K1/8/8/8/8/8 b - - 0 1", 0),
        ("R5k1/5ppp/8/8/8/8/8/4K3 b - - 0 1", -MATE),
    ],
)
def test_a_finished_game_has_a_score_but_no_move(fen: str, score: int) -> None:
    best, reports = found(fen, Limits(depth=3))
    assert best == ""
    assert [report.score for report in reports] == [score]


def test_fifty_quiet_moves_are_a_draw() -> None:
    _, reports = found("7k/8/8/8/8/8/8/KQ6 w - - 99 100", Limits(depth=3))
    assert reports[-1].score == 0


def test_mate_comes_before_the_fifty_move_rule() -> None:
    best, reports = found("6k1/5ppp/8/8/8/8/8/R3K3 w - - 99 100", Limits(depth=3))
    assert best == "a1a8"
    assert reports[-1].score == MATE - 1


def test_the_same_search_is_the_same_node_for_node() -> None:
    limits = Limits(nodes=3000)
    assert found(KIWIPETE, limits) == found(KIWIPETE, limits)


def test_a_forgetful_searcher_is_as_good_as_new() -> None:
    used = a_searcher()
    found(START, Limits(nodes=2000), used)
    used.forget()
    limits = Limits(nodes=3000)
    assert found(KIWIPETE, limits, used) == found(KIWIPETE, limits)


@pytest.mark.parametrize("nodes", [1, 100, 1000])
def test_the_node_limit_is_kept(nodes: int) -> None:
    best, reports = found(KIWIPETE, Limits(nodes=nodes))
    assert best
    assert all(report.nodes <= nodes for report in reports)


def test_depth_is_reported_step_by_step() -> None:
    _, reports = found(START, Limits(depth=4))
    assert [report.depth for report in reports] == [1, 2, 3, 4]


def test_only_the_wanted_moves_are_considered() -> None:
    wanted = find_move(parse_fen(START), "a2a3")
    assert wanted is not None
    assert found(START, Limits(depth=3, root_moves=(wanted,)))[0] == "a2a3"


def test_the_position_is_left_as_it_was() -> None:
    position = parse_fen(KIWIPETE)
    a_searcher().search(position, Limits(nodes=500), lambda _: None)
    assert write_fen(position) == KIWIPETE


def test_the_hard_limit_breaks_an_iteration_off() -> None:
    searcher = a_searcher(step_ms=1)
    limits = Limits(budget=Budget(soft_ms=10, hard_ms=10))
    best, reports = found(KIWIPETE, limits, searcher)
    assert best
    assert reports[-1].time_ms <= 12


def test_no_iteration_begins_after_the_soft_limit() -> None:
    limits = Limits(budget=Budget(soft_ms=0, hard_ms=1_000_000))
    _, reports = found(KIWIPETE, limits, a_searcher(step_ms=1))
    assert len(reports) == 1


def test_without_any_time_there_is_still_a_move() -> None:
    limits = Limits(budget=Budget(soft_ms=0, hard_ms=0))
    assert found(KIWIPETE, limits, a_searcher(step_ms=1))[0]


def test_an_only_move_is_played_at_once_when_the_clock_runs() -> None:
    forced = "k7/8/8/8/8/8/5r2/r5K1 w - - 0 1"
    limits = Limits(budget=Budget(soft_ms=1e6, hard_ms=1e6))
    best, reports = found(forced, limits)
    assert best == "g1f2"
    assert len(reports) == 1


def test_a_stop_while_listening_ends_the_search() -> None:
    heard = []

    def listen() -> None:
        heard.append(True)
        if len(heard) == 5:
            searcher.stop()

    searcher = Searcher(TranspositionTable(1), FakeClock(0), listen)
    assert found(KIWIPETE, Limits(), searcher)[0]
    assert len(heard) == 5


def played_out(fen: str, nodes: int) -> tuple[Position, int]:
    """Lets the engine play both sides until the game is over; gives the end and the move count."""
    position, searchers = parse_fen(fen), (a_searcher(), a_searcher())
    for ply in range(100):
        searcher = searchers[position.turn]
        line = searcher.search(position, Limits(nodes=nodes), lambda _: None)
        if not line:
            return position, (ply + 1) // 2
        position.make(line[0])
    return position, 50


@pytest.mark.parametrize("piece", ["R", "Q"])
def test_rook_and_queen_mate_a_lone_king_that_defends_well(piece: str) -> None:
    position, moves = played_out(f"8/8/8/2k5/8/8/8/K6{piece} w - - 0 1", 2000)
    assert position.checked
    assert moves < 50
