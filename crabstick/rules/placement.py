"""Which actor plays which game, and how many wait: `plan` compares what is wanted with what is.

Pure. The WorkerSet observes, asks `plan`, and carries the actions out; a missed event costs a tick,
never a game. Moments are `timedelta` on one monotonic clock.

The laws (tests/unit/rules/test_placement.py): no game is given to two actors, no actor gets two
games, a settled world needs nothing, planning twice plans the same.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from crabstick.rules.cluster_view import (
    ActorPhase,
    ActorView,
    Capacity,
    Observed,
    WantedGame,
)
from crabstick.rules.model import ActorName, GameId, NodeId

__all__ = [
    "Action",
    "Assign",
    "Forfeit",
    "HandOver",
    "Kill",
    "Spawn",
    "owners_of",
    "plan",
    "room",
]

QUIET_AFTER_GAME_START = timedelta(seconds=2)
"""A process that starts takes a second of CPU: not while a game makes its first moves."""
COLD_STARTS_AT_ONCE = 4
"""More at once start no sooner: they share the cores. Only games that wait need them."""
CALM_PACE = timedelta(seconds=5)
"""One hand-over in this time disturbs no other game: an actor starts, and then it is quiet."""
LEAVE_BEFORE_END = timedelta(seconds=2)
"""A game that is handed over in mid-thought needs some of its node's last seconds for that."""
ENDS_SOON = timedelta(minutes=1)
"""Games on a node that ends within this time are moved before those on one that has longer."""
SOONER = timedelta(seconds=1)
"""By so much an end comes earlier when it is another one, and not the same, told less precisely."""


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
class HandOver:
    """Have the actor leave its game between two moves, or in mid-thought when `within` is up.

    The game has no owner then, and goes to the standby that is kept for it.
    """

    actor: ActorName
    within: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Forfeit:
    """Resign a game that has cost too many actors."""

    game: GameId


Action = Spawn | Assign | HandOver | Kill | Forfeit


def plan(
    wanted: Collection[WantedGame], observed: Observed, capacity: Capacity, now: timedelta
) -> tuple[Action, ...]:
    """Everything that is to be done now, most urgent first."""
    owners = owners_of(observed.actors)
    forfeits = [
        game for game in wanted if game.deaths > capacity.max_takeovers and game.id not in owners
    ]
    kept = [game for game in wanted if game not in forfeits]
    orphans = sorted((game for game in kept if game.id not in owners), key=_by_urgency)
    movers = _movers(kept, owners, observed)
    free = _standbys(observed)
    assigns = _assigns(orphans, free, kept_free=sum(mover.is_leaving for mover in movers))
    free = free[len(assigns) :]
    stuck, spare = movers[len(free) :], free[len(movers) :]
    pressing = _pressing(stuck, observed)
    waiting = len(orphans) - len(assigns) + pressing
    lacking = max(capacity.standby - len(spare), 0)
    calm = len(stuck) - pressing or lacking * (not waiting)
    most = waiting + len(stuck) - pressing + lacking
    return (
        *(Forfeit(game=game.id) for game in forfeits),
        *assigns,
        *_hand_overs(movers[: len(free)], observed),
        *_kills(observed, owners, surplus=spare[capacity.standby :]),
        *_not_wanted_any_more(observed, most),
        *_spawns(observed, waiting=waiting, calm=calm, is_quiet=_is_quiet(observed, now)),
    )


def room(
    wanted: Collection[WantedGame], observed: Observed, *, can_actors_start: bool = True
) -> int:
    """How many more games could be played now; less than 0 when some that run have no place.

    An actor whose game is over leaves at once: its slot is as good as free. One that was started
    where nothing was free is no room yet, but a call for some. Where actors cannot start, an engine
    or a token being missing, only those that wait are room.
    """
    owners = owners_of(observed.actors)
    orphans = sum(game.id not in owners for game in wanted)
    movers = len(_movers(wanted, owners, observed))
    ready = len(_standbys(observed)) - orphans - movers
    if not can_actors_start:
        return ready
    slots = sum(node.free_slots for node in observed.nodes if not node.is_draining)
    placed = sum(actor.node is not None for actor in _starting(observed))
    return ready + placed + _done(wanted, observed) + slots


