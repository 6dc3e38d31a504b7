"""Decides which actor plays which game: `plan` compares the wanted games with what runs.

Pure. The WorkerSet observes, calls `plan`, and carries the actions out; a missed event costs a
tick, never a game. Moments are `timedelta` on one monotonic clock.

The laws (tests/unit/rules/test_placement.py): no game is given to two actors, no actor gets two
games, a settled cluster needs nothing, and planning twice plans the same.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from crabstick.rules.cluster_view import ActorPhase, Capacity, EngineRecord, GameRecord, Observed
from crabstick.rules.lichess_types import ActorName, GameId, NodeId

QUIET_AFTER_GAME_START = timedelta(seconds=2)
"""A starting process takes a second of CPU: no standby starts during a game's first moves."""
CALM_PACE = timedelta(seconds=5)
"""Enough for one hand-over that disturbs no other game: an actor starts, then a quiet time."""
LEAVE_BEFORE_END = timedelta(seconds=2)
"""An actor leaves its game at least this long before its node ends, even in mid-thought."""
ENDS_SOON = timedelta(minutes=1)
"""Games on nodes that end within this time move first."""
JITTER = timedelta(seconds=1)
"""Deadlines that differ by less are the same deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spawn:
    """Start an EngineActor; `node` has room for it now, None leaves the choice to Ray."""

    node: NodeId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign:
    """Give the game to the standby; an earlier owner loses it."""

    game: GameId
    actor: ActorName


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """End an actor that is not needed: its game has another owner, or it has no game."""

    actor: ActorName


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHandOver:
    """Ask the actor to leave its game between two moves, or in mid-thought after `within`.

    The game then has no owner, and goes to the standby that is reserved for it.
    """

    actor: ActorName
    within: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Forfeit:
    """Resign a game that has cost too many actors."""

    game: GameId


Action = Spawn | Assign | RequestHandOver | Kill | Forfeit


def plan(
    wanted: Collection[GameRecord], observed: Observed, capacity: Capacity, now: timedelta
) -> tuple[Action, ...]:
    """Returns all actions that are due now, most urgent first."""
    owners = owners_of(observed.actors)
    forfeits = [
        game for game in wanted if game.deaths > capacity.max_takeovers and game.id not in owners
    ]
    kept = [game for game in wanted if game not in forfeits]
    orphans = sorted((game for game in kept if game.id not in owners), key=_by_urgency)
    movers = _movers(kept, owners, observed)
    free = _standbys(observed)
    assigns = _assigns(orphans, free, reserved=sum(mover.is_leaving for mover in movers))
    free = free[len(assigns) :]
    stuck, spare = movers[len(free) :], free[len(movers) :]
    pressing = _pressing(stuck, observed)
    needed = len(orphans) - len(assigns) + pressing
    lacking = max(capacity.standby - len(spare), 0)
    unhurried = len(stuck) - pressing
    calm = unhurried or (0 if needed else lacking)
    most_starting = needed + unhurried + lacking
    return (
        *(Forfeit(game=game.id) for game in forfeits),
        *assigns,
        *_hand_overs(movers[: len(free)], observed, now),
        *_kills(observed, owners, surplus=_idle(spare[capacity.standby :], capacity, now)),
        *_needless_starts(observed, most_starting),
        *_spawns(observed, needed=needed, calm=calm, is_quiet=_is_quiet(observed, now)),
    )


def room(
    wanted: Collection[GameRecord], observed: Observed, *, can_actors_start: bool = True
) -> int:
    """Counts the further games that could be played now; negative when running games lack a place.

    An actor whose game is over leaves at once, so its slot counts as free. An actor that waits for
    a node does not count. When no actor can start (no engine, no token), only standbys count.
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


def owners_of(actors: Collection[EngineRecord]) -> dict[GameId, EngineRecord]:
    """Maps each game to its owner: the actor with the latest epoch, unless it is suspected."""
    owners: dict[GameId, EngineRecord] = {}
    for actor in sorted(actors, key=lambda actor: (actor.epoch, actor.name)):
        if actor.phase is ActorPhase.PLAYING and actor.game is not None:
            owners[actor.game] = actor
    return {game: actor for game, actor in owners.items() if not actor.is_suspect}


def _assigns(
    orphans: Sequence[GameRecord], free: Sequence[EngineRecord], *, reserved: int
) -> list[Assign]:
    """Gives standbys to orphans in order; fresh games come last and take no reserved standby."""
    begun = sum(not game.is_fresh for game in orphans)
    room_for_fresh = max(len(free) - begun - reserved, 0)
    return [
        Assign(game=game.id, actor=actor.name)
        for game, actor in zip(orphans[: begun + room_for_fresh], free, strict=False)
    ]


def _by_urgency(game: GameRecord) -> tuple[bool, timedelta, GameId]:
    return (game.is_fresh, timedelta.max if game.urgency is None else game.urgency, game.id)


