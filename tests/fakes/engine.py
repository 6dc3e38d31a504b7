"""A scripted engine without a process, for tests: plays its script, then any legal move.

The scripted engine passes the contract tests of `UciEngine`, and can do nothing that `UciEngine`
cannot.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from datetime import timedelta
from enum import Enum

import chess

from engine.errors import EngineDied, EngineError, EngineHung, IllegalMove
from engine.interface import QUIT_PATIENCE, SearchRequest, SearchResult
from engine.uci_engine import STOP_GRACE


class _Hang(Enum):
    HANG = "hang"


HANG = _Hang.HANG
"""The step in which the engine never answers."""

Step = chess.Move | timedelta | EngineError | _Hang
"""One search: play this move; think this long (or until the deadline); raise this; hang."""


class ScriptedEngine:
    """Plays `steps`, one per search, and afterwards the first legal move at once.

    Args:
        steps: the results of the next searches.
        opening: errors of the next calls of `open` and `new_game`, in order.
        name: the name of the engine.
        hash_mb: the size of its hash table.

    Attributes:
        requests: all search requests so far.
        is_open: whether a real engine would have a process.
        games: how many games it was made ready for.
        stops: how often it was told to stop pondering.
        end: set when the process ends.
        best_so_far: what it says of its latest search.
    """

    def __init__(
        self,
        steps: Iterable[Step] = (),
        *,
        opening: Iterable[EngineError] = (),
        name: str = "scripted",
        hash_mb: int | None = None,
    ) -> None:
        self._steps = deque(steps)
        self._opening = deque(opening)
        self.name = name
        self.hash_mb = hash_mb
        self.best_so_far = ""
        self.requests: list[SearchRequest] = []
        self.is_open = False
        self.games = 0
        self.stops = 0
        self.end = asyncio.Event()

    async def open(self) -> None:
        """Opens, or raises the next error of `opening`."""
        if self._opening:
            raise self._opening.popleft()
        self.is_open = True

    def fail_to_open(self, error: EngineError) -> None:
        """Lets the next `open` or `new_game` raise this."""
        self._opening.append(error)

    def stop_pondering(self) -> None:
        """Counts the calls."""
        self.stops += 1

    async def ended(self) -> None:
        """Returns when `end` is set."""
        await self.end.wait()

    async def new_game(self) -> None:
        """As `open`; counts the games."""
        await self.open()
        self.games += 1

    async def search(self, request: SearchRequest) -> SearchResult:
        """Does the next step.

        Raises:
            EngineError: the step says so, or its move is not legal.
        """
        await self.open()
        self.requests.append(request)
        step = self._steps.popleft() if self._steps else timedelta(0)
        match step:
            case chess.Move():
                return _result(_legal(step, request.board), timedelta(0))
            case timedelta():
                think_time = min(step, request.deadline)
                await asyncio.sleep(think_time.total_seconds())
                return _result(next(iter(request.board.legal_moves)), think_time)
            case _Hang():
                await asyncio.sleep((request.deadline + STOP_GRACE).total_seconds())
                self.is_open = False
                raise EngineHung(f"the engine '{self.name}' gave no move, as its script says")
            case _:
                self.is_open = not isinstance(step, EngineDied | EngineHung)
                raise step

    async def close(self, patience: timedelta = QUIT_PATIENCE) -> None:  # noqa: ARG002 - no process
        """Closes."""
        self.is_open = False


def _legal(move: chess.Move, board: chess.Board) -> chess.Move:
    if move in board.legal_moves:
        return move
    raise IllegalMove(f"the script's move {move} is not legal in {board.fen()}")


def _result(move: chess.Move, think_time: timedelta) -> SearchResult:
    return SearchResult(
        move=move,
        centipawns=0,
        mate_in=None,
        depth=1,
        nodes=1,
        think_time=think_time,
        source="engine",
    )
