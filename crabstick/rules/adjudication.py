"""When our own scores say that a game is drawn or lost: draw offers, their answers, resignation.

Pure. An actor that takes a game over has no scores yet, and waits for enough moves of its own.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import chess

from crabstick.rules.game_events import Intent
from crabstick.rules.lichess_types import GameFull, GameState

MATE: Final = 100_000
"""The score of a mate, in centipawns; engines stay far below."""
MOST_MOVES: Final = 50
LITTLE_TIME: Final = timedelta(seconds=10)
ENOUGH_INCREMENT: Final = timedelta(seconds=1)
"""With such an increment a player need not lose on time, however little is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRule:
    """A bound for our last scores, in centipawns from our side; full moves; opponent's rating."""

    score: int
    consecutive_moves: int
    against_humans: bool = True
    min_rating: int = 0
    min_game_length: int = 1
    max_pieces: int = 64

    def holds(
        self, full: GameFull, state: GameState, scores: tuple[int, ...], board: chess.Board
    ) -> bool:
        """Whether our last scores are at most the bound, in such a game; `board.turn` is our side.

        Not in the opponent's time trouble: the clock may win what the board does not.
        """
        opponent = full.black if board.turn == chess.WHITE else full.white
        left, increment = state.clock_of(not board.turn)
        return (
            len(scores) >= self.consecutive_moves
            and max(scores[-self.consecutive_moves :]) <= self.score
            and len(state.moves) >= 2 * self.min_game_length
            and chess.popcount(board.occupied) <= self.max_pieces
            and (self.against_humans or opponent.title == "BOT")
            and (opponent.rating or 0) >= self.min_rating
            and (left is None or left >= LITTLE_TIME or increment >= ENOUGH_INCREMENT)
        )


@dataclass(frozen=True, slots=True)
class Adjudication:
    """The rules of a bot; None switches one off."""

    draw: ScoreRule | None
    resign: ScoreRule | None

    def intent(
        self, full: GameFull, state: GameState, scores: tuple[int, ...], board: chess.Board
    ) -> Intent:
        """What to do with the move of our last score; when worse, we take a draw but offer none."""
        if self.draw is not None and self.draw.holds(full, state, scores, board):
            is_even = min(scores[-self.draw.consecutive_moves :]) >= -self.draw.score
            if is_even or (state.black_draw if board.turn == chess.WHITE else state.white_draw):
                return "draw"
        is_lost = self.resign is not None and self.resign.holds(full, state, scores, board)
        return "resign" if is_lost else "play"


def with_score(scores: tuple[int, ...], result: int | None, mate: int | None) -> tuple[int, ...]:
    """The scores with our latest move appended; a move without a score resets them."""
    score = result if mate is None else MATE if mate > 0 else -MATE
    return () if score is None else (*scores, score)[-MOST_MOVES:]
