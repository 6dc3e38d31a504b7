"""What the WorkerSet sees when it decides: games, actors, nodes, and what the owner wants of them.

Moments are `timedelta` on one monotonic clock.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final

from crabstick.rules.model import ActorName, GameId, NodeId

__all__ = [
    "ActorPhase",
    "ActorView",
    "Capacity",
    "ClusterNode",
    "NodeView",
    "Observed",
    "WantedGame",
]


SHORT: Final = 12
"""Digits of a node's id that people see."""


class ActorPhase(Enum):
    """What an EngineActor is doing, as far as the WorkerSet knows."""

    STARTING = "starting"
    STANDBY = "standby"
    PLAYING = "playing"
    ENDING = "ending"  # its game is over or was taken from it


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedGame:
    """A game that Lichess says is running.

    `urgency` is the time left on our clock, less being more urgent; None without a clock or when
    it is the opponent's turn. `deaths` counts the actors that died over it. `is_fresh`: it has had
    none, and loses nothing by waiting, for the clocks start with the second move.
    """

    id: GameId
    urgency: timedelta | None = None
    deaths: int = 0
    is_fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorView:
    """One live EngineActor; `epoch` orders the actors that a game has had.

    `is_suspect`: it is silent, or has not said that it is there for so long that it is not counted
    on. `leaves_in`: it was told to hand its game over within that time; None if it was not.
    `time_left` is our clock in its game, as it last told; None without one. `is_unheard`: it lived
    before us, and may play something.
    """

    name: ActorName
    phase: ActorPhase
    node: NodeId | None = None
    game: GameId | None = None
    epoch: int = 0
    is_suspect: bool = False
    leaves_in: timedelta | None = None
    time_left: timedelta | None = None
    is_unheard: bool = False

    @property
    def is_leaving(self) -> bool:
        """Whether it was told to hand its game over."""
        return self.leaves_in is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterNode:
    """A living node as Ray's GCS knows it.

    Attributes:
        names: its address, host name and the name that `ray start` was given, each once.
        memory_mb: what Ray may give to actors there, in MiB.
        slots: how many EngineActors the node holds when it is empty.
        drains_in: the time until its end; None unless it drains.
    """

    id: str
    names: tuple[str, ...] = ()
    group: str = ""
    is_head: bool = False
    cpus: float = 0
    memory_mb: float = 0
    slots: int = 0
    free_slots: int = 0
    drains_in: timedelta | None = None

    def __str__(self) -> str:
        """The node as people see it."""
        return f"{self.id[:SHORT]} ({', '.join(self.names)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """One Ray node; `free_slots` is how many more EngineActors Ray would start there now.

    `drains_in` is the time until everything on it is ended; None for a node that stays.
    `is_doubtful`: an actor on it was lost, and nobody there was heard since. Ray takes up to a
    minute to call a node dead; until then nothing is put there that has another place.
    """

    id: NodeId
    free_slots: int
    drains_in: timedelta | None = None
    is_doubtful: bool = False

    @property
    def is_draining(self) -> bool:
        """Whether it shall be emptied."""
        return self.drains_in is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What runs where; `last_game_start` is None before the first game."""

    actors: tuple[ActorView, ...]
    nodes: tuple[NodeView, ...]
    last_game_start: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """The owner's wishes: how many actors wait for a game, how many takeovers a game may cost."""

    standby: int
    max_takeovers: int
