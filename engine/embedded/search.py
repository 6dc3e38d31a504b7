"""The search: iterative deepening alpha-beta with a quiet end.

Principal variation search with a transposition table, killer and history moves, null move and check
extension; at the horizon captures are played out. A search depends only on the position, the
limits and the table: without a time budget the same input gives the same move, node for node.

The search is one thread. Every `_LOOK_INTERVAL` nodes it looks up from the board: it calls `listen`
(which may call `stop` or `allot`) and reads the clock.

Speed rules this file: `_search` and `_quiesce` are long because a call costs as much as three
look-ups.
"""

from collections.abc import Callable
from dataclasses import dataclass

from engine.embedded.board import FIFTY_MOVES, Position
from engine.embedded.evaluate import evaluate
from engine.embedded.generate import legal_moves, pseudo_legal_moves
from engine.embedded.moves import MOVE_MASK, NO_MOVE
from engine.embedded.ordering import MoveOrder, noisy_ranked
from engine.embedded.timeman import Budget
from engine.embedded.tt import (
    AT_LEAST,
    AT_MOST,
    EXACT,
    TranspositionTable,
    unpack_entry,
)

MATE = 32_000
"""The score of a mate on the board; a mate in n plies scores MATE - n."""
MAX_DEPTH = 64
MATE_BOUND = MATE - 1_000
"""Scores beyond this are mates."""

