"""An engine that survives failures: restarted when it fails, then replaced by a fallback.

The first restart uses a quarter of the hash table, because an engine that dies often lacks memory.
After `restarts` restarts the fallback plays on. A failed search is repeated within the rest of its
deadline. When the clock is short, there is no time for another process: we choose the move.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import chess
from chess.engine import Limit

from engine.errors import EngineDied, EngineError, EngineHung, IllegalMove
from engine.interface import QUIT_PATIENCE, EngineProcess, EngineSpec, SearchRequest, SearchResult
from engine.uci_engine import STOP_GRACE, UciEngine

MIN_SEARCH_TIME = timedelta(seconds=0.5)
"""The least time for a repeated search, even when its deadline has passed."""
SHORT_CLOCK = timedelta(seconds=3)
"""With less on its clock a side does not wait for a new process."""
_START_SHARE = 3
"""A start during a search may take the rest of the deadline, or this part of the clock."""
_RESERVE = 2 * STOP_GRACE
"""What the end of a hung engine takes, so that a legal move can still be sent."""

_LOGGER = logging.getLogger(__name__)
_RESTARTABLE = (EngineDied, EngineHung, IllegalMove)


class ResilientEngine:
    """The engine of an actor: first the primary, then the fallback.

    Args:
        primary: the configured engine.
        fallback: plays on after the primary is given up; its failures are raised.
        restarts: how often the primary is restarted.
        build: makes an engine that is not started yet.

    Attributes:
        restart_count: how often the primary was restarted.
        is_fallback: whether the primary was given up.
    """

    def __init__(
        self,
        primary: EngineSpec,
        fallback: EngineSpec,
        *,
        restarts: int = 2,
        build: Callable[[EngineSpec], EngineProcess] = UciEngine,
    ) -> None:
        self._spec = primary
        self._fallback = fallback
        self._restarts = restarts
        self._build = build
        self._engine = build(primary)
        self._failure: EngineError | None = None
        self._watch: asyncio.Task[None] | None = None
        self.restart_count = 0
        self.is_fallback = False

    @property
    def name(self) -> str:
        """The name of the engine that plays now."""
        return self._engine.name

    @property
    def hash_mb(self) -> int | None:
        """The hash table of the engine that plays now, in MB."""
        return self._engine.hash_mb

    @property
    def best_so_far(self) -> str:
        """The move that the engine's latest search reported as best."""
        return self._engine.best_so_far

    async def open(self) -> None:
        """Starts the primary, before the game.

        Raises:
            EngineError: the primary cannot be started. Only a search restarts or falls back.
        """
        await self._engine.open()

    @property
    def is_well(self) -> bool:
        """Whether the primary has never failed."""
        return not self.restart_count and not self.is_fallback and self._failure is None

    async def new_game(self) -> None:
        """Gets the engine that plays now ready for another game.

        Raises:
            EngineError: it does not get ready.
        """
        await self._end_watch(timedelta.max)
        await self._engine.new_game()

    def stop_pondering(self) -> None:
        """Stops a search on the opponent's time."""
        self._engine.stop_pondering()

    async def search(self, request: SearchRequest) -> SearchResult:
        """Finds a move despite failures; after a failure the move may miss the deadline.

        Raises:
            EngineError: the fallback failed too; the next search starts the fallback again.
        """
        began_s = asyncio.get_running_loop().time()
        if await self._end_watch(_start_patience(request)):
            request = _remaining_request(request, _elapsed_since(began_s))
        result = await self._search(request)
        if request.ponder and self._failure is None:
            self._watch = asyncio.create_task(self._restart_when_ended(request))
        return result

    async def _search(self, request: SearchRequest) -> SearchResult:
        began_s = asyncio.get_running_loop().time()
        left = _within_clock(request)
        while True:
            if self._failure is not None:
                clock = _clock_of(left)
                if clock is not None and clock < SHORT_CLOCK:
                    _LOGGER.warning("%s; with %s left we move", self._failure, clock)
                    return _last_resort(left.board, self._engine.best_so_far, self._failure)
                await self._replace(self._failure, left)
            try:
                if self._failure is not None:
                    await self._engine.open()
                    left = _remaining_request(request, _elapsed_since(began_s))
                    self._failure = None
                left = replace(left, options={}) if self.is_fallback else left
                return self._with_source(await self._engine.search(left))
            except EngineError as err:
                self._failure = err
                left = _remaining_request(request, _elapsed_since(began_s))

    def _with_source(self, result: SearchResult) -> SearchResult:
        return replace(result, source="bundled") if self.is_fallback else result

    async def close(self, patience: timedelta = QUIT_PATIENCE) -> None:
        """Ends the engine that plays now, and reaps its process."""
        await self._end_watch(timedelta(0))
        await self._engine.close(patience)

    async def _restart_when_ended(self, request: SearchRequest) -> None:
        """On the opponent's time a small search finds the failure, and restarts the engine."""
        await self._engine.ended()
        with suppress(EngineError):
            await self._search(replace(request, limit=Limit(nodes=1), ponder=False))

    async def _end_watch(self, patience: timedelta) -> bool:
        """Ends the watch; returns whether a restart had begun, which gets `patience`."""
        if (watch := self._watch) is None:
            return False
        is_restart = self._failure is not None
        await asyncio.wait([watch], timeout=patience.total_seconds() if is_restart else 0)
        watch.cancel()
        await asyncio.wait([watch])
        self._watch = None
        return is_restart

    async def _replace(self, err: EngineError, left: SearchRequest) -> None:
        """Replaces the engine that failed with `err`."""
        hash_mb = self._engine.hash_mb
        await self._engine.close(timedelta(0))
        if self.is_fallback:
            self._failure = None
            self._engine = self._build(self._fallback)
            raise err
        if isinstance(err, _RESTARTABLE) and self.restart_count < self._restarts:
            self.restart_count += 1
            spec = self._spec = self._next_spec(hash_mb)
        else:
            self.is_fallback, spec = True, self._fallback
        patience = min(spec.start_timeout, _start_patience(left))
        self._engine = self._build(replace(spec, start_timeout=patience))
        _LOGGER.warning("%s; next: %s", err, self._engine.name)

    def _next_spec(self, hash_mb: int | None) -> EngineSpec:
        if hash_mb is None or self.restart_count > 1:
            return self._spec
        return self._spec.with_option("Hash", max(1, hash_mb // 4))


def _elapsed_since(began_s: float) -> timedelta:
    return timedelta(seconds=asyncio.get_running_loop().time() - began_s)


def _clock_of(request: SearchRequest) -> timedelta | None:
    limit = request.limit
    left_s = limit.white_clock if request.board.turn == chess.WHITE else limit.black_clock
    return None if left_s is None else timedelta(seconds=left_s)


def _start_patience(request: SearchRequest) -> timedelta:
    """How long a start may take on our clock."""
    clock = _clock_of(request)
    if clock is None:
        return timedelta.max
    return timedelta(0) if clock < SHORT_CLOCK else max(request.deadline, clock / _START_SHARE)


def _within_clock(request: SearchRequest) -> SearchRequest:
    """The request with a deadline that leaves time for a move after a hang."""
    clock = _clock_of(request)
    if clock is None or clock >= SHORT_CLOCK:
        return request
    return replace(request, deadline=min(request.deadline, max(clock - _RESERVE, clock / 2)))


def _last_resort(board: chess.Board, best_so_far: str, err: EngineError) -> SearchResult:
    """The engine's best move so far, if that is legal, or any legal move.

    Raises:
        EngineError: `err`, when there is no legal move.
    """
    move = next(iter(board.legal_moves), None)
    with suppress(ValueError):
        move = board.parse_uci(best_so_far) or move  # `0000` is no move
    if move is None:
        raise err
    return SearchResult(move=move, source="last_resort")


def _remaining_request(request: SearchRequest, waited: timedelta) -> SearchRequest:
    return replace(
        request,
        limit=remaining_limit(request.limit, request.board.turn, waited),
        deadline=max(request.deadline - waited, MIN_SEARCH_TIME),
    )


def remaining_limit(limit: Limit, turn: chess.Color, waited: timedelta) -> Limit:
    """The limit after `waited`: less on the mover's clock, and less thinking time."""
    waited_s = waited.total_seconds()

    def less(seconds: float | None) -> float | None:
        return None if seconds is None else max(0.001, seconds - waited_s)

    if turn == chess.WHITE:
        return replace(limit, white_clock=less(limit.white_clock), time=less(limit.time))
    return replace(limit, black_clock=less(limit.black_clock), time=less(limit.time))