def _assigns(
    orphans: Sequence[WantedGame], free: Sequence[ActorView], *, kept_free: int
) -> list[Assign]:
    """Gives standbys to orphans; fresh games, the last, leave those that hand-overs are kept."""
    begun = sum(not game.is_fresh for game in orphans)
    room_for_fresh = max(len(free) - begun - kept_free, 0)
    return [
        Assign(game=game.id, actor=actor.name)
        for game, actor in zip(orphans[: begun + room_for_fresh], free, strict=False)
    ]


def _movers(
    games: Collection[WantedGame], owners: Mapping[GameId, ActorView], observed: Observed
) -> list[ActorView]:
    """Actors that leave their games: those that were told to, then those whose node ends soon.

    Of several, the one with the least time on its clock comes first.
    """
    draining = _draining(observed)
    movers = [
        owner
        for owner in (owners[game.id] for game in games if game.id in owners)
        if owner.is_leaving or owner.node in draining
    ]
    soon = {node for node, left in draining.items() if left < ENDS_SOON}
    return sorted(
        movers,
        key=lambda one: (not one.is_leaving, one.node not in soon, _left(one), one.name),
    )


def _hand_overs(movers: Collection[ActorView], observed: Observed) -> Iterator[HandOver]:
    """Who has a standby waiting for its game is told to leave it; again if its node ends sooner."""
    draining = _draining(observed)
    for mover in movers:
        if mover.node in draining:
            within = max(draining[mover.node] - LEAVE_BEFORE_END, timedelta(0))
            if mover.leaves_in is None or within + SOONER < mover.leaves_in:
                yield HandOver(actor=mover.name, within=within)


def _pressing(stuck: Sequence[ActorView], observed: Observed) -> int:
    """How many of those that find no standby need one now: all, when the time is short."""
    draining = _draining(observed)
    ends = (draining[mover.node] for mover in stuck if mover.node in draining)
    if len(stuck) * CALM_PACE > min(ends, default=timedelta.max):
        return len(stuck)
    return sum(mover.is_leaving for mover in stuck)


def _draining(observed: Observed) -> dict[NodeId | None, timedelta]:
    """How long each of these nodes has left."""
    return {node.id: node.drains_in for node in observed.nodes if node.drains_in is not None}


def _left(actor: ActorView) -> timedelta:
    return timedelta.max if actor.time_left is None else actor.time_left


def owners_of(actors: Collection[ActorView]) -> dict[GameId, ActorView]:
    """The actor that owns each game: the latest epoch, unless it is suspected."""
    owners: dict[GameId, ActorView] = {}
    for actor in sorted(actors, key=lambda actor: (actor.epoch, actor.name)):
        if actor.phase is ActorPhase.PLAYING and actor.game is not None:
            owners[actor.game] = actor
    return {game: actor for game, actor in owners.items() if not actor.is_suspect}


def _by_urgency(game: WantedGame) -> tuple[bool, timedelta, GameId]:
    return (game.is_fresh, timedelta.max if game.urgency is None else game.urgency, game.id)


def _standbys(observed: Observed) -> list[ActorView]:
    """Standbys that can take a game, those on the busiest node first: quiet nodes shall empty."""
    draining, doubtful = _draining(observed), _doubtful(observed)
    playing = [actor.node for actor in observed.actors if actor.phase is ActorPhase.PLAYING]
    return sorted(
        (a for a in observed.actors if a.phase is ActorPhase.STANDBY and a.node not in draining),
        key=lambda actor: (actor.node in doubtful, -playing.count(actor.node), actor.name),
    )


