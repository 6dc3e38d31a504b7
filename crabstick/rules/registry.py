"""One value that holds the games on Lichess, the EngineActors, and which actor owns which game.

Pure. Every operation returns a new registry, and the events that happened. The WorkerSet keeps the
current registry, and logs and counts the events.

The laws (tests/unit/rules/test_registry.py): a game has at most one owner; epochs and takeovers
never fall; a finished game does not come back; every operation may be repeated.

Moments are `timedelta` on one monotonic clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from crabstick.rules.cluster_view import (
    DEFAULT_ENGINE,
    ActorPhase,
    EngineRecord,
    EngineReport,
    GameRecord,
)
from crabstick.rules.lichess_types import ActorName, GameId, NodeId

REMEMBERED: Final = 1000
"""How many ids of finished games are kept; an update is at most seconds old."""
RAY_KNOWS_AFTER: Final = timedelta(seconds=70)
"""Ray calls a silent node dead after 64 s by default (five failures of a check of 10 s each)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GameTakenOver:
    """A game goes to another actor because its actor failed."""

    game: GameRecord
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorLost:
    """An actor is gone unexpectedly."""

    engine: EngineRecord
    why: str


Event = GameTakenOver | ActorLost


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """All games and EngineActors of one bot.

    Attributes:
        doubts: the nodes where an actor was lost or fell silent, and when; an answer from there
            removes the node.
        last_game_start: when an actor last got a game.
        over: the ids of the latest finished games.
    """

    games: Mapping[GameId, GameRecord] = field(default_factory=dict)
    engines: Mapping[ActorName, EngineRecord] = field(default_factory=dict)
    doubts: Mapping[NodeId, timedelta] = field(default_factory=dict)
    last_game_start: timedelta | None = None
    over: Mapping[GameId, None] = field(default_factory=dict)
    last_serial: int = 0

    def owner_of(self, game_id: GameId) -> EngineRecord | None:
        """The actor with the latest epoch of this game."""
        playing = (
            engine
            for engine in self.engines.values()
            if engine.game == game_id and engine.phase is ActorPhase.PLAYING
        )
        return max(playing, key=lambda engine: engine.epoch, default=None)

    def is_owner(self, game_id: GameId, actor: str, epoch: int) -> bool | None:
        """Whether the claim is right; None when the game has no owner."""
        owner = self.owner_of(game_id)
        return None if owner is None else (owner.name, owner.epoch) == (actor, epoch)

    def current(self, engine: EngineRecord) -> EngineRecord | None:
        """The current record of the same actor; None when the actor was removed."""
        now = self.engines.get(engine.name)
        return now if now is not None and now.serial == engine.serial else None

    def game_of(self, engine: EngineRecord) -> GameRecord | None:
        """The running game of an actor."""
        return None if engine.game is None else self.games.get(engine.game)

    def running(self) -> list[GameRecord]:
        """The games that need an actor, without those that Lichess calls finished."""
        return [game for game in self.games.values() if game.finished_at is None]

    def waiting(self) -> list[GameRecord]:
        """Running games without an actor, or with a silent one."""
        played = {engine.game for engine in self.engines.values() if not engine.is_suspect}
        return [game for game in self.running() if game.id not in played]

    def is_any_abandoned(self) -> bool:
        """Whether a running game has lost its actor."""
        return any(game.epoch for game in self.waiting())

    def is_any_unreported(self) -> bool:
        """Whether an adopted actor has not reported its game yet."""
        return any(engine.is_unreported for engine in self.engines.values())

    def doubtful_nodes(self, now: timedelta) -> set[NodeId]:
        """The nodes in doubt; after `RAY_KNOWS_AFTER` Ray itself knows which of them live."""
        return {node for node, since in self.doubts.items() if now - since < RAY_KNOWS_AFTER}

    def with_game(self, update: GameRecord) -> tuple["Registry", GameRecord | None]:
        """Records a running game, or updates it; returns None when the game is over."""
        if update.id in self.over:
            return self, None
        game = self.games.get(update.id, GameRecord(id=update.id))
        game = replace(
            game,
            opponent=update.opponent or game.opponent,
            speed=update.speed or game.speed,
            engine=game.engine or update.engine,  # the same to its end
            urgency=update.urgency,
        )
        return _put_game(self, game), game

    def finished(self, game_id: GameId, now: timedelta) -> "Registry":
        """Records that Lichess calls the game over; its actor still has to read that itself."""
        game = self.games.get(game_id)
        if game is None:
            return self.ended(game_id)[0]  # an older list must not bring the game back
        return _put_game(self, replace(game, finished_at=game.finished_at or now))

    def ended(self, game_id: GameId) -> tuple["Registry", GameRecord | None]:
        """Removes a game for good: no update brings it back. Returns None for an unknown game."""
        over = {**self.over, game_id: None}
        if len(over) > REMEMBERED:
            del over[next(iter(over))]
        game = self.games.get(game_id)
        games = {id_: one for id_, one in self.games.items() if id_ != game_id}
        return replace(self, games=games, over=over), game

    def listed(self, game_id: GameId, *, is_our_turn: bool) -> tuple["Registry", int | None]:
        """Records whose turn it is; returns the ply of an actor that may have missed a line.

        An actor that is at the same ply twice in a row thinks for long, or waits for a lost line.
        """
        game, owner = self.games.get(game_id), self.owner_of(game_id)
        if game is None:
            return self, None
        ply = owner.ply if is_our_turn and owner is not None else None
        is_behind = ply is not None and ply == game.our_turn_at_ply
        return _put_game(self, replace(game, our_turn_at_ply=ply)), ply if is_behind else None

    def entered(
        self,
        name: ActorName,
        now: timedelta,
        node: NodeId | None = None,
        *,
        plays: str = DEFAULT_ENGINE,
        is_adopted: bool = False,
    ) -> tuple["Registry", EngineRecord]:
        """Adds an actor of which only name and engine are known; that of an adopted one is not."""
        engine = EngineRecord(
            name=name,
            serial=self.last_serial + 1,
            since=now,
            last_seen=now,
            engine=plays,
            node=node,
            is_adopted=is_adopted,
        )
        return replace(_put_engine(self, engine), last_serial=engine.serial), engine

    def described(self, engine: EngineRecord, report: EngineReport, now: timedelta) -> "Registry":
        """Records an actor's report; its first report may claim a game, later ones cannot."""
        before = self.current(engine)
        if before is None:
            return self
        updated = replace(
            before,
            last_seen=now,
            is_suspect=False,
            engine=report.engine,
            node=report.node,
            fingerprint=report.fingerprint,
            problem=report.problem,
            lacks_engine=report.lacks_engine,
            ply=report.ply,
            time_left=report.time_left,
            progress=report.progress,
        )
        doubts = {node: since for node, since in self.doubts.items() if node != report.node}
        registry = replace(_put_engine(self, updated), doubts=doubts)
        if before.phase is not ActorPhase.STARTING:
            return registry
        return _introduced(registry, replace(updated, since=now), report)

    def assigned(
        self, game_id: GameId, name: ActorName, now: timedelta
    ) -> tuple["Registry", tuple[Event, ...]]:
        """Gives the game to an actor, with the next epoch."""
        before, game = self.owner_of(game_id), self.games[game_id]
        is_takeover = before is not None and before.is_suspect
        game = replace(game, epoch=game.epoch + 1, takeovers=game.takeovers + is_takeover)
        engine = replace(
            self.engines[name],
            phase=ActorPhase.PLAYING,
            game=game_id,
            epoch=game.epoch,
            was_assigned=True,
            since=now,
            last_seen=now,
        )
        registry = replace(_put_engine(_put_game(self, game), engine), last_game_start=now)
        why = "the actor before is silent or cannot leave"
        return registry, (GameTakenOver(game=game, why=why),) if is_takeover else ()

    def released(
        self, engine: EngineRecord, now: timedelta
    ) -> tuple["Registry", EngineRecord | None]:
        """Records that an actor has ended its game and stands by again; None if it was removed."""
        before = self.current(engine)
        if before is None:
            return self, None
        idle = EngineRecord(
            name=before.name,
            serial=self.last_serial + 1,
            phase=ActorPhase.STANDBY,
            since=now,
            last_seen=now,
            engine=before.engine,
            node=before.node,
            fingerprint=before.fingerprint,
        )
        return replace(_put_engine(self, idle), last_serial=idle.serial), idle

    def leaving(self, engine: EngineRecord, by: timedelta | None) -> "Registry":
        """Records that the actor was asked to hand its game over; None takes that back."""
        before = self.current(engine)
        return self if before is None else _put_engine(self, replace(before, leave_by=by))

    def cannot_leave(self, engine: EngineRecord) -> "Registry":
        """Marks an actor whose code has no hand-over: another actor takes its game over."""
        before = self.current(engine)
        if before is None:
            return self
        return _put_engine(self, replace(before, leave_by=None, is_suspect=True))

    def suspected(self, engine: EngineRecord, now: timedelta) -> "Registry":
        """Marks a silent actor, which counts as lost until it answers."""
        before = self.current(engine)
        if before is None or before.is_suspect:
            return self
        return _put_doubt(_put_engine(self, replace(before, is_suspect=True)), before.node, now)

    def lost(
        self, engine: EngineRecord, why: str, now: timedelta
    ) -> tuple["Registry", tuple[Event, ...]]:
        """Removes an actor that is gone unexpectedly; its game needs another one."""
        before = self.current(engine)
        if before is None:
            return self, ()
        registry = _put_doubt(self.removed(before), before.node, now)
        lost, game = ActorLost(engine=before, why=why), self.game_of(before)
        if game is None or self.owner_of(game.id) != before:
            return registry, (lost,)
        is_death = not before.is_suspect
        game = replace(game, takeovers=game.takeovers + 1, deaths=game.deaths + is_death)
        return _put_game(registry, game), (lost, GameTakenOver(game=game, why=why))

    def removed(self, engine: EngineRecord) -> "Registry":
        """Removes an actor; idempotent."""
        if self.current(engine) is None:
            return self
        others = {name: one for name, one in self.engines.items() if name != engine.name}
        return replace(self, engines=others)


