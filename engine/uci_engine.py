"""One engine process: started when needed, bounded by an outside deadline, always reaped.

Adds to a protocol (UCI or XBoard) a deadline that ends in a kill, a legality check, and errors that
explain themselves.

An engine exits when its stdin closes, so it also exits when our process is killed. Ray kills an
engine that ignores the closed stdin, with the actor's process group. When an engine ends, its
descendants end too: see `ProcessTree`.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

import chess
import chess.engine

from engine import errors
from engine.bounded_protocol import BoundedProtocol, Deadline
from engine.bounded_uci import BoundedUci
from engine.bounded_xboard import BoundedXBoard
from engine.command_line import command_line, limit_memory
from engine.errors import (
    BadOption,
    EngineDied,
    EngineError,
    IllegalMove,
    NotAnEngine,
    ProcessEnd,
    UnsupportedGame,
)
from engine.interface import QUIT_PATIENCE, EngineSpec, OptionValue, SearchRequest, SearchResult
from engine.options import accepted_options

STOP_GRACE = timedelta(milliseconds=250)
"""How long an engine may take to move after `stop`."""

PROBE_AFTER = timedelta(seconds=5)
"""A check waits so long for an answer before it asks whether the other protocol is spoken."""

_PROTOCOLS: Mapping[str, type[BoundedProtocol]] = {"uci": BoundedUci, "xboard": BoundedXBoard}
_LOGGER = logging.getLogger(__name__)


class UciEngine:
    """One process that speaks UCI or XBoard; `async with` opens and closes it.

    Args:
        spec: the engine to start.
        stop_grace: from `stop` at the deadline until the process is killed.

    Attributes:
        warnings: what is odd about the engine or its options, though it plays.
    """

    def __init__(self, spec: EngineSpec, *, stop_grace: timedelta = STOP_GRACE) -> None:
        self.warnings: list[str] = []
        self._spec = spec
        self._label = spec.label
        self._stop_grace = stop_grace
        self._open: BoundedProtocol | None = None
        self._latest: BoundedProtocol | None = None
        self._usual: dict[str, chess.engine.ConfigValue] = {}
        self._for_game: Mapping[str, OptionValue] = {}

    @property
    def name(self) -> str:
        """The engine's own name; before its start, the label of its spec."""
        name = self._latest.id.get("name") if self._latest else None
        return name or self._label

    @property
    def hash_mb(self) -> int | None:
        """The value of the option Hash, in MB; None before the start, or without that option."""
        return self._latest.hash_mb if self._latest else None

    @property
    def offered(self) -> Mapping[str, chess.engine.Option]:
        """The options that the engine has; empty before its start."""
        return self._latest.offered if self._latest else {}

    @property
    def best_so_far(self) -> str:
        """The move (UCI) that the latest search reported as best; empty when it reported none."""
        return self._latest.best_so_far if self._latest else ""

    @property
    def pid(self) -> int | None:
        """The pid of the latest process, dead or alive; None before the first start."""
        transport = self._latest.transport if self._latest else None
        return transport.get_pid() if transport else None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Starts the process and makes it ready for a search; see `Engine`."""
        if self._open is None:
            await self._open_process()

    def probe(self) -> None:
        """Asks a program that has not answered yet whether it speaks the other protocol."""
        if self._latest is not None:
            self._latest.probe(self._label, self._spec.protocol)

    async def _open_process(self) -> BoundedProtocol:
        self._latest = None
        try:
            self._open = await self._start_process()
        except (TimeoutError, chess.engine.EngineError) as err:
            raise self._start_error(err) from err
        finally:
            if self._open is None:
                await self.close(timedelta(0))
        return self._open

    async def _start_process(self) -> BoundedProtocol:
        spec = self._spec
        command = command_line(spec)
        async with asyncio.timeout(spec.start_timeout.total_seconds()):
            try:
                transport, protocol = await _PROTOCOLS[spec.protocol].popen(
                    command.words, cwd=command.folder, env=command.environment
                )
            except (OSError, ValueError) as err:  # ValueError: a NUL in an argument
                raise errors.cannot_execute(self._label, str(err)) from err
            self._latest = protocol
            limit_memory(transport.get_pid(), spec.memory_limit_mb)
            await protocol.initialize()
            protocol.options.update(protocol.odd_options)
            options, self.warnings = accepted_options(spec, protocol.options)
            self.warnings += [
                f"the engine '{self._label}' describes its option '{name}' badly (left out)"
                for name in protocol.odd_options
                if name not in options
            ]
            await protocol.configure(options)
            self._usual, self._for_game = dict(protocol.target_config), {}
            await protocol.begin_game()
            protocol.process_tree.refresh()  # find a wrapper's child while the wrapper lives
        for warning in self.warnings:
            _LOGGER.warning(warning)
        return protocol

    def stop_pondering(self) -> None:
        """See `Engine`; an engine that does not stop is killed."""
        if self._open is not None and (search := self._open.command) is not None:
            stop = Deadline(self._open, self._label, timedelta(0), QUIT_PATIENCE, may_idle=True)
            search.add_finished_callback(stop.cancel)

    async def ended(self) -> None:
        """See `EngineProcess`."""
        if self._open is not None:
            await asyncio.shield(self._open.returncode)

    async def new_game(self) -> None:
        """Tells the engine that another game begins; see `Engine`."""
        self.stop_pondering()
        protocol = self._open
        if protocol is None:
            await self._open_process()
            return
        try:
            async with asyncio.timeout(self._spec.start_timeout.total_seconds()):
                await self._set_options(protocol, {})
                await protocol.begin_game()
        except TimeoutError:
            await self.close(timedelta(0))
            raise errors.late_for_game(self._label, self._spec.start_timeout) from None
        except chess.engine.EngineError as err:
            raise await self._process_failure(protocol) from err

    async def _set_options(
        self, protocol: BoundedProtocol, options: Mapping[str, OptionValue]
    ) -> None:
        """Sets options for a game, and all others to their usual values."""
        if options == self._for_game:
            return
        spec = replace(self._spec, options=options, ignore_unknown_options=True)
        try:
            accepted, warnings = accepted_options(spec, protocol.options)
        except BadOption as err:
            accepted, warnings = {}, [f"{err} (ignored)"]
        for warning in warnings:
            _LOGGER.warning(warning)
        await protocol.configure({**self._usual, **accepted})  # sends what differs
        await protocol.ping()
        self._for_game = options

    def _start_error(self, err: Exception) -> EngineError:
        label, protocol = self._label, self._latest
        timeout = self._spec.start_timeout
        if protocol is None:
            return errors.started_late(label, timeout, "", said_hello=False)
        said_hello, language = protocol.initialized, self._spec.protocol
        if protocol.failure:
            return protocol.failure
        if isinstance(err, TimeoutError):
            said = protocol.last_output()
            return errors.started_late(
                label, timeout, said, said_hello=said_hello, protocol=language
            )
        if protocol.returncode.done():
            end = self._end_of(protocol)
            return errors.not_started(label, end, said_hello=said_hello, protocol=language)
        return NotAnEngine(f"'{label}' is not an engine that crabstick can use: {err}")

    def _end_of(self, protocol: BoundedProtocol) -> ProcessEnd:
        code, said = protocol.returncode.result(), protocol.last_output()
        return ProcessEnd(code, said, self._spec.memory_limit_mb)

    async def search(self, request: SearchRequest) -> SearchResult:
        """Finds a move; opens the engine first if needed, which does not count for the deadline.

        When cancelled, tells the engine to stop. An engine that does not stop is killed; the next
        search starts a new one.

        Raises:
            EngineDied, EngineHung: there is no process; the next search starts a new one.
            IllegalMove: the engine's move is not legal.
            UnsupportedGame: the engine does not play this variant.
            EngineError: any error of `open`.
        """
        protocol = self._open or await self._open_process()
        label, board = self._label, request.board
        check_variant(label, board, protocol.offered)
        began_s = protocol.loop.time()
        deadline = Deadline(
            protocol, label, request.deadline, self._stop_grace, may_idle=self._spec.may_idle
        )
        try:
            await self._set_options(protocol, request.options)
            played = await protocol.search(request)
        except asyncio.CancelledError:
            deadline.abandon()
            raise
        except chess.engine.EngineTerminatedError as err:
            raise await self._process_failure(protocol) from err
        except chess.engine.EngineError as err:
            raise IllegalMove(f"the engine '{label}' played no legal move: {err}") from err
        finally:
            deadline.cancel()
        return self._result(played, protocol.loop.time() - began_s)

    async def _process_failure(self, protocol: BoundedProtocol) -> EngineError:
        failure = protocol.failure or errors.ended(self._label, self._end_of(protocol))
        await self.close(timedelta(0))
        return failure

    def _result(self, played: chess.engine.PlayResult, think_time_s: float) -> SearchResult:
        if not played.move:
            raise IllegalMove(f"the engine '{self._label}' says that it has no move")
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
        """Ends the process and reaps it; a search in progress raises EngineDied.

        Args:
            patience: from `quit` until the kill; zero kills at once.
        """
        protocol, self._open = self._latest, None
        if protocol is None:
            return
        try:
            if patience and not protocol.returncode.done():
                protocol.send_line("quit")
                await _wait_for_exit(protocol, patience)
        finally:
            protocol.terminate(EngineDied(f"the engine '{self._label}' was closed"))
        await _wait_for_exit(protocol, QUIT_PATIENCE)


async def _wait_for_exit(protocol: BoundedProtocol, at_most: timedelta) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(at_most.total_seconds()):
            await asyncio.shield(protocol.returncode)


def check_variant(
    label: str, board: chess.Board, offered: Mapping[str, chess.engine.Option]
) -> None:
    """Checks that the engine plays the board's variant.

    Raises:
        UnsupportedGame: the engine does not offer this variant, or Chess960.
    """
    variant = type(board).uci_variant or "chess"
    known = offered["UCI_Variant"].var or () if "UCI_Variant" in offered else ("chess",)
    if variant not in known:
        raise UnsupportedGame(f"the engine '{label}' does not play the variant '{variant}'")
    if board.chess960 and "UCI_Chess960" not in offered:
        raise UnsupportedGame(f"the engine '{label}' does not play Chess960")


@dataclass(frozen=True, slots=True)
class TriedEngine:
    """An engine that played a move; `offered` are its options."""

    name: str
    offered: Mapping[str, chess.engine.Option]
    warnings: tuple[str, ...] = ()

    def plays(self, board: chess.Board) -> bool:
        """Whether the engine plays the board's variant."""
        try:
            check_variant(self.name, board, self.offered)
        except UnsupportedGame:
            return False
        return True


async def check(spec: EngineSpec) -> TriedEngine:
    """Starts the engine, has it play one move, and ends it.

    Raises:
        EngineError: one sentence on what is wrong with the spec or the engine.
    """
    limit = chess.engine.Limit(time=0.1)
    request = SearchRequest(board=chess.Board(), limit=limit, deadline=spec.start_timeout)
    engine = UciEngine(spec)
    probing = asyncio.get_running_loop().call_later(PROBE_AFTER.total_seconds(), engine.probe)
    try:
        await engine.search(request)
        return TriedEngine(engine.name, engine.offered, tuple(engine.warnings))
    finally:
        probing.cancel()
        await engine.close()
