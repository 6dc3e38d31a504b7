"""Logs and counts what happens to games and actors."""

from structlog.typing import FilteringBoundLogger

from actors.messages import Outcome
from actors.worker_set.gauges import ACTOR_STATES
from crabstick.rules.registry_records import (
    ActorLost,
    EngineRecord,
    Event,
    GameRecord,
    GameTakenOver,
)
from crabstick.telemetry import log_events
from crabstick.telemetry.bot_metrics import BotMetrics

LOST_ON_TIME = frozenset({"outoftime", "timeout"})
"""Source: Lichess's status names; `timeout` is a player who was away for too long."""


class EventLog:
    """Turns events into log lines and counts."""

    def __init__(self, log: FilteringBoundLogger, metrics: BotMetrics) -> None:
        self._log = log
        self._metrics = metrics

    def event(self, event: Event) -> None:
        """The registry reports an event."""
        match event:
            case GameTakenOver(game=game, why=why):
                self._metrics.inc("crabstick_takeovers_total")
                self._log.warning(
                    log_events.GAME_TAKEN_OVER, game_id=game.id, takeovers=game.takeovers, why=why
                )
            case ActorLost(engine=engine, why=why):
                self.engine_lost(engine, why)

    def engine_lost(self, engine: EngineRecord, why: str) -> None:
        """An actor has gone, or can no longer be used."""
        self._log.warning(log_events.ACTOR_LOST, actor=engine.name, game_id=engine.game, why=why)
        if engine.phase in ACTOR_STATES:
            self._metrics.inc("crabstick_actors_lost_total", ACTOR_STATES[engine.phase])

    def useless(self, engine: EngineRecord, *, is_kept: bool) -> None:
        """An actor started, but cannot play."""
        self._log.error(log_events.ACTOR_USELESS, actor=engine.name, why=engine.problem)
        if not is_kept:
            self._metrics.inc("crabstick_actors_lost_total", "useless")

    def game_ended(self, engine: EngineRecord, game: GameRecord, outcome: Outcome) -> None:
        """An actor played its game to the end."""
        self._metrics.inc("crabstick_games_finished_total", outcome.result or "aborted")
        if outcome.result == "lost" and outcome.status in LOST_ON_TIME:
            self._metrics.inc("crabstick_games_lost_on_time_total")
        self._log.info(
            log_events.GAME_FINISHED,
            game_id=game.id,
            actor=engine.name,
            status=outcome.status,
            result=outcome.result,
            takeovers=game.takeovers,
        )

    def handed_over(self, engine: EngineRecord) -> None:
        """An actor left its game, so that another actor gets it."""
        self._metrics.inc("crabstick_handovers_total")
        self._log.info(log_events.GAME_HANDED_OVER, game_id=engine.game, actor=engine.name)
