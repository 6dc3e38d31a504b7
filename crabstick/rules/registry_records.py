"""The registry's records, one for each game and each EngineActor, and its events.

Moments are `timedelta` on one monotonic clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from crabstick.rules.cluster_view import ActorPhase
from crabstick.rules.lichess_types import ActorName, GameId, NodeId


@dataclass(frozen=True, slots=True, kw_only=True)
class GameRecord:
    """A game that runs on Lichess.

    Attributes:
        urgency: our clock while it is our turn; None otherwise, or without a clock.
        epoch: the epoch of the latest actor; 0 before the first.
        takeovers: how often the game went from one actor to another after a failure.
        deaths: takeovers after a death; a busy machine makes actors silent without killing them.
        our_turn_at_ply: the actor's ply when Lichess last listed the game as our turn.
        finished_at: when Lichess said that the game is over.
    """

    id: GameId
    opponent: str = ""
    speed: str = ""
    urgency: timedelta | None = None
    epoch: int = 0
    takeovers: int = 0
    deaths: int = 0
    our_turn_at_ply: int | None = None
    finished_at: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineReport:
    """An EngineActor's report about itself.

    Attributes:
        ply: the ply of its game.
        time_left: our clock in its game; None without one.
        progress: further figures for people, which the registry only keeps.
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
        serial: counts the actors; names are reused, serials are not.
        since: when the actor entered its phase.
        last_seen: when the actor last answered.
        is_adopted: whether the actor is older than this WorkerSet, and may play a game.
        was_assigned: whether this WorkerSet, not an earlier one, gave the actor its game.
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
        """Whether the actor may play a game that it has not reported yet."""
        return self.is_adopted and self.phase is ActorPhase.STARTING


@dataclass(frozen=True, slots=True, kw_only=True)
class GameTakenOver:
    """A game lost its actor and needs another one."""

    game: GameRecord
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorLost:
    """An actor is gone unexpectedly."""

    engine: EngineRecord
    why: str


Event = GameTakenOver | ActorLost
