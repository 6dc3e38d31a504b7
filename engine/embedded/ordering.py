"""Which move to try first: the earlier the best one comes, the less alpha-beta has to look at.

Every move gets a rank and is sorted together with its number in one int, so equal ranks always come
in the same order, whatever order the generator found them in.
"""

from collections.abc import Iterable

from engine.embedded.board import Position
from engine.embedded.generate import pseudo_legal_moves
from engine.embedded.moves import CASTLING, MOVE_BITS, MOVE_MASK, NO_MOVE, SORT_SHIFT
from engine.embedded.worth import KIND_VALUE

_FIRST_RANK = 1 << 20
_NOISY_RANK = 1 << 18
_KILLER_RANK = 1 << 17
_HISTORY_LIMIT = 1 << 16
_AGEING = 8


class MoveOrder:
    """What a search has learnt about quiet moves.

    Killers are the last two quiet moves that refuted something at the same ply; history counts how
    often a piece's arrival on a square did so anywhere.

    Args:
        plies: the deepest ply of the search.
    """

    def __init__(self, plies: int) -> None:
        self._history = [0] * 1024
        self._killers = [(NO_MOVE, NO_MOVE)] * (plies + 1)

    def age(self) -> None:
        """Begins a new search: killers are stale, history counts less."""
        self._history = [value // _AGEING for value in self._history]
        self._killers = [(NO_MOVE, NO_MOVE)] * len(self._killers)

    def ranked(self, position: Position, moves: Iterable[int], first: int, ply: int) -> list[int]:
        """Sorts moves: the one to try first, then captures and promotions, killers, history."""
        board, enemy = position.board, 1 - position.turn
        killers, history = self._killers[ply], self._history
        ranked = []
        for move in moves:
            target = move >> 6 & 63
            piece, victim = board[move & 63], board[target]
            if move == first:
                rank = _FIRST_RANK
            elif victim and victim >> 3 == enemy:
                rank = _NOISY_RANK + ((victim & 7) << 3) - (piece & 7)
            elif move >> 12 & 7:
                rank = _NOISY_RANK + ((move >> 12 & 7) << 3)
            elif move in killers:
                rank = _KILLER_RANK
            else:
                rank = history[piece << 6 | target]
            ranked.append(rank << MOVE_BITS | move)
        ranked.sort(reverse=True)
        return [rank & MOVE_MASK for rank in ranked]

    def reward(self, position: Position, move: int, depth: int, ply: int) -> None:
        """Remembers a move that refuted the opponent's last one, if it is quiet."""
        board, target = position.board, move >> 6 & 63
        if (board[target] and move >> SORT_SHIFT != CASTLING) or move >> 12 & 7:
            return
        if self._killers[ply][0] != move:
            self._killers[ply] = (move, self._killers[ply][0])
        index = board[move & 63] << 6 | target
        self._history[index] = min(self._history[index] + depth * depth, _HISTORY_LIMIT)


def noisy_ranked(position: Position, least_value: int) -> list[int]:
    """Lists captures and promotions, fattest victim and leanest attacker first.

    Args:
        position: where.
        least_value: in centipawns; captures of less are left out.
    """
    board = position.board
    ranked = []
    for move in pseudo_legal_moves(position, noisy_only=True):
        victim = board[move >> 6 & 63] & 7
        if move >> 12 & 7:
            victim = move >> 12 & 7
        elif KIND_VALUE[victim] < least_value:
            continue
        ranked.append((((victim << 3) - (board[move & 63] & 7)) << MOVE_BITS) + move)
    ranked.sort(reverse=True)
    return [rank & MOVE_MASK for rank in ranked]