_INFINITY = MATE + 1
_DRAW = 0
_MAX_PLY = 120
_LOOK_INTERVAL = 128
_NULL_MOVE_DEPTH = 3
_NULL_MOVE_REDUCTION = 3
_DELTA_MARGIN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where a search ends at the latest.

    Attributes:
        depth: plies.
        nodes: positions visited; None: any number.
        budget: time; None: as long as it takes.
        root_moves: the moves to choose from; empty: all legal ones.
    """

    depth: int = MAX_DEPTH
    nodes: int | None = None
    budget: Budget | None = None
    root_moves: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Iteration:
    """What the search found out down to one depth.

    Attributes:
        depth: plies.
        score: centipawns, or near MATE, from the point of view of the side to move.
        nodes: positions visited since the search began.
        time_ms: time passed since the search began.
        line: the best play for both sides; empty if there is no legal move.
    """

    depth: int
    score: int
    nodes: int
    time_ms: float
    line: tuple[int, ...]


class _Interrupted(Exception):
    """The search has to end now, in the middle of an iteration."""


def _seen_from(score: int, plies: int) -> int:
    """Moves a mate score by some plies: the table counts from its entry, we from the root."""
    if score >= MATE_BOUND:
        return score + plies
    return score - plies if score <= -MATE_BOUND else score


def _nothing() -> None:
    """Listens to nobody."""


class Searcher:
    """Searches one position after the other, remembering what helps the next one.

    Args:
        table: the transposition table.
        clock_ms: reads a monotonic clock, in milliseconds.
        listen: called every few milliseconds of a search.
    """

    def __init__(
        self,
        table: TranspositionTable,
        clock_ms: Callable[[], float],
        listen: Callable[[], None] = _nothing,
    ) -> None:
        self.table = table
        self._clock_ms = clock_ms
        self._listen = listen
        self._order = MoveOrder(_MAX_PLY)
        self._lines: list[tuple[int, ...]] = [()] * (_MAX_PLY + 2)
        self._stopped = False
        self._started_ms = 0.0
        self._soft_ms: float | None = None
        self._hard_ms: float | None = None
        self._node_limit: int | None = None
        self._next_look = 0
        self._nodes = 0
        self._position: Position
        self._root_moves: list[int] = []

    def forget(self) -> None:
        """Starts a new game: nothing of the last one counts any more."""
        self.table.clear()
        self._order = MoveOrder(_MAX_PLY)

    def stop(self) -> None:
        """Ends the running search at once; it still answers with the best move so far."""
        self._stopped = True

    def allot(self, budget: Budget) -> None:
        """Gives the running search so much time from now on."""
        now = self._clock_ms()
        self._soft_ms, self._hard_ms = now + budget.soft_ms, now + budget.hard_ms

    def search(
        self, position: Position, limits: Limits, report: Callable[[Iteration], None]
    ) -> tuple[int, ...]:
        """Finds the best move.

        Args:
            position: is not changed.
            limits: when to stop.
            report: is told of each finished iteration.

        Returns:
            The best line; empty if there is no legal move.
        """
        self._begin(position, limits)
        if not self._root_moves:
            score = -MATE if position.checked else _DRAW
            report(Iteration(depth=0, score=score, nodes=0, time_ms=0, line=()))
            return ()
        best: tuple[int, ...] = (self._root_moves[0],)
        for depth in range(1, limits.depth + 1):
            try:
                score = self._search_root(depth)
            except _Interrupted:
                return self._lines[0] or best
            best = self._lines[0]
            report(
                Iteration(
                    depth=depth,
                    score=score,
                    nodes=self._nodes,
                    time_ms=self._clock_ms() - self._started_ms,
                    line=best,
                )
            )
            if self._is_enough(depth, score):
                break
        return best

    def _begin(self, position: Position, limits: Limits) -> None:
        """Resets what belongs to one search."""
        self._started_ms = self._clock_ms()
        self._stopped, self._nodes, self._next_look = False, 0, 0
        self._node_limit = limits.nodes
        self._soft_ms = self._hard_ms = None
        if limits.budget is not None:
            self.allot(limits.budget)
        self._position = position.copy()
        self._order.age()
        known = self.table.probe(position.key) & MOVE_MASK
        legal = set(legal_moves(position))
        wanted = legal.intersection(limits.root_moves) or legal
        self._root_moves = self._order.ranked(position, wanted, known, 0)

    def _is_enough(self, depth: int, score: int) -> bool:
        """Tells whether another iteration is out of time or out of use."""
        if self._stopped or MATE - abs(score) <= depth:
            return True
        if self._soft_ms is None:
            return False
        return len(self._root_moves) == 1 or self._clock_ms() >= self._soft_ms

    def _search_root(self, depth: int) -> int:
        """Searches all root moves to a depth; leaves the best line in `_lines[0]`.

        Raises:
            _Interrupted: `_lines[0]` then holds what was found before, if anything.
        """
        position, alpha = self._position, -_INFINITY
        self._lines[0] = ()
        for move in tuple(self._root_moves):
            position.make(move)
            score = -_INFINITY
            if alpha > -_INFINITY:
                score = -self._search(depth - 1, -alpha - 1, -alpha, 1)
            if alpha == -_INFINITY or score > alpha:
                score = -self._search(depth - 1, -_INFINITY, -alpha, 1)
            position.unmake()
            if score > alpha:
                alpha = score
                self._lines[0] = (move, *self._lines[1])
                self._root_moves.remove(move)
                self._root_moves.insert(0, move)
        self.table.store(position.key, self._lines[0][0], depth, EXACT, alpha)
        return alpha

    def _look_up(self) -> None:
        """Listens and reads the clock; sets when to do so next.

        Raises:
            _Interrupted: the search has to end.
        """
        self._listen()
        if self._stopped or (self._hard_ms is not None and self._clock_ms() >= self._hard_ms):
            raise _Interrupted
        self._next_look = self._nodes + _LOOK_INTERVAL
        if self._node_limit is not None:
            if self._nodes >= self._node_limit:
                raise _Interrupted
            self._next_look = min(self._next_look, self._node_limit)

    def _search(  # noqa: C901, PLR0911, PLR0912, PLR0915 (see above)
        self, depth: int, alpha: int, beta: int, ply: int, *, may_skip: bool = True
    ) -> int:
        """Searches below the root; fail-soft, from the point of view of the side to move."""
        position, key = self._position, self._position.key
        self._lines[ply] = ()
        if position.quiet_plies >= FIFTY_MOVES and not self._is_mated():
            return _DRAW
        if position.is_repeated():
            return _DRAW
        checked = position.checked
        if checked:
            depth += 1
        if depth <= 0 or ply >= _MAX_PLY:
            return self._quiesce(alpha, beta)
        self._nodes += 1
        if self._nodes >= self._next_look:
            self._look_up()

        in_open_window = beta - alpha > 1
        entry = self.table.probe(key)
        if entry and not in_open_window:
            known_depth, bound, score = unpack_entry(entry)
            score = _seen_from(score, -ply)
            if known_depth >= depth and (
                bound == EXACT or (score >= beta if bound == AT_LEAST else score <= alpha)
            ):
                return score

        if (
            may_skip
            and not in_open_window
            and not checked
            and depth >= _NULL_MOVE_DEPTH
            and position.has_pieces()
            and evaluate(position) >= beta
        ):
            position.skip_turn()
            score = -self._search(
                depth - _NULL_MOVE_REDUCTION, -beta, 1 - beta, ply + 1, may_skip=False
            )
            position.unmake()
            if score >= beta:
                return min(score, MATE_BOUND - 1)

        best, best_move, bound = -_INFINITY, NO_MOVE, AT_MOST
        moves = pseudo_legal_moves(position)
        for move in self._order.ranked(position, moves, entry & MOVE_MASK, ply):
            if not position.make(move):
                continue
            score = alpha + 1
            if best > -_INFINITY:
                score = -self._search(depth - 1, -alpha - 1, -alpha, ply + 1)
            if best == -_INFINITY or alpha < score < beta:
                score = -self._search(depth - 1, -beta, -alpha, ply + 1)
            position.unmake()
            if score > best:
                best = score
                if score > alpha:
                    alpha, best_move, bound = score, move, EXACT
                    self._lines[ply] = (move, *self._lines[ply + 1])
                    if score >= beta:
                        bound = AT_LEAST
                        self._order.reward(position, move, depth, ply)
                        break
        if best == -_INFINITY:
            return ply - MATE if checked else _DRAW
        self.table.store(key, best_move or entry & MOVE_MASK, depth, bound, _seen_from(best, ply))
        return best

    def _quiesce(self, alpha: int, beta: int) -> int:
        """Plays out captures and promotions; the side to move may stop at any time."""
        self._nodes += 1
        if self._nodes >= self._next_look:
            self._look_up()
        position = self._position
        best = evaluate(position)
        if best >= beta:
            return best
        alpha = max(alpha, best)
        hopeless = alpha - best - _DELTA_MARGIN
        for move in noisy_ranked(position, hopeless):
            if not position.make(move):
                continue
            score = -self._quiesce(-beta, -alpha)
            position.unmake()
            if score > best:
                best = score
                if score > alpha:
                    alpha = score
                    if score >= beta:
                        break
        return best

    def _is_mated(self) -> bool:
        """Tells whether the side to move is checkmated."""
        return self._position.checked and not legal_moves(self._position)