def _kills(
    observed: Observed, owners: Mapping[GameId, ActorView], surplus: Collection[ActorView]
) -> list[Kill]:
    """Actors on a game that somebody else owns, standbys on draining nodes, and surplus ones."""
    draining = _draining(observed)
    doubles = [
        actor
        for actor in observed.actors
        if actor.phase is ActorPhase.PLAYING and actor.game is not None
        if actor.game in owners and owners[actor.game].name != actor.name
    ]
    stranded = [
        actor
        for actor in observed.actors
        if actor.phase is ActorPhase.STANDBY and actor.node in draining
    ]
    ending = [*doubles, *stranded, *([] if _starting(observed) else surplus)]
    return [Kill(actor=actor.name) for actor in ending]


def _spawns(observed: Observed, *, waiting: int, calm: int, is_quiet: bool) -> list[Spawn]:
    """New actors: some at once for games that wait, else one at a time and only when it is quiet.

    Those that fit nowhere are a call for nodes, which is made at once.
    """
    starting, places = _coming(observed), _places(observed)
    starting -= _perhaps_lost(observed, places, waiting)
    missing = max(waiting + calm - starting, 0)
    at_once = max(min(waiting, COLD_STARTS_AT_ONCE) - starting, int(is_quiet and not starting))
    return [
        *(Spawn(node=node) for node in places[: min(missing, at_once)]),
        *[Spawn(node=None)] * (missing - len(places)),
    ]


def _perhaps_lost(observed: Observed, places: Sequence[NodeId], waiting: int) -> int:
    """How many of those without a node may be on one in doubt, while games wait that fit elsewhere.

    Ray puts them where it sees room, and a dead node has room until Ray knows that it is dead.
    """
    doubtful = _doubtful(observed)
    if not doubtful:
        return 0
    unplaced = sum(actor.node is None for actor in _starting(observed))
    return min(unplaced, waiting, sum(place not in doubtful for place in places))


def _not_wanted_any_more(observed: Observed, most: int) -> list[Kill]:
    """Actors that wait for a node, more than are missing: each is a call for one."""
    starting = (actor for actor in _starting(observed) if not actor.is_unheard)
    pending = sorted(actor.name for actor in starting if actor.node is None)
    return [Kill(actor=name) for name in pending[: max(_coming(observed) - most, 0)]]


def _done(wanted: Collection[WantedGame], observed: Observed) -> int:
    """How many actors have a game that is over, on nodes that stay."""
    draining, running = _draining(observed), {game.id for game in wanted}
    return sum(
        actor.phase is ActorPhase.ENDING
        or (actor.phase is ActorPhase.PLAYING and actor.game not in running)
        for actor in observed.actors
        if actor.node not in draining
    )


def _starting(observed: Observed) -> list[ActorView]:
    """Those that can be counted on."""
    draining = _draining(observed)
    return [
        actor
        for actor in observed.actors
        if actor.phase is ActorPhase.STARTING
        if not actor.is_suspect and actor.node not in draining
    ]


def _coming(observed: Observed) -> int:
    """How many start where they can be counted on; with all nodes in doubt, any."""
    doubtful, starting = _doubtful(observed), _starting(observed)
    if all(node.id in doubtful for node in observed.nodes if not node.is_draining):
        return len(starting)
    return sum(actor.node not in doubtful for actor in starting)


def _doubtful(observed: Observed) -> set[NodeId | None]:
    return {node.id for node in observed.nodes if node.is_doubtful}


def _is_quiet(observed: Observed, now: timedelta) -> bool:
    lately = observed.last_game_start
    return lately is None or now - lately >= QUIET_AFTER_GAME_START


def _places(observed: Observed) -> list[NodeId]:
    """Where actors fit now, a node for each: the busiest first, those in doubt last.

    A node in doubt is tried with one: if it is dead, whatever is put there is lost.
    """
    load = [actor.node for actor in observed.actors]
    nodes = sorted(
        (node for node in observed.nodes if not node.is_draining),
        key=lambda node: (node.is_doubtful, -load.count(node.id), node.id),
    )
    tried = {actor.node for actor in observed.actors if actor.phase is ActorPhase.STARTING}
    return [
        node.id
        for node in nodes
        for number in range(node.free_slots)
        if not node.is_doubtful or (number == 0 and node.id not in tried)
    ]
