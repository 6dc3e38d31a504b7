"""The WorkerSet's input when it decides: games, actors, nodes, and the owner's wishes.

`registry` keeps the records of games and actors; `observation` adds the nodes. Moments are
`timedelta` on one monotonic clock.
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import Enum
from types import MappingProxyType
from typing import Final

from crabstick.errors import InvariantBroken
from crabstick.rules.lichess_types import ActorName, GameId, NodeId

ROUNDING: Final = 1e-6
"""The remainder of decimal fractions, which Ray counts in units of 0.0001, is a bit too small."""
ID_DIGITS: Final = 12
"""People see this many digits of a node's id."""


DEFAULT_ENGINE: Final = "default"
"""The engine for all games that no key of the settings fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What an EngineActor asks of its node.

    Attributes:
        resources: amounts by Ray's names (`CPU`, `memory` in bytes, `GPU`, or the owner's own).
        labels: of the node.
        engine_start: how long its engine may take to get ready.
    """

    resources: Mapping[str, float]
    labels: Mapping[str, str] = field(default_factory=dict)
    engine_start: timedelta = timedelta(0)

    def __str__(self) -> str:
        """The demand in words: `1 CPUs and 256 MB`."""
        units = {"CPU": "CPUs", "GPU": "GPUs"}
        *most, last = [
            f"{amount // 2**20:g} MB" if name == "memory" else f"{amount:g} {units.get(name, name)}"
            for name, amount in self.resources.items()
        ] + [f"label {name}={value}" for name, value in self.labels.items()]
        return f"{', '.join(most)} and {last}" if most else last

    def slots(self, resources: Mapping[str, float], labels: Mapping[str, str]) -> int:
        """How many such actors fit on a node with these resources and labels."""
        if any(labels.get(name) != value for name, value in self.labels.items()):
            return 0
        shares = (
            resources.get(name, 0.0) / need + (0 if name == "memory" else ROUNDING)
            for name, need in self.resources.items()
        )
        return max(math.floor(min(shares)), 0)

    def had_by(self, total: Mapping[str, float], labels: Mapping[str, str]) -> "Demand":
        """What a node has of all that is asked for."""
        has = {name: total.get(name, 0) for name in self.resources}
        return Demand(resources=has, labels={name: labels.get(name, "") for name in self.labels})

    def left_of(self, resources: Mapping[str, float], count: int = 1) -> dict[str, float]:
        """The resources that `count` such actors leave."""
        return {name: has - count * self.resources.get(name, 0) for name, has in resources.items()}


class ActorPhase(Enum):
    """An EngineActor starts, stands by and plays, one game after another, and ends."""

    STARTING = "starting"
    STANDBY = "standby"
    PLAYING = "playing"
    ENDING = "ending"  # its game is over, or went to another actor


class LifeEvent(Enum):
    """What happens to an EngineActor."""

    WARM = "warm"  # engine and connection are ready, or have failed for good
    ASSIGNED = "assigned"  # the WorkerSet gave it a game, perhaps before it was warm
    RELEASED = "released"  # its game is over, and it waits for another one
    DONE = "done"  # its work is over, however it ended


TRANSITIONS: Final[Mapping[tuple[ActorPhase, LifeEvent], ActorPhase]] = MappingProxyType(
    {
        (ActorPhase.STARTING, LifeEvent.WARM): ActorPhase.STANDBY,
        (ActorPhase.STARTING, LifeEvent.ASSIGNED): ActorPhase.PLAYING,
        (ActorPhase.STARTING, LifeEvent.DONE): ActorPhase.ENDING,
        (ActorPhase.STANDBY, LifeEvent.ASSIGNED): ActorPhase.PLAYING,
        (ActorPhase.PLAYING, LifeEvent.WARM): ActorPhase.PLAYING,
        (ActorPhase.PLAYING, LifeEvent.RELEASED): ActorPhase.STANDBY,
        (ActorPhase.STANDBY, LifeEvent.DONE): ActorPhase.ENDING,
        (ActorPhase.PLAYING, LifeEvent.DONE): ActorPhase.ENDING,
    }
)


