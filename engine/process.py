"""One engine process: started when needed, bounded by a deadline from outside, always reaped.

Wraps python-chess's UCI conversation (never re-implements it) with what it lacks: a deadline that
ends in a kill, a legality check, and errors with sentences. A search costs one timer more than
python-chess itself: no task, no process call, no log line.

The engine leaves by itself when its stdin ends, so it also goes when our process is killed. One
that ignores that end is left to Ray, which kills the actor's whole process group. When we end it,
or it ends by itself, whatever it started ends too: see `processes.py`.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Self

import chess
import chess.engine

from engine import diagnosis
from engine.bounded_uci import BoundedUci
from engine.deadline import Deadline
from engine.errors import (
    EngineDied,
    EngineError,
    IllegalMove,
    NotAnEngine,
)
from engine.launch import bound_memory, command_line
from engine.options import accepted_options, refuse_unknown_chess
from engine.port import QUIT_PATIENCE, Engine
from engine.search_command import SearchCommand
from engine.spec import EngineSpec, SearchRequest, SearchResult

__all__ = ["QUIT_PATIENCE", "STOP_GRACE", "Engine", "UciEngine", "check"]

STOP_GRACE = timedelta(milliseconds=250)
"""How long an engine may take from `stop` to its move."""


class UciEngine:
    """One process that speaks UCI; `async with` opens and closes it.

    Args:
        spec: what to start.
        stop_grace: from `stop` at the deadline until the process is killed.
    """

    def __init__(self, spec: EngineSpec, *, stop_grace: timedelta = STOP_GRACE) -> None:
        self._spec = spec
        self._stop_grace = stop_grace
        self._open: BoundedUci | None = None
        self._latest: BoundedUci | None = None

    @property
    def name(self) -> str:
        """What the engine calls itself; before it was started, what the user calls it."""
        told = self._latest.id.get("name") if self._latest else None
        return told or self._spec.label

    @property
    def hash_mb(self) -> int | None:
        """The value of its option Hash, in MB; None when it has none or was not started."""
        value = self._latest.config.get("Hash") if self._latest else None
        return value if isinstance(value, int) else None

    @property
    def pid(self) -> int | None:
        """The process, dead or alive; None when there was none yet."""
        transport = self._latest.transport if self._latest else None
        return transport.get_pid() if transport else None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Start the process and make it ready for a search; does nothing when it is open.

        Raises:
            EngineNotFound: there is no such program.
            EngineNotExecutable: it cannot run here.
            NotAnEngine: it does not speak UCI.
            BadOption: it lacks an option of the spec.
            EngineDied: it ended after it said `uciok`.
            EngineHung: it said `uciok`, but was not ready in time.
        """
        if self._open is None:
            await self._opened()

    async def _opened(self) -> BoundedUci:
        self._latest = None
        try:
            self._open = await self._started()
        except (TimeoutError, chess.engine.EngineError) as err:
            raise self._start_error(err) from err
        finally:
            if self._open is None:
                await self.close(timedelta(0))
        return self._open

    async def _started(self) -> BoundedUci:
        spec = self._spec
        command = command_line(spec)
        async with asyncio.timeout(spec.start_timeout.total_seconds()):
            try:
                transport, protocol = await BoundedUci.popen(command)
            except OSError as err:
                raise diagnosis.cannot_execute(spec.label, str(err)) from err
            self._latest = protocol
            bound_memory(transport.get_pid(), spec.memory_limit_mb)
            await protocol.initialize()
            options = accepted_options(spec.label, spec.options, protocol.options)
            await protocol.configure(options)
            # What python-chess would do before the first search: now, when nobody waits.
            protocol.send_line("ucinewgame")
            protocol.first_game = False
            await protocol.ping()
            protocol.processes.look()  # a wrapper's child, before the wrapper may be gone
        return protocol

    def _start_error(self, err: Exception) -> EngineError:
        label, protocol = self._spec.label, self._latest
        if protocol is None:
            return diagnosis.started_late(label, self._spec.start_timeout, "", said_uciok=False)
        said_uciok, words = protocol.initialized, protocol.last_words()
        if protocol.verdict:
            return protocol.verdict
        if isinstance(err, TimeoutError):
            timeout = self._spec.start_timeout
            return diagnosis.started_late(label, timeout, words, said_uciok=said_uciok)
        if protocol.returncode.done():
            code = protocol.returncode.result()
            return diagnosis.not_started(label, code, words, said_uciok=said_uciok)
        return NotAnEngine(f"'{label}' tells of an option that makes no sense: {err}")

    async def search(self, request: SearchRequest) -> SearchResult:
        """Find a move; opens the engine first when need be, at the cost of the deadline's accuracy.

        Cancelled, it tells the engine to stop; one that does not is ended, and opened anew by the
        next search.

        Raises:
            EngineDied: the process ended; the next search starts a new one.
            EngineHung: no move at the deadline, nor after `stop`; likewise.
            IllegalMove: the answer is no legal move here.
            UnsupportedGame: the engine does not know this kind of chess.
            EngineError: whatever `open` raises.
        """
        protocol = self._open or await self._opened()
        label, board = self._spec.label, request.board
        refuse_unknown_chess(label, board, protocol.options)
        began_s = protocol.loop.time()
        deadline = Deadline(protocol, label, request.deadline, self._stop_grace)
        try:
            played = await protocol.communicate(
                lambda open_protocol: SearchCommand(open_protocol, board, request.limit)
            )
        except asyncio.CancelledError:
            deadline.abandon()
            raise
        except chess.engine.EngineTerminatedError as err:
            raise await self._death(protocol) from err
        except chess.engine.EngineError as err:
            raise IllegalMove(f"the engine '{label}' played no legal move: {err}") from err
        finally:
            deadline.cancel()
        return self._result(played, protocol.loop.time() - began_s)

    async def _death(self, protocol: BoundedUci) -> EngineError:
        verdict = protocol.verdict or diagnosis.ended(
            self._spec.label, protocol.returncode.result(), protocol.last_words()
        )
        await self.close(timedelta(0))
        return verdict

    def _result(self, played: chess.engine.PlayResult, think_time_s: float) -> SearchResult:
        if not played.move:
            raise IllegalMove(f"the engine '{self._spec.label}' says that it has no move")
        score = played.info.get("score")
        return SearchResult(
            move=played.move,
            centipawns=score.relative.score() if score else None,
            mate_in=score.relative.mate() if score else None,
            depth=played.info.get("depth", 0),
            nodes=played.info.get("nodes", 0),
            think_time=timedelta(seconds=think_time_s),
            source="engine",
        )

    async def close(self, patience: timedelta = QUIT_PATIENCE) -> None:
        """End the process and reap it; a search in progress raises EngineDied.

        Args:
            patience: from `quit` until the kill; zero kills at once.
        """
        protocol, self._open = self._latest, None
        if protocol is None:
            return
        try:
            if patience and not protocol.returncode.done():
                protocol.send_line("quit")
                await _wait_end(protocol, patience)
        finally:
            protocol.condemn(EngineDied(f"the engine '{self._spec.label}' was closed"))
        await _wait_end(protocol, QUIT_PATIENCE)


async def _wait_end(protocol: BoundedUci, at_most: timedelta) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(at_most.total_seconds()):
            await asyncio.shield(protocol.returncode)


async def check(spec: EngineSpec) -> str:
    """Start the engine, let it play one move, end it; answer its name.

    Raises:
        EngineError: one sentence, what is wrong with the spec or the engine.
    """
    request = SearchRequest(
        board=chess.Board(),
        limit=chess.engine.Limit(time=0.1),
        deadline=timedelta(seconds=1),
    )
    async with UciEngine(spec) as engine:
        await engine.search(request)
        return engine.name
