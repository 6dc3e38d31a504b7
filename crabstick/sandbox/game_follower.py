"""A game as a sparring opponent follows it: the board, the side to move, the result.

No I/O here; the lines are parsed JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import chess


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a game."""

    game_id: str
    status: str
    winner: Literal["white", "black"] | None


class GameFollower:
    """Follows a game by the lines of its stream.

    Args:
        game_id: eight characters.
        mine: our colour.
    """

    def __init__(self, game_id: str, *, mine: chess.Color) -> None:
        self.id = game_id
        self.board = chess.Board()
        self._answered_ply = -1
        """The ply of our last move; another line at this ply asks for no second move."""
        self._mine = mine
        self._played: list[str] = []

    @property
    def is_my_turn(self) -> bool:
        """Whether we are to move."""
        mine = self.board.turn is self._mine and self._answered_ply != len(self._played)
        return mine and any(self.board.generate_legal_moves())

    def mark_answered(self) -> None:
        """Records that our move is on its way."""
        self._answered_ply = len(self._played)

    def read(self, line: Mapping[str, Any]) -> Result | None:
        """Reads a line; returns the result when the game is over."""
        kind = line.get("type")
        if kind == "gameFull":
            fen = line["initialFen"]
            self.board = chess.Board(
                chess.STARTING_FEN if fen == "startpos" else fen,
                chess960=line["variant"]["key"] == "chess960",
            )
            self._played = []
            self._answered_ply = -1
            return self._update(line["state"])
        return self._update(line) if kind == "gameState" else None

    def _update(self, state: Mapping[str, Any]) -> Result | None:
        moves = state["moves"].split()
        for uci in moves[len(self._played) :]:
            self.board.push_uci(uci)
        self._played = moves
        if state["status"] in {"created", "started"}:
            return None
        return Result(game_id=self.id, status=state["status"], winner=state.get("winner"))


def result_of(finished: Mapping[str, Any]) -> Result:
    """The result in the game of a `gameFinish` event."""
    return Result(
        game_id=finished["gameId"],
        status=finished["status"]["name"],
        winner=finished.get("winner"),
    )
