"""What all engines share: specs, search requests and results, and the interface `Engine`.

No I/O here. Durations are `timedelta`, except inside python-chess's `Limit` (seconds).
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal, Protocol

import chess
from chess.engine import Limit

QUIT_PATIENCE = timedelta(seconds=1)
"""How long an engine may take to end after `quit`, and again after the kill."""

OptionValue = str | int | bool | None
"""The value of a UCI option; None presses a button."""

OUR_PYTHON = (sys.executable, "-P", "-m")
"""Starts a module of ours; `-P`: the working directory may hold an `engine.py` of its own."""
_SMALL: Mapping[str, OptionValue] = {"Hash": 16, "Threads": 1}
"""With these the bundled engine takes 116 MiB of private memory; each further thread takes 65."""

OnlineSource = Literal["chessdb", "lichess_cloud", "opening_explorer", "online_egtb"]
"""A server that is asked for moves; BotLi's words."""
Source = Literal["engine", "bundled", "last_resort", "book", "syzygy", "gaviota"] | OnlineSource
"""Who chose a move: the engine, the bundled fallback, we ourselves for lack of time, a file, or a
server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """How to start one engine.

    Attributes:
        command: the program and its arguments; a name without a slash is looked up in PATH.
        protocol: the language that the program speaks.
        working_dir: the folder in which the program starts; None means the program's own folder,
            and `.` means ours.
        env: environment variables, added to our own.
        options: the engine's options by name; the case of a name does not matter.
        ignore_unknown_options: whether an option that the engine lacks is only warned of.
        may_idle: whether it may wait for something else, such as a server, while it searches.
        niceness: added to our own niceness (0 to 19), so that busy engines do not starve the
            actors.
        start_timeout: from the start of the process until it is ready for a search.
        memory_limit_mb: limit of the private memory of the process, in MiB; None sets no limit.
            Set as RLIMIT_DATA, on Linux: unlike RLIMIT_AS it does not count mapped files, such as
            tablebases, nor reserved address space.
    """

    command: tuple[str, ...]
    protocol: Literal["uci", "xboard"] = "uci"
    working_dir: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    ignore_unknown_options: bool = False
    may_idle: bool = False
    niceness: int = 10
    start_timeout: timedelta = timedelta(seconds=60)
    memory_limit_mb: int | None = None

    @property
    def label(self) -> str:
        """The engine's name in error messages: its command, cut to 80 characters."""
        return " ".join(self.command).removeprefix(f"{' '.join(OUR_PYTHON)} engine.")[:80]

    def with_option(self, name: str, value: OptionValue) -> "EngineSpec":
        """The same spec with one option replaced, whatever the case of its name."""
        others = {key: old for key, old in self.options.items() if key.lower() != name.lower()}
        return replace(self, options={**others, name: value})


def bundled_spec(options: Mapping[str, OptionValue] | None = None) -> EngineSpec:
    """The spec of the bundled engine, run by this node's Python.

    `options` replace its own defaults, 16 MB of hash and one thread.
    """
    spec = EngineSpec(command=(*OUR_PYTHON, "engine.fairy"), working_dir=".", options=_SMALL)
    for name, value in (options or {}).items():
        spec = spec.with_option(name, value)
    return spec


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """One search.

    Attributes:
        board: the position with its moves; must not change during the search.
        limit: sent to the engine (clocks, nodes, depth, time).
        deadline: the time from now until the engine gets `stop`, whatever `limit` says.
        ponder: whether an engine that can may then search on, on the opponent's time.
        root_moves: the moves to choose from; empty for all. Only a request: XBoard has no word for
            it, and some UCI engines ignore it.
        options: set over those of the engine's spec; those that the engine lacks are only warned
            of. The next search or game without an option has its usual value again.
    """

    board: chess.Board
    limit: Limit
    deadline: timedelta
    ponder: bool = False
    root_moves: tuple[chess.Move, ...] = ()
    options: Mapping[str, OptionValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """A legal move and the engine's evaluation.

    Attributes:
        centipawns: from the view of the side to move; None for a mate, or without a score.
        mate_in: full moves until mate, negative when we are mated; None without a mate.
        depth: in plies; 0 when the engine reported none.
        nodes: positions searched; 0 when the engine reported none.
        think_time: from the request until the move.
    """

    move: chess.Move
    centipawns: int | None = None
    mate_in: int | None = None
    depth: int = 0
    nodes: int = 0
    think_time: timedelta = timedelta(0)
    source: Source


class Engine(Protocol):
    """Finds moves: `UciEngine`, `ResilientEngine`, or a script in tests."""

    @property
    def name(self) -> str:
        """The engine's own name; before its start, the label of its spec."""

    @property
    def hash_mb(self) -> int | None:
        """The size of the hash table; None when unknown."""

    @property
    def best_so_far(self) -> str:
        """The move (UCI) that the latest search reported as best; empty when it reported none."""

    async def open(self) -> None:
        """Starts the engine and makes it ready. Idempotent.

        Raises:
            EngineError: the engine cannot be started; another call tries again.
        """

    async def search(self, request: SearchRequest) -> SearchResult:
        """Finds a move, one request at a time; opens the engine first if needed.

        A cancelled search leaves the engine usable.

        Raises:
            EngineError: there is no move; after EngineDied and EngineHung there is no process.
        """

    def stop_pondering(self) -> None:
        """Has the engine stop its search on the opponent's time, if any; does not wait for that."""

    async def new_game(self) -> None:
        """Ends any search, tells the engine that another game begins, and waits for `readyok`.

        Raises:
            EngineError: it does not get ready; there is no process then.
        """

    async def close(self, patience: timedelta = QUIT_PATIENCE) -> None:
        """Sends `quit`, kills the engine after `patience`, and reaps it. Never raises or hangs."""


class EngineProcess(Engine, Protocol):
    """An engine that is one process: `UciEngine`, or a script in tests."""

    async def ended(self) -> None:
        """Returns when the process has ended, or if there is none."""
