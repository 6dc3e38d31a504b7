"""The games on Lichess, the EngineActors, and which actor owns which game, as one value.

Pure. Every operation takes the registry of before and returns the registry of after, with the
events that happened: the WorkerSet keeps the one current value, and logs and counts the events. So
two plans never see the same standby free, and nothing changes between two awaits by half.

The laws (tests/unit/rules/test_registry.py): a game has at most one owner; epochs and takeovers
never fall; a finished game does not come back; every operation may be repeated.

Moments are `timedelta` on one monotonic clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from crabstick.rules.cluster_view import ActorPhase
from crabstick.rules.model import ActorName, GameId, NodeId
from crabstick.rules.registry_records import (
    EngineLost,
    EngineRecord,
    EngineReport,
    Event,
    GameRecord,
    GameTakenOver,
)

__all__ = ["Registry"]

REMEMBERED: Final = 1000
"""Finished games whose ids are kept: ids never come back, and updates are seconds old at most."""
RAY_KNOWS_AFTER: Final = timedelta(seconds=70)
"""Ray calls a silent node dead after 64 s by default (five failures of a check of 10 s each)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """All games and EngineActors of one bot.

    Attributes:
        doubts: the nodes where an actor was lost, and when; the next actor heard there clears it.
        last_game_start: when a game was last given to an actor.
        over: the ids of the games that ended last.
    """

    games: Mapping[GameId, GameRecord] = field(default_factory=dict)
    engines: Mapping[ActorName, EngineRecord] = field(default_factory=dict)
    doubts: Mapping[NodeId, timedelta] = field(default_factory=dict)
    last_game_start: timedelta | None = None
    over: Mapping[GameId, None] = field(default_factory=dict)
    last_serial: int = 0

    # Questions.

    def owner_of(self, game_id: GameId) -> EngineRecord | None:
        """The actor with the latest epoch of this game."""
        playing = (
            engine
            for engine in self.engines.values()
            if engine.game == game_id and engine.phase is ActorPhase.PLAYING
        )
        return max(playing, key=lambda engine: engine.epoch, default=None)

    def is_owner(self, game_id: GameId, actor: str, epoch: int) -> bool | None:
        """Whether this claim is good; None when the game has no owner here."""
        owner = self.owner_of(game_id)
        return None if owner is None else (owner.name, owner.epoch) == (actor, epoch)

    def current(self, engine: EngineRecord) -> EngineRecord | None:
        """The record of the same actor as it is now; None when the actor was removed."""
        now = self.engines.get(engine.name)
        return now if now is not None and now.serial == engine.serial else None

    def game_of(self, engine: EngineRecord) -> GameRecord | None:
        """The running game of an actor."""
        return None if engine.game is None else self.games.get(engine.game)

    def waiting(self) -> list[GameRecord]:
        """Running games without an actor, or with a silent one: there should be none."""
        played = {engine.game for engine in self.engines.values() if not engine.is_suspect}
        running = (game for game in self.games.values() if game.finished_at is None)
        return [game for game in running if game.id not in played]

    def is_any_abandoned(self) -> bool:
        """Whether a game that had an actor has none."""
        return any(game.epoch for game in self.waiting())

    def is_any_unreported(self) -> bool:
        """Whether an adopted actor has not said yet what it plays."""
        return any(engine.is_unreported for engine in self.engines.values())

    def doubtful_nodes(self, now: timedelta) -> set[NodeId]:
        """The nodes in doubt; after a while Ray itself knows which of them live."""
        return {node for node, since in self.doubts.items() if now - since < RAY_KNOWS_AFTER}

    # Games.

    def with_game(self, update: GameRecord) -> tuple["Registry", GameRecord | None]:
        """A game runs. Repeating it changes only what the update says; None: the game is over."""
        if update.id in self.over:
            return self, None
        game = self.games.get(update.id, GameRecord(id=update.id))
        game = replace(
            game,
            opponent=update.opponent or game.opponent,
            speed=update.speed or game.speed,
            urgency=update.urgency,
        )
        return _put_game(self, game), game

    def finished(self, game_id: GameId, now: timedelta) -> "Registry":
        """Lichess says that the game is over; its actor reads that from the game's own stream."""
        game = self.games.get(game_id)
        if game is None:
            return self.ended(game_id)[0]  # an older list must not bring the game back
        return _put_game(self, replace(game, finished_at=game.finished_at or now))

    def ended(self, game_id: GameId) -> tuple["Registry", GameRecord | None]:
        """The game is over for good, and no update brings it back; None: it was not known."""
        over = {**self.over, game_id: None}
        if len(over) > REMEMBERED:
            del over[next(iter(over))]
        game = self.games.get(game_id)
        games = {id_: one for id_, one in self.games.items() if id_ != game_id}
        return replace(self, games=games, over=over), game

    def called_our_turn(
        self, game_id: GameId, *, is_our_turn: bool
    ) -> tuple["Registry", int | None]:
        """Lichess says whose turn it is; returns the ply of an actor that seems to miss a line.

        An actor that stands at the same ply at two calls in a row may think for long, or wait for
        a line that got lost.
        """
        game, owner = self.games.get(game_id), self.owner_of(game_id)
        if game is None:
            return self, None
        ply = owner.ply if is_our_turn and owner is not None else None
        is_behind = ply is not None and ply == game.called_at_ply
        return _put_game(self, replace(game, called_at_ply=ply)), ply if is_behind else None

    # Actors.

    def entered(
        self,
        name: ActorName,
        now: timedelta,
        node: NodeId | None = None,
        *,
        is_adopted: bool = False,
    ) -> tuple["Registry", EngineRecord]:
        """A new actor, of which only the name is known."""
        engine = EngineRecord(
            name=name,
            serial=self.last_serial + 1,
            since=now,
            last_seen=now,
            node=node,
            is_adopted=is_adopted,
        )
        return replace(_put_engine(self, engine), last_serial=engine.serial), engine

    def described(self, engine: EngineRecord, report: EngineReport, now: timedelta) -> "Registry":
        """An actor described itself: what it plays and where is its word, ownership is ours."""
        before = self.current(engine)
        if before is None:
            return self
        heard = replace(
            before,
            last_seen=now,
            is_suspect=False,
            node=report.node,
            problem=report.problem,
            lacks_engine=report.lacks_engine,
            ply=report.ply,
            time_left=report.time_left,
            progress=report.progress,
        )
        doubts = {node: since for node, since in self.doubts.items() if node != report.node}
        registry = replace(_put_engine(self, heard), doubts=doubts)
        if before.phase is not ActorPhase.STARTING:
            return registry
        return _introduced(registry, replace(heard, since=now), report)

    def assigned(
        self, game_id: GameId, name: ActorName, now: timedelta
    ) -> tuple["Registry", tuple[Event, ...]]:
        """The game belongs to this actor from now on, and to no other."""
        before, game = self.owner_of(game_id), self.games[game_id]
        game = replace(game, epoch=game.epoch + 1)
        is_takeover = before is not None and before.is_suspect
        if is_takeover:
            game = replace(game, takeovers=game.takeovers + 1)
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

    def leaving(self, engine: EngineRecord, by: timedelta | None) -> "Registry":
        """The actor was asked to hand its game over; None takes that back."""
        before = self.current(engine)
        return self if before is None else _put_engine(self, replace(before, leave_by=by))

    def cannot_leave(self, engine: EngineRecord) -> "Registry":
        """The actor runs code that knows no hand-over: another one takes its game over."""
        before = self.current(engine)
        if before is None:
            return self
        return _put_engine(self, replace(before, leave_by=None, is_suspect=True))

    def suspected(self, engine: EngineRecord, now: timedelta) -> "Registry":
        """The actor is silent, and counts as lost until it is heard."""
        before = self.current(engine)
        if before is None or before.is_suspect:
            return self
        return _put_doubt(_put_engine(self, replace(before, is_suspect=True)), before.node, now)

    def lost(
        self, engine: EngineRecord, why: str, now: timedelta
    ) -> tuple["Registry", tuple[Event, ...]]:
        """The actor is gone and was not meant to go: its game, if any, needs another one."""
        before = self.current(engine)
        if before is None:
            return self, ()
        engine = before
        events: list[Event] = [EngineLost(engine=engine, why=why)]
        registry = _put_doubt(self.removed(engine), engine.node, now)
        game = self.game_of(engine)
        owner = self.owner_of(game.id) if game else None
        if game is not None and owner is not None and owner.serial == engine.serial:
            is_death = not engine.is_suspect
            game = replace(game, takeovers=game.takeovers + 1, deaths=game.deaths + is_death)
            registry = _put_game(registry, game)
            events.append(GameTakenOver(game=game, why=why))
        return registry, tuple(events)

    def removed(self, engine: EngineRecord) -> "Registry":
        """The actor is ended, and forgotten."""
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
    """The actor says for the first time what it plays."""
    if report.phase is not ActorPhase.PLAYING or report.game is None:
        return _put_engine(registry, replace(engine, phase=report.phase))
    owner = registry.owner_of(report.game)
    is_taken = owner is not None and (owner.was_assigned or owner.epoch >= report.epoch)
    registry, game = registry.with_game(GameRecord(id=report.game))
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
