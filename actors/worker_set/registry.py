"""What the WorkerSet knows: the games on Lichess and the EngineActors, and who owns which game.

Plain bookkeeping without I/O: the WorkerSet writes down here what it hears and what it decides, at
the moment when it decides it, so that two plans never see the same standby free.
"""

from collections import Counter, OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from actors.messages import Claim, Description, GameUpdate, Progress
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.cluster_view import ActorPhase, ActorView, WantedGame
from crabstick.rules.failure_detector import Heartbeat
from crabstick.rules.model import ActorName, GameId, NodeId

__all__ = ["EngineRecord", "Game", "Registry"]

REMEMBERED: Final = 1000
"""Games that are over; ids never come back, and news are seconds old at most."""
RAY_KNOWS_AFTER: Final = timedelta(seconds=70)
"""Ray calls a silent node dead after 64 s by default (five failures of a check of 10 s each)."""


STARTS_WITHIN: Final = timedelta(seconds=60)
"""An actor takes two seconds, and thirteen were seen on a machine with seven times its load."""
NODE_COMES_WITHIN: Final = timedelta(minutes=3)
"""A node that did not come by then is one that nobody gives us: a quota, or a lack of machines."""


@dataclass(slots=True, kw_only=True)
class Game:
    """A game that runs on Lichess. `epoch` is the one of its latest actor."""

    id: GameId
    opponent: str = ""
    speed: str = ""
    urgency: timedelta | None = None
    epoch: int = 0
    takeovers: int = 0
    deaths: int = 0
    """Takeovers after a death; an actor that is only silent may be so for a busy machine."""
    called_at_ply: int | None = None
    """Where its actor stood when Lichess last called it our turn; None when it did not."""
    finished_at: timedelta | None = None


@dataclass(slots=True, kw_only=True)
class EngineRecord:
    """One EngineActor as the WorkerSet knows it; moments are monotonic."""

    name: ActorName
    phase: ActorPhase
    since: timedelta
    heard: timedelta
    node: NodeId | None = None
    game: GameId | None = None
    epoch: int = 0
    is_adopted: bool = False
    """Whether it lived before us, and may play something."""
    was_assigned: bool = False
    """Whether its game was given to it here, and not by a WorkerSet before."""
    is_suspect: bool = False
    leave_by: timedelta | None = None
    """When it hands its game over at the latest; None when it was not told to."""
    problem: str = ""
    lacks_engine: bool = False
    progress: Progress = field(default_factory=Progress)

    @property
    def is_unheard(self) -> bool:
        """Whether it may play something, and has not said what."""
        return self.is_adopted and self.phase is ActorPhase.STARTING

    def is_late(self, now: timedelta) -> bool:
        """Whether it should have started long ago on its node; without one it waits for one."""
        is_placed = self.phase is ActorPhase.STARTING and self.node is not None
        return is_placed and now - self.since > STARTS_WITHIN

    def leaves_in(self, now: timedelta) -> timedelta | None:
        """Within which time it hands its game over; None when it was not told to."""
        return None if self.leave_by is None else max(self.leave_by - now, timedelta(0))

    @property
    def time_left(self) -> timedelta | None:
        """Our clock as the actor last told it; None without one."""
        told = self.progress
        left_ms = told.black_ms if told.color == "black" else told.white_ms
        return None if left_ms is None else timedelta(milliseconds=left_ms)