def _movers(
    games: Collection[GameRecord], owners: Mapping[GameId, EngineRecord], observed: Observed
) -> list[EngineRecord]:
    """Actors that have to leave their games, most urgent first.

    First come those already asked, then those whose node ends soon, then the others.

    Among equals, the one with the least time on its clock comes first.
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
        key=lambda one: (
            not one.is_leaving,
            one.node not in soon,
            timedelta.max if one.time_left is None else one.time_left,
            one.name,
        ),
    )


def _hand_overs(
    movers: Collection[EngineRecord], observed: Observed, now: timedelta
) -> Iterator[RequestHandOver]:
    """Asks each of `movers` to leave, and asks again if its node ends sooner than expected."""
    draining = _draining(observed)
    for mover in movers:
        if mover.node in draining:
            within = max(draining[mover.node] - LEAVE_BEFORE_END, timedelta(0))
            if mover.leave_by is None or now + within + JITTER < mover.leave_by:
                yield RequestHandOver(actor=mover.name, within=within)


def _pressing(stuck: Sequence[EngineRecord], observed: Observed) -> int:
    """Counts the stuck movers that need a standby now: all if time is short, else those asked."""
    draining = _draining(observed)
    ends = (draining[mover.node] for mover in stuck if mover.node in draining)
    if len(stuck) * CALM_PACE > min(ends, default=timedelta.max):
        return len(stuck)
    return sum(mover.is_leaving for mover in stuck)


def _standbys(observed: Observed) -> list[EngineRecord]:
    """Standbys that can take a game, those on nodes in doubt last.

    Otherwise those on the busiest nodes come first, so that the other nodes become empty.
    """
    draining, doubtful = _draining(observed), _doubtful(observed)
    playing = [actor.node for actor in observed.actors if actor.phase is ActorPhase.PLAYING]
    return sorted(
        (a for a in observed.actors if a.phase is ActorPhase.STANDBY and a.node not in draining),
        key=lambda actor: (actor.node in doubtful, -playing.count(actor.node), actor.name),
    )


def _idle(spare: Sequence[EngineRecord], capacity: Capacity, now: timedelta) -> list[EngineRecord]:
    """The standbys that have waited in vain for longer than `keep_idle`."""
    return [actor for actor in spare if now - actor.since >= capacity.keep_idle]


def _starting(observed: Observed) -> list[EngineRecord]:
    """Starting actors, without the late ones and those on draining nodes."""
    draining = _draining(observed)
    return [
        actor
        for actor in observed.actors
        if actor.phase is ActorPhase.STARTING
        if not actor.is_suspect and actor.node not in draining
    ]


def _coming(observed: Observed) -> int:
    """Counts starting actors; those on nodes in doubt count only if all nodes are in doubt."""
    doubtful, starting = _doubtful(observed), _starting(observed)
    if all(node.id in doubtful for node in observed.nodes if not node.is_draining):
        return len(starting)
    return sum(actor.node not in doubtful for actor in starting)


def _done(wanted: Collection[GameRecord], observed: Observed) -> int:
    """Counts actors whose game is over, on nodes that stay."""
    draining, running = _draining(observed), {game.id for game in wanted}
    return sum(
        actor.phase is ActorPhase.ENDING
        or (actor.phase is ActorPhase.PLAYING and actor.game not in running)
        for actor in observed.actors
        if actor.node not in draining
    )


def _kills(
    observed: Observed, owners: Mapping[GameId, EngineRecord], surplus: Collection[EngineRecord]
) -> list[Kill]:
    """Actors whose game has another owner, standbys on draining nodes, and surplus standbys."""
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


def _needless_starts(observed: Observed, most_starting: int) -> list[Kill]:
    """Ends actors without a node beyond `most_starting`: each makes Ray ask for a node."""
    starting = (actor for actor in _starting(observed) if not actor.is_unreported)
    pending = sorted(actor.name for actor in starting if actor.node is None)
    return [Kill(actor=name) for name in pending[: max(_coming(observed) - most_starting, 0)]]


def _spawns(observed: Observed, *, needed: int, calm: int, is_quiet: bool) -> list[Spawn]:
    """New actors: as many at once as there are cores if `needed`, else one, when it is quiet.

    More at once would not be ready sooner. Actors that fit nowhere make Ray ask for nodes, so all
    of them are spawned now.
    """
    starting, places = _coming(observed), _places(observed)
    starting -= _perhaps_lost(observed, places, needed)
    missing = max(needed + calm - starting, 0)
    cores = max(int(sum(node.cores for node in observed.nodes if not node.is_draining)), 1)
    at_once = max(min(needed, cores) - starting, int(is_quiet and not starting))
    return [
        *(Spawn(node=node) for node in places[: min(missing, at_once)]),
        *[Spawn(node=None)] * (missing - len(places)),
    ]


def _perhaps_lost(observed: Observed, places: Sequence[NodeId], needed: int) -> int:
    """Counts starting actors that may be on a dead node, so that `needed` ones start elsewhere.

    Ray puts actors where it sees room, and a dead node has room until Ray knows that it is dead.
    Only actors whose node is unknown count, and no more of them than other nodes have room for.
    """
    doubtful = _doubtful(observed)
    if not doubtful:
        return 0
    unplaced = sum(actor.node is None for actor in _starting(observed))
    return min(unplaced, needed, sum(place not in doubtful for place in places))


def _draining(observed: Observed) -> dict[NodeId | None, timedelta]:
    """The time that each draining node has left."""
    return {node.id: node.drains_in for node in observed.nodes if node.drains_in is not None}


def _doubtful(observed: Observed) -> set[NodeId | None]:
    return {node.id for node in observed.nodes if node.is_doubtful}


def _is_quiet(observed: Observed, now: timedelta) -> bool:
    last = observed.last_game_start
    return last is None or now - last >= QUIET_AFTER_GAME_START


def _places(observed: Observed) -> list[NodeId]:
    """The node of each free slot: the busiest node first, rare ones late, nodes in doubt last.

    A node in doubt offers one slot at a time: if the node is dead, an actor there is lost.
    """
    load = Counter(actor.node for actor in observed.actors)
    load.update({node.id: node.neighbours for node in observed.nodes})
    nodes = sorted(
        (node for node in observed.nodes if not node.is_draining),
        key=lambda node: (node.is_doubtful, node.is_rare, -load[node.id], node.id),
    )
    tried = {actor.node for actor in observed.actors if actor.phase is ActorPhase.STARTING}
    return [
        node.id
        for node in nodes
        for number in range(node.free_slots)
        if not node.is_doubtful or (number == 0 and node.id not in tried)
    ]