def _put_game(registry: Registry, game: GameRecord) -> Registry:
    return replace(registry, games={**registry.games, game.id: game})


def _put_engine(registry: Registry, engine: EngineRecord) -> Registry:
    return replace(registry, engines={**registry.engines, engine.name: engine})


def _put_doubt(registry: Registry, node: NodeId | None, now: timedelta) -> Registry:
    return registry if node is None else replace(registry, doubts={**registry.doubts, node: now})


def _introduced(registry: Registry, engine: EngineRecord, report: EngineReport) -> Registry:
    """Records the first report of an actor, and the game that it plays."""
    if report.phase is not ActorPhase.PLAYING or report.game is None:
        return _put_engine(registry, replace(engine, phase=report.phase))
    owner = registry.owner_of(report.game)
    is_taken = owner is not None and (owner.was_assigned or owner.epoch >= report.epoch)
    registry, game = registry.with_game(GameRecord(id=report.game, engine=report.engine))
    if game is None or is_taken:
        return _put_engine(registry, replace(engine, phase=ActorPhase.ENDING))
    game = replace(
        game,
        epoch=max(game.epoch, report.epoch),
        takeovers=max(game.takeovers, report.takeovers),
        deaths=max(game.deaths, report.deaths),
    )
    playing = replace(engine, phase=ActorPhase.PLAYING, game=game.id, epoch=report.epoch)
    return _put_engine(_put_game(registry, game), playing)
