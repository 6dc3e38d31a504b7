"""Which actor plays which game, and how many wait: `plan` compares what is wanted with what is.

Pure. The WorkerSet observes, asks `plan`, and carries the actions out; a missed event costs a tick,
never a game. Moments are `timedelta` on one monotonic clock.

The laws (tests/unit/rules/test_placement.py): no game is given to two actors, no actor gets two
games, a settled world needs nothing, planning twice plans the same.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from crabstick.rules.model import ActorName, GameId, NodeId

__all__ = [
    "Action",
    "ActorPhase",
    "ActorView",
    "Assign",
    "Capacity",
    "Forfeit",
    "Kill",
    "NodeView",
    "Observed",
    "Spawn",
    "WantedGame",
    "plan",
]

QUIET_AFTER_GAME_START = timedelta(seconds=2)
"""A process that starts takes a second of CPU: not while a game makes its first moves."""
COLD_STARTS_AT_ONCE = 4
"""More at once start no sooner: they share the cores. Only games without an actor need them."""


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
    it is the opponent's turn. `takeovers` counts the actors that the game has lost.
    """

    id: GameId
    urgency: timedelta | None = None
    takeovers: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorView:
    """One live EngineActor; `epoch` orders the actors that a game has had."""

    name: ActorName
    phase: ActorPhase
    node: NodeId | None = None
    game: GameId | None = None
    epoch: int = 0
    is_suspect: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """One Ray node; `free_slots` is how many more EngineActors Ray would start there now."""

    id: NodeId
    free_slots: int
    is_draining: bool = False


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Spawn:
    """Start one EngineActor; `node` is where it fits now, None leaves the choice to Ray."""

    node: NodeId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign:
    """Give the game to the standby; whoever played it before owns it no longer."""

    game: GameId
    actor: ActorName


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """End an actor that plays nothing that is ours to keep: surplus, doubled or replaced."""

    actor: ActorName


@dataclass(frozen=True, slots=True, kw_only=True)
class Forfeit:
    """Resign a game that has cost too many actors."""

    game: GameId


Action = Spawn | Assign | Kill | Forfeit


def plan(
    wanted: Collection[WantedGame], observed: Observed, capacity: Capacity, now: timedelta
) -> tuple[Action, ...]:
    """Everything that is to be done now, most urgent first."""
    draining = {node.id for node in observed.nodes if node.is_draining}
    owners = _owners(observed.actors)
    forfeits = [game for game in wanted if game.takeovers > capacity.max_takeovers]
    kept = [game for game in wanted if game not in forfeits]
    orphans = sorted((game for game in kept if game.id not in owners), key=_by_urgency)
    movers = [game for game in kept if game.id in owners and owners[game.id].node in draining]
    standbys = _standbys(observed.actors, draining)
    assigns = [
        Assign(game=game.id, actor=actor.name)
        for game, actor in zip([*orphans, *movers], standbys, strict=False)
    ]
    free = standbys[len(assigns) :]
    waiting = len(orphans) + len(movers) - len(assigns)
    return (
        *(Forfeit(game=game.id) for game in forfeits),
        *assigns,
        *(Kill(actor=name) for name in _doubles(observed.actors, owners)),
        *_refill(observed, capacity, now, waiting=waiting, free=free),
    )


def _owners(actors: Collection[ActorView]) -> dict[GameId, ActorView]:
    """The actor that owns each game: the latest epoch, unless it is suspected."""
    owners: dict[GameId, ActorView] = {}
    for actor in sorted(actors, key=lambda actor: (actor.epoch, actor.name)):
        if actor.phase is ActorPhase.PLAYING and actor.game is not None:
            owners[actor.game] = actor
    return {game: actor for game, actor in owners.items() if not actor.is_suspect}


def _doubles(actors: Collection[ActorView], owners: dict[GameId, ActorView]) -> list[ActorName]:
    """Actors on a game that somebody else owns."""
    return [
        actor.name
        for actor in actors
        if actor.phase is ActorPhase.PLAYING
        and actor.game in owners
        and owners[actor.game].name != actor.name
    ]


def _by_urgency(game: WantedGame) -> tuple[timedelta, GameId]:
    return (timedelta.max if game.urgency is None else game.urgency, game.id)


def _standbys(actors: Sequence[ActorView], draining: Collection[NodeId]) -> list[ActorView]:
    """Standbys that can take a game, those on the busiest node first: quiet nodes shall empty."""
    playing = [actor.node for actor in actors if actor.phase is ActorPhase.PLAYING]
    return sorted(
        (a for a in actors if a.phase is ActorPhase.STANDBY and a.node not in draining),
        key=lambda actor: (-playing.count(actor.node), actor.name),
    )


def _refill(
    observed: Observed,
    capacity: Capacity,
    now: timedelta,
    *,
    waiting: int,
    free: Sequence[ActorView],
) -> tuple[Action, ...]:
    """New actors for games that wait, else one standby at a time; surplus standbys end."""
    starting = sum(actor.phase is ActorPhase.STARTING for actor in observed.actors)
    if waiting:
        missing = min(waiting - starting, COLD_STARTS_AT_ONCE - starting)
        return tuple(Spawn(node=node) for node in _places(observed, missing))
    draining = {node.id for node in observed.nodes if node.is_draining}
    stranded = [
        actor.name
        for actor in observed.actors
        if actor.phase is ActorPhase.STANDBY and actor.node in draining
    ]
    surplus = [actor.name for actor in free[capacity.standby :]] if not starting else []
    kills = tuple(Kill(actor=name) for name in [*stranded, *surplus])
    lately = observed.last_game_start
    is_quiet = lately is None or now - lately >= QUIET_AFTER_GAME_START
    if len(free) + starting >= capacity.standby or starting or not is_quiet:
        return kills
    return (*kills, *(Spawn(node=node) for node in _places(observed, 1)))


def _places(observed: Observed, count: int) -> list[NodeId | None]:
    """Where `count` new actors go: the busiest nodes with room now; then Ray (or a new node)."""
    load = [actor.node for actor in observed.actors]
    nodes = sorted(
        (node for node in observed.nodes if not node.is_draining),
        key=lambda node: (-load.count(node.id), node.id),
    )
    places: list[NodeId | None] = [node.id for node in nodes for _ in range(node.free_slots)]
    places += [None] * count
    return places[: max(count, 0)]
