"""python-chess's protocols with bounds on an engine's output and time.

python-chess handles every line of output, at a cost quadratic in the lines of a chunk. Here one
regular expression picks the few useful lines of a chunk, only those reach python-chess, and an
engine that floods is killed. So no engine can block the event loop.

A `Deadline` ends a search from outside: `stop`, a grace period, then a kill. It costs one timer.
"""

import logging
import re
from abc import abstractmethod
from asyncio import BaseTransport, SubprocessTransport
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar, cast

import chess.engine
from chess.engine import BaseCommand, Option, PlayResult, Protocol
from typing_extensions import override

from engine import errors
from engine.errors import EngineDied, EngineError
from engine.interface import SearchRequest
from engine.process_tree import ProcessTree

MAX_LINE_BYTES = 4096
"""Longer lines are cut."""
MAX_LINES = 512
"""More useful lines in one chunk are a flood; engines have 20 to 150 options."""
FLOOD_BYTES_PER_S = 4 * 1024 * 1024
"""Verbose engines write some 10 kB a second."""

IDLE_LIMIT = timedelta(seconds=2)
"""An engine that searches computes or writes; on a machine that is far too busy at least a bit."""
LOOK_EVERY = timedelta(milliseconds=500)

_LOGGER = logging.getLogger(__name__)
_PROBES = {
    "uci": ("protover 2", re.compile(rb"\b(protover\b|feature \w+=)")),
    "xboard": ("isready", re.compile(rb"\b(isready|readyok)\b")),
}
"""Protocol -> a question in the other one that changes nothing; what only an answer to it holds."""
_DESCRIPTION = re.compile(r"\s*(?:option\s+(?:name\s+(.+?)\s+type\b)?|feature\b)")
_TAIL_BYTES = 512
_STDERR_SHARE = 16
"""Lines on stderr cost us a sixteenth of those on stdout; some engines log much at their start."""


class BoundedProtocol(Protocol):
    """A conversation with an engine that may write anything, at any rate.

    Attributes:
        failure: why we killed the process; None when we did not.
        process_tree: the process and its descendants; no descendant outlives the process.
        best_so_far: the move (UCI) that the latest search reported as best; empty without one.
        odd_options: those whose description makes no sense; set, they take any text.
    """

    stop_command: ClassVar[str]
    """Makes the engine move now."""
    target_config: Any
    """python-chess's: the values that the options have for all searches, defaults included."""

    def __init__(self) -> None:
        super().__init__()
        self.failure: EngineError | None = None
        self.process_tree = ProcessTree()
        self.best_so_far = ""
        self.odd_options: dict[str, Option] = {}
        self._probe = ("", "")
        self._unfinished = b""
        self._stdout_tail = b""
        self._stderr_tail = b""
        self._window_start_s = 0.0
        self._window_bytes = 0
        self._read_bytes = 0

    @abstractmethod
    def useful_lines(self, block: bytes) -> list[bytes]:
        """The lines of stdout that python-chess must see, in order."""

    @property
    def hash_mb(self) -> int | None:
        """The size of the hash table in MB; None when unknown."""
        return None

    @property
    def offered(self) -> Mapping[str, Option]:
        """The engine's options; UCI_Variant and UCI_Chess960 tell what it plays."""
        return self.options

    @abstractmethod
    async def begin_game(self) -> None:
        """Tells the engine that another game begins, and waits until it is ready."""

    @abstractmethod
    async def search(self, request: SearchRequest) -> PlayResult:
        """Lets the engine find a move; only the deadline of the request is left to the caller."""

    @override
    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.process_tree.add_root(cast("SubprocessTransport", transport).get_pid())

    @override
    def process_exited(self) -> None:
        super().process_exited()
        self.process_tree.refresh()
        self.process_tree.kill()  # a descendant would hold the pipes open and hide the end

    @override
    def send_line(self, line: str) -> None:
        if line == "ponderhit":
            _LOGGER.info("the opponent played what the engine pondered on")
        with suppress(RuntimeError):  # from uvloop, after the engine ended: reported elsewhere
            super().send_line(line)

    @override
    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        """Handles output: forwards complete lines of stdout, keeps the tail of stderr."""
        chunk = data if isinstance(data, bytes) else data.encode()
        self._read_bytes += len(chunk)
        cost = len(chunk) if fd == 1 else len(chunk) // _STDERR_SHARE
        if self.failure is not None or self._is_flood(cost):
            return
        if fd == 1:
            self._read_stdout(chunk)
        else:
            self._stderr_tail = (self._stderr_tail + chunk)[-_TAIL_BYTES:]
        label, protocol = self._probe
        if protocol and not self.initialized and _PROBES[protocol][1].search(chunk):
            said, late = self.last_output(), errors.started_late
            self.terminate(late(label, None, said, said_hello=False, protocol=protocol))

    def probe(self, label: str, protocol: str) -> None:
        """Asks a silent program in the other protocol; an answer to that ends it.

        A slow engine answers our greeting first.
        """
        if self.command is not None and not self.initialized:
            self._probe = label, protocol
            self.send_line(_PROBES[protocol][0])

    def _read_stdout(self, chunk: bytes) -> None:
        self._stdout_tail = (self._stdout_tail + chunk)[-_TAIL_BYTES:]
        pending = self._unfinished + chunk
        end = pending.rfind(b"\n") + 1
        self._unfinished = pending[end : end + MAX_LINE_BYTES]
        self._forward(self.useful_lines(pending[:end]))

    def _forward(self, lines: list[bytes]) -> None:
        if len(lines) > MAX_LINES:
            self._terminate_flood()
            return
        for line in lines:
            super().pipe_data_received(1, line + b"\n")

    @override
    def _line_received(self, line: str) -> None:
        described = None if self.initialized else _DESCRIPTION.match(line)
        if described is None or self.command is None:
            super()._line_received(line)
            return
        try:
            self.command.line_received(line)
        except (chess.engine.EngineError, ValueError, LookupError):  # not a reason to refuse it
            name = described[1] or line.strip()[:80]
            self.odd_options[name] = Option(name, "string", None, None, None, None)

    def _is_flood(self, cost: int) -> bool:
        now_s = self.loop.time()
        if now_s - self._window_start_s > 1:
            self._window_start_s, self._window_bytes = now_s, 0
        self._window_bytes += cost
        if self._window_bytes <= FLOOD_BYTES_PER_S:
            return False
        self._terminate_flood()
        return True

    def _terminate_flood(self) -> None:
        self.terminate(EngineDied("the engine flooded us with output, and was killed"))

    def terminate(self, failure: EngineError) -> None:
        """Kills the process now; pending searches raise `failure`. The first failure stays."""
        self.failure = self.failure or failure
        if self.transport is not None:
            self.process_tree.refresh()
            with suppress(ProcessLookupError):
                self.transport.close()  # kills the process that we started
            self.process_tree.kill()

    def progress(self) -> tuple[int, float]:
        """What grows while the engine does anything: its output in bytes, its CPU time in s."""
        return self._read_bytes, self.process_tree.cpu_s()

    def last_output(self) -> str:
        """What the engine wrote at last: on stdout, then on stderr."""
        return b"\n".join([self._stdout_tail, self._stderr_tail]).decode(errors="replace")


