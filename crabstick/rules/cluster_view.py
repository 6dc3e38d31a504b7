"""The WorkerSet's input when it decides: games, actors, nodes, and the owner's wishes.

Moments are `timedelta` on one monotonic clock.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final

from crabstick.rules.lichess_types import ActorName, GameId, NodeId

ID_DIGITS: Final = 12
"""People see this many digits of a node's id."""


class ActorPhase(Enum):
    """What an EngineActor is doing, as far as the WorkerSet knows."""

    STARTING = "starting"
    STANDBY = "standby"
    PLAYING = "playing"
    ENDING = "ending"  # its game is over, or went to another actor


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedGame:
    """A game that Lichess says is running.

    Attributes:
        urgency: the time left on our clock; None without a clock, or on the opponent's turn.
        deaths: how many actors died over the game.
        is_fresh: whether the game never had an actor. Such a game loses nothing by waiting, since
            the clocks start with the second move.
    """

    id: GameId
    urgency: timedelta | None = None
    deaths: int = 0
    is_fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorView:
    """One live EngineActor.

    Attributes:
        epoch: orders the actors that a game has had.
        is_suspect: whether the actor is silent, or late with its start.
        leaves_in: the time within which it was asked to hand its game over; None if it was not.
        time_left: our clock in its game, by its last report; None without a clock.
        is_unreported: whether it is older than this WorkerSet and has not reported its game yet.
    """

    name: ActorName
    phase: ActorPhase
    node: NodeId | None = None
    game: GameId | None = None
    epoch: int = 0
    is_suspect: bool = False
    leaves_in: timedelta | None = None
    time_left: timedelta | None = None
    is_unreported: bool = False

    @property
    def is_leaving(self) -> bool:
        """Whether the actor was asked to hand its game over."""
        return self.leaves_in is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterNode:
    """A living node as Ray's GCS knows it.

    Attributes:
        names: its address, host name and the name given to `ray start`, without repetition.
        memory_mb: what Ray may give to actors there, in MiB.
        slots: how many EngineActors the empty node holds.
        free_slots: how many more EngineActors Ray would start there now.
        drains_in: the time until everything on the node is ended; None for a node that stays.
        is_doubtful: whether an actor there was lost and none there has answered since. Ray takes up
            to a minute to call a node dead; meanwhile actors go to other nodes if they can.
    """

    id: NodeId
    names: tuple[str, ...] = ()
    group: str = ""
    is_head: bool = False
    cpus: float = 0
    memory_mb: float = 0
    slots: int = 0
    free_slots: int = 0
    drains_in: timedelta | None = None
    is_doubtful: bool = False

    @property
    def is_draining(self) -> bool:
        """Whether the node is to be emptied."""
        return self.drains_in is not None

    def __str__(self) -> str:
        """The node as people see it."""
        return f"{self.id[:ID_DIGITS]} ({', '.join(self.names)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What runs where; `last_game_start` is None before the first game."""

    actors: tuple[ActorView, ...]
    nodes: tuple[ClusterNode, ...]
    last_game_start: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """How many actors stand by, and how many takeovers a game may cost."""

    standby: int
    max_takeovers: int