def next_phase(phase: ActorPhase, event: LifeEvent) -> ActorPhase:
    """The phase after `event`.

    Raises:
        InvariantBroken: the event cannot happen in this phase.
    """
    try:
        return TRANSITIONS[phase, event]
    except KeyError:
        raise InvariantBroken(f"an actor that is {phase.value} cannot be {event.value}") from None


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
        engine: the name of the engine that plays it.
    """

    id: GameId
    opponent: str = ""
    speed: str = ""
    engine: str = ""
    urgency: timedelta | None = None
    epoch: int = 0
    takeovers: int = 0
    deaths: int = 0
    our_turn_at_ply: int | None = None
    finished_at: timedelta | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether no actor has had the game yet. It can wait: clocks start with the second move."""
        return not self.epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineReport:
    """An EngineActor's report about itself.

    Attributes:
        fingerprint: of its code and settings.
        ply: the ply of its game.
        time_left: our clock in its game; None without one.
        progress: further figures for people, which the registry only keeps.
    """

    node: NodeId
    phase: ActorPhase
    engine: str = DEFAULT_ENGINE
    game: GameId | None = None
    epoch: int = 0
    takeovers: int = 0
    deaths: int = 0
    fingerprint: str = ""
    problem: str = ""
    lacks_engine: bool = False
    ply: int = 0
    time_left: timedelta | None = None
    progress: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRecord:
    """One EngineActor.

    Attributes:
        serial: counts the turns of all actors: an actor gets another one after each game, so that
            late news of an earlier game is told from news of this one.
        since: when the actor entered its phase.
        last_seen: when the actor last answered.
        epoch: orders the actors that a game has had.
        is_adopted: whether the actor is older than this WorkerSet, and may play a game.
        is_suspect: whether the actor is silent, or late with its start.
        was_assigned: whether this WorkerSet, not an earlier one, gave the actor its game.
        time_left: our clock in its game, by its last report; None without a clock.
        leave_by: when the actor hands its game over at the latest; None unless it was asked to.
        fingerprint: of its code and settings; empty before its first report.
    """

    name: ActorName
    serial: int
    phase: ActorPhase = ActorPhase.STARTING
    since: timedelta
    last_seen: timedelta
    engine: str = DEFAULT_ENGINE
    node: NodeId | None = None
    game: GameId | None = None
    epoch: int = 0
    is_adopted: bool = False
    was_assigned: bool = False
    is_suspect: bool = False
    leave_by: timedelta | None = None
    fingerprint: str = ""
    problem: str = ""
    lacks_engine: bool = False
    ply: int = 0
    time_left: timedelta | None = None
    progress: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_leaving(self) -> bool:
        """Whether the actor was asked to hand its game over."""
        return self.leave_by is not None

    @property
    def is_unreported(self) -> bool:
        """Whether the actor may play a game that it has not reported yet."""
        return self.is_adopted and self.phase is ActorPhase.STARTING


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterNode:
    """A living node as Ray's GCS knows it.

    Attributes:
        names: its address, host name and the name given to `ray start`, without repetition.
        cpus: what Ray may give to actors there; on one machine they count slots, not cores.
        cores: how many processes run there at the same time.
        slots: how many EngineActors the empty node holds.
        free_slots: how many more EngineActors Ray would start there now.
        total, free, labels: all of its resources, those that Ray would still give, and its labels.
        drains_in: the time until everything on the node is ended; None for a node that stays.
        is_doubtful: whether an actor there was lost or fell silent, and none there has answered
            since. Ray takes up to a minute to call a node dead; meanwhile actors go to other nodes
            if they can.
        is_rare: whether it has a GPU that such actors do not need. Ray avoids such nodes, too.
        neighbours: how many actors of other engines are there.
    """

    id: NodeId
    names: tuple[str, ...] = ()
    group: str = ""
    is_head: bool = False
    cpus: float = 0
    cores: float = 0
    slots: int = 0
    free_slots: int = 0
    total: Mapping[str, float] = field(default_factory=dict)
    free: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    drains_in: timedelta | None = None
    is_doubtful: bool = False
    is_rare: bool = False
    neighbours: int = 0

    @property
    def is_draining(self) -> bool:
        """Whether the node is to be emptied."""
        return self.drains_in is not None

    def seen_by(self, demand: Demand) -> "ClusterNode":
        """The node with the slots that it has for such actors."""
        return replace(
            self,
            slots=demand.slots(self.total, self.labels),
            free_slots=demand.slots(self.free, self.labels),
            is_rare=bool(self.total.get("GPU")) and "GPU" not in demand.resources,
        )

    def __str__(self) -> str:
        """The node as people see it."""
        return f"{self.id[:ID_DIGITS]} ({', '.join(self.names)})"


def asked(engine: str, demand: Demand) -> str:
    """What a game of an engine asks for, and which keys of the settings say so."""
    default = "a game asks for (cluster.slot_cpus, cluster.slot_memory_mb)"
    return f"{demand} that {default if engine == DEFAULT_ENGINE else f'engines.{engine} asks for'}"


def unplaced(
    demands: Mapping[str, Demand], nodes: Collection[ClusterNode], what: str = "node"
) -> str:
    """Which engines fit none of the nodes, and what the nodes have; empty when all fit."""
    sentences = []
    for name, demand in demands.items():
        if not any(demand.slots(node.total, node.labels) for node in nodes):
            kinds = Counter(str(demand.had_by(node.total, node.labels)) for node in nodes)
            have = ", ".join(f"{count} with {kind}" for kind, count in kinds.items())
            there = f": those for games are {have}" if have else ""
            sentences.append(f"no {what} has the {asked(name, demand)}{there}")
    return "; ".join(sentences)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What runs where; `last_game_start` is None before the first game."""

    actors: tuple[EngineRecord, ...]
    nodes: tuple[ClusterNode, ...]
    last_game_start: timedelta | None = None

    def of(self, engine: str, demand: Demand) -> "Observed":
        """What concerns one engine: its actors, and the slots for more of them."""
        others = Counter(actor.node for actor in self.actors if actor.engine != engine)
        return replace(
            self,
            actors=tuple(actor for actor in self.actors if actor.engine == engine),
            nodes=tuple(
                replace(node.seen_by(demand), neighbours=others[node.id]) for node in self.nodes
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """How many actors of an engine stand by, and how many takeovers a game may cost.

    Attributes:
        keep_idle: how long an actor beyond `standby` may be idle before it ends.
        demand: what such an actor asks of its node.
    """

    standby: int
    max_takeovers: int
    keep_idle: timedelta = timedelta(0)
    demand: Demand = Demand(resources={"CPU": 1})
