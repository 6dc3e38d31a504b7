"""The words of the engine package, as frozen values: what to start, what to ask, what came back.

No I/O here. Durations are `timedelta`, except inside python-chess's `Limit` (seconds).
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal

import chess
from chess.engine import Limit

__all__ = ["EngineSpec", "OptionValue", "SearchRequest", "SearchResult", "Source", "embedded_spec"]

OptionValue = str | int | bool | None
"""A UCI option's value; None presses a button."""

Source = Literal["engine", "embedded"]
"""Who chose a move: the engine that was asked for, or the fallback in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """How to start one UCI engine.

    Attributes:
        command: the program and its arguments; a name without a slash is looked up in PATH.
        options: UCI options by name; the case of a name does not matter.
        niceness: how much nicer than us the engine runs (0 to 19), so that busy engines never
            starve the actors.
        start_timeout: from the start of the process until it is ready for a search.
        memory_limit_mb: bound of the private memory of the process, in MiB; None sets no bound.
            It is RLIMIT_DATA, set from outside on Linux: unlike RLIMIT_AS it leaves alone what is
            mapped but not the engine's own, such as tablebases and reserved address space.
    """

    command: tuple[str, ...]
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    niceness: int = 10
    start_timeout: timedelta = timedelta(seconds=10)
    memory_limit_mb: int | None = None

    @property
    def label(self) -> str:
        """What error messages call this engine: its command, cut to 80 characters."""
        return " ".join(self.command)[:80]

    def with_option(self, name: str, value: OptionValue) -> "EngineSpec":
        """The same spec with one option replaced, however its name was written before."""
        others = {key: old for key, old in self.options.items() if key.lower() != name.lower()}
        return replace(self, options={**others, name: value})


def embedded_spec(options: Mapping[str, OptionValue] | None = None) -> EngineSpec:
    """The engine that crabstick brings along, run by this node's own Python."""
    return EngineSpec(command=(sys.executable, "-m", "engine.embedded"), options=options or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """One question to an engine.

    Attributes:
        board: the position with its moves; nobody may change it until the answer is there.
        limit: what the engine is told (clocks, nodes, depth, time).
        deadline: from now; the engine is told to stop then, whatever `limit` says.
    """

    board: chess.Board
    limit: Limit
    deadline: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """A legal move, and what the engine thinks of it.

    Attributes:
        centipawns: from the view of the side to move; None when a mate or nothing was told.
        mate_in: full moves until mate, negative when we are mated; None without a mate.
        depth: plies, 0 when not told.
        nodes: positions searched, 0 when not told.
        think_time: from the request until the move.
    """

    move: chess.Move
    centipawns: int | None
    mate_in: int | None
    depth: int
    nodes: int
    think_time: timedelta
    source: Source
