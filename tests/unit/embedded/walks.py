"""Random games for laws: the same game played on our board and on python-chess's."""

from collections.abc import Iterator

import chess
from hypothesis import strategies as st

from engine.embedded.board import Position
from engine.embedded.fen import parse_fen
from engine.embedded.generate import find_move, legal_moves
from engine.embedded.moves import move_text

LIVELY = (
    chess.STARTING_FEN,
    "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1",
    "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1",
    "r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1",
    "rnbq1k1r/pp1Pbppp/2p5/8/2B5/8/PPP1NnPP/RNBQK2R w KQ - 1 8",
    "4k3/1p1p1p1p/8/P1P1P1P1/p1p1p1p1/8/1P1P1P1P/4K3 w - - 0 1",
)
"""Starting points with castling, en passant, pins and promotions near at hand."""


def setups() -> st.SearchStrategy[chess.Board]:
    """Draws a board to start from: ordinary and Chess960."""
    ordinary = st.sampled_from(LIVELY).map(chess.Board)
    chess960 = st.integers(0, 959).map(chess.Board.from_chess960_pos)
    return st.one_of(ordinary, chess960)


def choices() -> st.SearchStrategy[list[int]]:
    """Draws the numbers that pick the moves of a game."""
    return st.lists(st.integers(0, 1000), min_size=20, max_size=80)


def walk(board: chess.Board, picks: list[int]) -> Iterator[tuple[chess.Board, Position]]:
    """Plays a game on both boards; yields them, changed in place, at each step."""
    position = parse_fen(board.fen())
    yield board, position
    for pick in picks:
        legal = sorted(board.legal_moves, key=chess.Move.uci)
        if not legal:
            return
        move = legal[pick % len(legal)]
        ours = find_move(position, board.uci(move))
        assert ours is not None
        assert position.make(ours)
        board.push(move)
        yield board, position


def legal_texts(position: Position, *, chess960: bool) -> list[str]:
    """Lists the legal moves of our board as UCI, sorted."""
    return sorted(move_text(move, chess960=chess960) for move in legal_moves(position))


def state(position: Position) -> tuple[object, ...]:
    """Takes everything that `unmake` has to restore."""
    return (
        position.board.copy(),
        position.pieces[0].copy(),
        position.pieces[1].copy(),
        position.kings.copy(),
        position.turn,
        position.rights,
        position.en_passant,
        position.quiet_plies,
        position.full_moves,
        position.checked,
        position.key,
        position.worth,
        position.keys.copy(),
    )