@dataclass(slots=True)
class Registry:
    """The games and the members, by id and by name."""

    games: dict[GameId, Game] = field(default_factory=dict)
    members: dict[ActorName, EngineRecord] = field(default_factory=dict)
    last_game_start: timedelta | None = None
    board: RateLimits = field(default_factory=RateLimits)
    """The limits that Lichess has put on the bot, as all actors tell them."""
    _over: OrderedDict[GameId, None] = field(default_factory=OrderedDict)
    _doubts: dict[NodeId, timedelta] = field(default_factory=dict)
    """Since when the nodes are in doubt."""

    def hear_of(self, news: GameUpdate) -> Game | None:
        """A game runs; hearing of it again changes nothing but what is told of it.

        None: it is over, and the news is old.
        """
        if GameId(news.game) in self._over:
            return None
        game = self.games.setdefault(GameId(news.game), Game(id=GameId(news.game)))
        game.opponent = news.opponent or game.opponent
        game.speed = news.speed or game.speed
        game.urgency = None if news.left_ms is None else timedelta(milliseconds=news.left_ms)
        return game

    def is_behind(self, game_id: GameId, *, is_our_turn: bool) -> bool:
        """Whether Lichess calls it our turn, and did so before, and no move came between the two.

        Its actor may think for long, or wait for a line that got lost.
        """
        game, owner = self.games.get(game_id), self.owner_of(game_id)
        if game is None:
            return False
        before = game.called_at_ply
        game.called_at_ply = owner.progress.ply if is_our_turn and owner is not None else None
        return game.called_at_ply is not None and game.called_at_ply == before

    def enter(self, name: ActorName, now: timedelta, node: NodeId | None = None) -> EngineRecord:
        """A new actor, of which only the name is known."""
        member = EngineRecord(name=name, phase=ActorPhase.STARTING, since=now, heard=now, node=node)
        self.members[name] = member
        return member

    def hear_from(self, member: EngineRecord, told: Description, now: timedelta) -> None:
        """An actor described itself: what it plays and where is its word; ownership is ours."""
        member.heard = now
        member.is_suspect = False
        member.node = NodeId(told.node)
        self._doubts.pop(member.node, None)
        member.problem, member.lacks_engine = told.problem, told.lacks_engine
        member.progress = told.progress
        self.board.merge(told.limits)
        if member.phase is not ActorPhase.STARTING:
            return
        member.since = now
        if told.phase == "playing" and told.game is not None:
            game = self.hear_of(GameUpdate(game=told.game))
            if game is None or self._is_taken(game.id, told.epoch):
                member.phase = ActorPhase.ENDING  # it is over, or somebody else has it by now
                return
            member.game, member.epoch = game.id, told.epoch
            game.epoch = max(game.epoch, told.epoch)
            game.takeovers = max(game.takeovers, told.takeovers)
            game.deaths = max(game.deaths, told.deaths)
        member.phase = ActorPhase(told.phase)

    def doubt(self, member: EngineRecord, now: timedelta) -> None:
        """An actor was lost, or falls silent: perhaps with its node."""
        if member.node is not None:
            self._doubts[member.node] = now

    def in_doubt(self, now: timedelta) -> set[NodeId]:
        """The nodes of which nobody was heard since; Ray knows by then which of them live."""
        return {node for node, since in self._doubts.items() if now - since < RAY_KNOWS_AFTER}

    def _is_taken(self, game_id: GameId, epoch: int) -> bool:
        owner = self.owner_of(game_id)
        return owner is not None and (owner.was_assigned or owner.epoch >= epoch)

    def assign(self, game_id: GameId, name: ActorName, now: timedelta) -> EngineRecord:
        """The game is this actor's from now on, and nobody else's."""
        game, member = self.games[game_id], self.members[name]
        game.epoch += 1
        member.phase, member.game, member.epoch = ActorPhase.PLAYING, game_id, game.epoch
        member.was_assigned = True
        member.since = member.heard = self.last_game_start = now
        return member

    def end(self, game_id: GameId) -> Game | None:
        """The game is over for good; old news cannot bring it back. None: it was unknown."""
        self._over[game_id] = None
        if len(self._over) > REMEMBERED:
            self._over.popitem(last=False)
        return self.games.pop(game_id, None)

    def owner_of(self, game_id: GameId) -> EngineRecord | None:
        """The member with the latest epoch of this game."""
        playing = [
            member
            for member in self.members.values()
            if member.game == game_id and member.phase is ActorPhase.PLAYING
        ]
        return max(playing, key=lambda member: member.epoch, default=None)

    def owns(self, claim: Claim) -> bool | None:
        """Whether the claim is good; None when the game is not known here."""
        owner = self.owner_of(GameId(claim.game))
        if owner is None:
            return None
        return (owner.name, owner.epoch) == (claim.actor, claim.epoch)

    def wanted(self) -> list[WantedGame]:
        """The games that need an actor; those that Lichess calls finished do not."""
        return [
            WantedGame(
                id=game.id,
                urgency=game.urgency,
                deaths=game.deaths,
                is_fresh=not game.epoch,
            )
            for game in self.games.values()
            if game.finished_at is None
        ]

    def views(self, now: timedelta) -> tuple[ActorView, ...]:
        """The members as `placement.plan` sees them."""
        return tuple(
            ActorView(
                name=member.name,
                phase=member.phase,
                node=member.node,
                game=member.game,
                epoch=member.epoch,
                is_suspect=member.is_suspect or member.is_late(now),
                leaves_in=member.leaves_in(now),
                time_left=member.time_left,
                is_unheard=member.is_unheard,
            )
            for member in self.members.values()
        )

    def heartbeats(self, healthy: Collection[NodeId]) -> list[Heartbeat]:
        """When each busy member was last heard; Ray calls the nodes that are not healthy lost."""
        return [
            Heartbeat(
                actor=member.name,
                heard=member.heard,
                playing_since=member.since,
                is_condemned=member.node not in healthy,
            )
            for member in self.members.values()
            if member.phase is ActorPhase.PLAYING
        ]

    def waits_in_vain(self, now: timedelta) -> bool:
        """Whether an actor has waited for a node for so long that none is to be expected."""
        return any(
            member.phase is ActorPhase.STARTING
            and member.node is None
            and now - member.since > NODE_COMES_WITHIN
            for member in self.members.values()
        )

    def is_anyone_unheard(self) -> bool:
        """Whether an actor that lived before us has not said yet what it plays."""
        return any(member.is_unheard for member in self.members.values())

    def moving(self, draining: Collection[NodeId]) -> list[EngineRecord]:
        """Members whose games go on, and have to go to another one."""
        running = {game.id for game in self.games.values() if game.finished_at is None}
        return [
            member
            for member in self.members.values()
            if member.phase is ActorPhase.PLAYING and member.game in running
            if member.leave_by is not None or member.node in draining
        ]

    def placed_since(self, moment: timedelta) -> Counter[NodeId | None]:
        """How many actors were put on each node since then, and have not started yet."""
        return Counter(
            member.node
            for member in self.members.values()
            if member.phase is ActorPhase.STARTING and member.since >= moment
        )

    def count(self, phase: ActorPhase) -> int:
        """How many members are in `phase`."""
        return sum(member.phase is phase for member in self.members.values())

    def is_any_abandoned(self) -> bool:
        """Whether a game that had an actor has none."""
        return any(game.epoch for game in self.waiting())

    def waiting(self) -> list[Game]:
        """Running games that nobody plays, or somebody silent: there should be none."""
        played = {member.game for member in self.members.values() if not member.is_suspect}
        return [
            game
            for game in self.games.values()
            if game.finished_at is None and game.id not in played
        ]
