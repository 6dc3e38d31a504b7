"""An engine that does not give up: restarted when it fails, then replaced by the fallback.

The first restart takes a quarter of the table (an engine that dies is often short of memory), and
after `restarts` of them the embedded engine plays on. The search that failed is done again within
what is left of its deadline.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Self

import chess
from chess.engine import Limit

from engine.errors import EngineDied, EngineError, EngineHung, IllegalMove
from engine.port import QUIT_PATIENCE, Engine
from engine.process import UciEngine
from engine.spec import EngineSpec, SearchRequest, SearchResult

__all__ = ["LEAST_SEARCH", "LEAST_START", "ResilientEngine", "limit_left"]

LEAST_SEARCH = timedelta(seconds=0.5)
"""A search that is done again has this long, even when its deadline has passed."""
LEAST_START = timedelta(seconds=3)
"""A restart in a search has this long at least, and never longer than the spec allows."""

_LOGGER = logging.getLogger(__name__)
_WORTH_A_RESTART = (EngineDied, EngineHung, IllegalMove)
_NO_PATIENCE = timedelta(0)


class ResilientEngine:
    """The engine of one game: the primary as long as it can be kept alive, then the fallback.

    Args:
        primary: the engine that was asked for.
        fallback: plays on when the primary cannot; its failure is the caller's.
        restarts: how often the primary is started again in this game.
        build: makes an engine that is not started yet.
    """

    def __init__(
        self,
        primary: EngineSpec,
        fallback: EngineSpec,
        *,
        restarts: int = 2,
        build: Callable[[EngineSpec], Engine] = UciEngine,
    ) -> None:
        self._spec = primary
        self._fallback = fallback
        self._restarts = restarts
        self._build = build
        self._engine = build(primary)
        self._restart_count = 0
        self._is_fallback = False
        self._last_error: EngineError | None = None

    @property
    def name(self) -> str:
        """The name of the engine that plays now."""
        return self._engine.name

    @property
    def hash_mb(self) -> int | None:
        """The table of the engine that plays now, in MB."""
        return self._engine.hash_mb

    @property
    def restart_count(self) -> int:
        """How often the primary was started again."""
        return self._restart_count

    @property
    def is_fallback(self) -> bool:
        """Whether the primary was given up."""
        return self._is_fallback

    @property
    def last_error(self) -> EngineError | None:
        """The latest failure, survived or not."""
        return self._last_error

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Warm the primary up, before the game.

        Raises:
            EngineError: it cannot be started. Nothing is hidden here; a search would restart it or
                let the fallback play.
        """
        await self._engine.open()

    async def search(self, request: SearchRequest) -> SearchResult:
        """Find a move, whatever it takes; after a failure it may come later than the deadline.

        Raises:
            EngineError: the fallback failed too; the next search starts it again.
        """
        began_s = asyncio.get_running_loop().time()
        try:
            return self._signed(await self._engine.search(request))
        except EngineError as err:
            error = err
        while True:
            await self._replace(error, request.deadline - _since(began_s))
            try:
                await self._engine.open()
                left = _what_is_left(request, _since(began_s))
                return self._signed(await self._engine.search(left))
            except EngineError as err:
                error = err

    def _signed(self, result: SearchResult) -> SearchResult:
        return replace(result, source="embedded") if self._is_fallback else result

    async def close(self, patience: timedelta = QUIT_PATIENCE) -> None:
        """End the process that plays now, and reap it."""
        await self._engine.close(patience)

    async def _replace(self, err: EngineError, left: timedelta) -> None:
        """Put another engine in the place of the one that failed with `err`."""
        self._last_error = err
        hash_mb = self._engine.hash_mb
        await self._engine.close(_NO_PATIENCE)
        if self._is_fallback:
            self._engine = self._build(self._fallback)
            raise err
        if isinstance(err, _WORTH_A_RESTART) and self._restart_count < self._restarts:
            self._restart_count += 1
            self._spec = self._next_spec(hash_mb)
            patience = min(self._spec.start_timeout, max(left, LEAST_START))
            self._engine = self._build(replace(self._spec, start_timeout=patience))
        else:
            self._is_fallback = True
            self._engine = self._build(self._fallback)
        _LOGGER.warning("%s; next: %s", err, self._engine.name)

    def _next_spec(self, hash_mb: int | None) -> EngineSpec:
        if hash_mb is None or self._restart_count > 1:
            return self._spec
        return self._spec.with_option("Hash", max(1, hash_mb // 4))


def _since(began_s: float) -> timedelta:
    return timedelta(seconds=asyncio.get_running_loop().time() - began_s)


def _what_is_left(request: SearchRequest, waited: timedelta) -> SearchRequest:
    return SearchRequest(
        board=request.board,
        limit=limit_left(request.limit, request.board.turn, waited),
        deadline=max(request.deadline - waited, LEAST_SEARCH),
    )


def limit_left(limit: Limit, turn: chess.Color, waited: timedelta) -> Limit:
    """The same limit after `waited` of it has passed: less on the mover's clock, less to think."""
    waited_s = waited.total_seconds()

    def less(seconds: float | None) -> float | None:
        return None if seconds is None else max(0.001, seconds - waited_s)

    if turn == chess.WHITE:
        return replace(limit, white_clock=less(limit.white_clock), time=less(limit.time))
    return replace(limit, black_clock=less(limit.black_clock), time=less(limit.time))
