"""What an online source is asked about a position, and how its answer is read; no I/O.

Sources: Lichess API (cloud evaluations, opening explorer), lila-tablebase, the API of chessdb.cn.
"""

from typing import Final
from urllib.parse import quote

import chess
from pydantic import BaseModel, ValidationError

from crabstick.game.move_sources import TABLEBASE_WIN
from engine.interface import OnlineSource, SearchResult

LEAST_DEPTH: Final = 20
LEAST_GAMES: Final = 10
"""A shallower evaluation, or a move that was played less often, is not better than a search."""
_MOST_PIECES: Final = 7
_TABLES: Final = {"chess": "standard", "antichess": "antichess", "atomic": "atomic"}
_SCORES: Final = {"win": TABLEBASE_WIN, "loss": -TABLEBASE_WIN, "draw": 0}


class _Entry(BaseModel):
    """A move, or a line with a score for White; each source has some of these keys."""

    uci: str = ""
    moves: str = ""
    score: int | None = None
    cp: int | None = None
    mate: int | None = None
    white: int = LEAST_GAMES
    draws: int = 0
    black: int = 0


class _Answer(BaseModel):
    """Each source has the best move first, the explorer the one that was played most."""

    category: str = ""
    depth: int = LEAST_DEPTH
    moves: list[_Entry] = []
    pvs: list[_Entry] = []


def path_for(source: OnlineSource, variant: str, board: chess.Board) -> str | None:
    """The path and query of the request; None about a position that the source cannot know."""
    fen, kind = quote(board.fen()), board.uci_variant
    if source == "online_egtb":
        is_small = chess.popcount(board.occupied) <= _MOST_PIECES and not board.castling_rights
        return f"/{_TABLES[kind]}?fen={fen}" if is_small and kind in _TABLES else None
    if source == "chessdb":
        is_usual = kind == "chess" and not board.chess960
        return f"/cdb.php?action=queryall&json=1&board={fen}" if is_usual else None
    if source == "lichess_cloud":
        return f"/api/cloud-eval?variant={variant}&fen={fen}"
    games = "masters?" if variant == "standard" else f"lichess?variant={variant}&"
    return f"/{games}topGames=0&recentGames=0&fen={fen}"


def read_answer(source: OnlineSource, body: bytes, board: chess.Board) -> SearchResult | None:
    """The move of an answer; None if the source does not know the position.

    Raises:
        ValueError: the answer has another form, or the move is not legal.
    """
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError:
        raise ValueError("the answer is not understood") from None
    entries = answer.pvs or answer.moves
    if not entries or answer.category == "unknown" or answer.depth < LEAST_DEPTH:
        return None
    best = entries[0]
    if best.white + best.draws + best.black < LEAST_GAMES:
        return None
    move = board.parse_uci(best.uci or best.moves.partition(" ")[0])
    if not move:
        raise ValueError("the answer has no move")
    ours = 1 if board.turn == chess.WHITE else -1
    return SearchResult(
        move=move,
        centipawns=_SCORES.get(answer.category, best.score) if best.cp is None else best.cp * ours,
        mate_in=None if best.mate is None else best.mate * ours,
        source=source,
    )