class Deadline:
    """Enforces the time of a search, from its creation until `cancel`.

    An engine that hangs is killed earlier: it neither writes nor computes for `IDLE_LIMIT`.

    Args:
        protocol: the conversation in which a search is about to start.
        label: the engine's name in error messages.
        after: the time until `stop` is sent.
        grace: from `stop` until the process is killed.
        may_idle: whether the engine may wait for something else for long.
    """

    def __init__(
        self,
        protocol: BoundedProtocol,
        label: str,
        after: timedelta,
        grace: timedelta,
        *,
        may_idle: bool = False,
    ) -> None:
        self._protocol = protocol
        self._label = label
        self._after = after
        self._grace = grace
        self._timer = protocol.loop.call_later(after.total_seconds(), self._stop)
        self._seen: tuple[int, float] | None = None
        self._idle = timedelta(0)
        self._watch = protocol.loop.call_later(LOOK_EVERY.total_seconds(), self._look)
        if may_idle:
            self._watch.cancel()

    def cancel(self) -> None:
        """Stops the timers: the search is over."""
        self._timer.cancel()
        self._watch.cancel()

    def abandon(self) -> None:
        """Kills the engine unless it stops in time; python-chess tells it to stop."""
        self._protocol.next_command = None  # if it waits: python-chess would stumble over it
        self._protocol.loop.call_later(
            self._grace.total_seconds(), self._terminate_if_running, self._protocol.command
        )

    def _look(self) -> None:
        before, self._seen = self._seen, self._protocol.progress()
        self._idle = self._idle + LOOK_EVERY if self._seen == before else timedelta(0)
        if self._idle >= IDLE_LIMIT:
            self._protocol.terminate(errors.idle(self._label, IDLE_LIMIT))
        else:
            self._watch = self._protocol.loop.call_later(LOOK_EVERY.total_seconds(), self._look)

    def _stop(self) -> None:
        self._timer = self._protocol.loop.call_later(self._grace.total_seconds(), self._terminate)
        self._protocol.send_line(self._protocol.stop_command)

    def _terminate(self) -> None:
        said = self._protocol.last_output()
        self._protocol.terminate(errors.hung(self._label, self._after, self._grace, said))

    def _terminate_if_running(self, command: BaseCommand[Any] | None) -> None:
        if command is not None and self._protocol.command is command:
            self._terminate()
