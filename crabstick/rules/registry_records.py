"""What the registry holds: one record for each game and each EngineActor, and what can happen.

Moments are `timedelta` on one monotonic clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from crabstick.rules.cluster_view import ActorPhase
from crabstick.rules.model import ActorName, GameId, NodeId

__all__ = ["EngineLost", "EngineRecord", "EngineReport", "Event", "GameRecord", "GameTakenOver"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GameRecord:
    """A game that runs on Lichess.

    Attributes:
        urgency: our clock while it is our turn; None otherwise, or without a clock.
        epoch: that of the game's latest actor; 0 before the first.
        takeovers: how many actors lost the game to another one.
        deaths: takeovers after a death; a busy machine makes actors silent without killing them.
        called_at_ply: where the actor stood when Lichess last called it our turn.
        finished_at: when Lichess said that the game is over.
    """

    id: GameId
    opponent: str = ""
    speed: str = ""
    urgency: timedelta | None = None
    epoch: int = 0
    takeovers: int = 0
    deaths: int = 0
    called_at_ply: int | None = None
    finished_at: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineReport:
    """What an EngineActor says of itself.

    Attributes:
        ply: of its game.
        time_left: our clock in its game; None without one.
        progress: the rest, for people; the registry only keeps it.
    """

    node: NodeId
    phase: ActorPhase
    game: GameId | None = None
    epoch: int = 0
    takeovers: int = 0
    deaths: int = 0
    problem: str = ""
    lacks_engine: bool = False
    ply: int = 0
    time_left: timedelta | None = None
    progress: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRecord:
    """One EngineActor.

    Attributes:
        serial: counts the actors; a name may come back, a serial does not.
        since: when the actor entered its phase.
        heard: when the actor last answered.
        is_adopted: whether the actor lived before this WorkerSet, and may play something.
        was_assigned: whether this WorkerSet gave the actor its game, and not one before it.
        leave_by: when the actor hands its game over at the latest; None unless it was asked to.
    """

    name: ActorName
    serial: int
    phase: ActorPhase = ActorPhase.STARTING
    since: timedelta
    last_seen: timedelta
    node: NodeId | None = None
    game: GameId | None = None
    epoch: int = 0
    is_adopted: bool = False
    was_assigned: bool = False
    is_suspect: bool = False
    leave_by: timedelta | None = None
    problem: str = ""
    lacks_engine: bool = False
    ply: int = 0
    time_left: timedelta | None = None
    progress: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_unreported(self) -> bool:
        """Whether the actor may play something, and has not said what."""
        return self.is_adopted and self.phase is ActorPhase.STARTING


@dataclass(frozen=True, slots=True, kw_only=True)
class GameTakenOver:
    """An actor lost its game; another one gets it."""

    game: GameRecord
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLost:
    """An actor is gone that was not meant to go."""

    engine: EngineRecord
    why: str


Event = GameTakenOver | EngineLost
