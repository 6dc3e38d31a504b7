"""What the WorkerSet reports: log lines and counts of events, gauges, Ray's metrics, statistics."""

import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from typing import Final, Generic, TypeVar, cast

from ray.util import metrics as ray_metrics
from structlog.typing import FilteringBoundLogger

from actors.messages import ActorConfig, ActorRow, GameRow, ListenerStatus, Outcome, Statistics
from crabstick import __version__
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.cluster_view import ActorPhase, ClusterNode, EngineRecord, GameRecord
from crabstick.rules.lichess_types import ENDPOINTS, GameId, NodeId
from crabstick.rules.registry import ActorLost, Event, GameTakenOver, Registry
from crabstick.telemetry import log_events
from crabstick.telemetry.bot_metrics import BotMetrics
from crabstick.telemetry.metric_definitions import METRICS, Metric

T = TypeVar("T")

ACTOR_STATES: Final = {
    ActorPhase.STARTING: "starting",
    ActorPhase.STANDBY: "standby",
    ActorPhase.PLAYING: "busy",
}
"""The label values of the metrics on actors."""
LOST_ON_TIME = frozenset({"outoftime", "timeout"})
"""Source: Lichess's status names; `timeout` means that a player was away for too long."""
SHORTAGE_LASTS = timedelta(seconds=30)
"""EngineActors report every ten seconds while they play."""
REPORTS_WITHIN = timedelta(seconds=10)
"""A listener reports every two seconds."""


class EventLog:
    """Turns events into log lines and counts."""

    def __init__(self, log: FilteringBoundLogger, metrics: BotMetrics) -> None:
        self._log = log
        self._metrics = metrics

    def event(self, event: Event) -> None:
        """Records an event of the registry."""
        match event:
            case GameTakenOver(game=game, why=why):
                self._metrics.inc("crabstick_takeovers_total")
                self._log.warning(
                    log_events.GAME_TAKEN_OVER, game_id=game.id, takeovers=game.takeovers, why=why
                )
            case ActorLost(engine=engine, why=why):
                self.engine_lost(engine, why)

    def engine_lost(self, engine: EngineRecord, why: str) -> None:
        """Records that an actor has gone, or can no longer be used."""
        self._log.warning(log_events.ACTOR_LOST, actor=engine.name, game_id=engine.game, why=why)
        if engine.phase in ACTOR_STATES:
            self._metrics.inc("crabstick_actors_lost_total", ACTOR_STATES[engine.phase])

    def useless(self, engine: EngineRecord, *, is_kept: bool) -> None:
        """Records that an actor started, but cannot play."""
        self._log.error(log_events.ACTOR_USELESS, actor=engine.name, why=engine.problem)
        if not is_kept:
            self._metrics.inc("crabstick_actors_lost_total", "useless")

    def game_ended(self, engine: EngineRecord, game: GameRecord, outcome: Outcome) -> None:
        """Records that an actor played its game to the end."""
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
        """Records that an actor left its game, so that another actor gets the game."""
        self._metrics.inc("crabstick_handovers_total")
        self._log.info(log_events.GAME_HANDED_OVER, game_id=engine.game, actor=engine.name)


class ListenerHealth:
    """The listener's last report, and its time; `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._status = ListenerStatus(age_s=0.0)
        self._reported_s = clock()

    def report(self, status: ListenerStatus) -> None:
        """Records a report of the listener."""
        self._status, self._reported_s = status, self._clock()

    @property
    def age_s(self) -> float:
        """Seconds since the last known byte from Lichess; it grows without reports, too."""
        return self._status.age_s + self._clock() - self._reported_s

    @property
    def line(self) -> tuple[str, ...]:
        """The challengers who wait for a game."""
        return self._status.line

    @property
    def problem(self) -> str:
        """Why events from Lichess may not arrive; empty when all is well."""
        if self._clock() - self._reported_s > REPORTS_WITHIN.total_seconds():
            return "the EventListener says nothing: it restarts or hangs; games go on meanwhile"
        return self._status.problem


class MemoryHealth:
    """The last report of a machine that is short of memory; `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float], log: FilteringBoundLogger) -> None:
        self._clock = clock
        self._log = log
        self._shortage = ""
        self._reported_s = -math.inf

    def report(self, shortage: str) -> None:
        """Records a report; an empty one says that one machine has enough memory, not that all do.

        The first report of a shortage is logged.
        """
        if shortage:
            if not self.problem:
                self._log.warning(log_events.MEMORY_SHORT, why=shortage)
            self._shortage, self._reported_s = shortage, self._clock()

    @property
    def problem(self) -> str:
        """The shortage, until it has not been reported for a while; empty without one."""
        is_recent = self._clock() - self._reported_s < SHORTAGE_LASTS.total_seconds()
        return self._shortage if is_recent else ""


class Durations(Generic[T]):
    """How long each thing has been in a state."""

    def __init__(self) -> None:
        self._since_s: dict[T, float] = {}

    def ages_s(self, things: Iterable[T], now_s: float) -> dict[T, float]:
        """The age of each of `things`, which are in the state now; forgets all others."""
        self._since_s = {thing: self._since_s.get(thing, now_s) for thing in things}
        return {thing: now_s - since_s for thing, since_s in self._since_s.items()}

    def longest_s(self, things: Iterable[T], now_s: float) -> float:
        """The greatest of `ages_s`; 0 without things."""
        return max(self.ages_s(things, now_s).values(), default=0.0)


class Gauges:
    """Derives metrics from the registry, the nodes and the rate limits.

    Args:
        metrics: the metrics of the bot.
        clock: monotonic seconds, as in the registry.
    """

    def __init__(self, metrics: BotMetrics, clock: Callable[[], float]) -> None:
        self._metrics = metrics
        self._clock = clock
        self._updated_s = clock()
        self._new = Durations[GameId]()
        self._begun = Durations[GameId]()
        self._draining = Durations[NodeId]()
        metrics.set("crabstick_start_time_seconds", time.time())
        metrics.set("crabstick_build_info", 1, __version__)

    def update(
        self, registry: Registry, nodes: Collection[ClusterNode], rate_limits: RateLimits
    ) -> None:
        """Sets the gauges, and adds the time since the last update to each node's present state."""
        now_s = self._clock()
        self._update_games(registry, now_s)
        self._update_actors(registry, now_s)
        self._update_nodes(registry, nodes, now_s)
        self._updated_s = now_s
        for endpoint in ENDPOINTS:
            wait_s = rate_limits.wait(endpoint).total_seconds()
            self._metrics.set("crabstick_rate_limit_wait_seconds", wait_s, endpoint)

    def _update_games(self, registry: Registry, now_s: float) -> None:
        put, waiting = self._metrics.set, registry.waiting()
        put("crabstick_games", len(registry.games) - len(waiting), "playing")
        put("crabstick_games", len(waiting), "waiting")
        new = self._new.longest_s([game.id for game in waiting if not game.epoch], now_s)
        begun = self._begun.longest_s([game.id for game in waiting if game.epoch], now_s)
        put("crabstick_game_wait_seconds", new, "new")
        put("crabstick_game_wait_seconds", begun, "begun")

    def _update_actors(self, registry: Registry, now_s: float) -> None:
        engines = registry.engines.values()
        phases = Counter(engine.phase for engine in engines)
        for phase, state in ACTOR_STATES.items():
            self._metrics.set("crabstick_actors", phases[phase], state)
        starting = (engine for engine in engines if engine.phase is ActorPhase.STARTING)
        since_s = min((engine.since.total_seconds() for engine in starting), default=now_s)
        self._metrics.set("crabstick_actor_start_seconds", max(now_s - since_s, 0))

    def _update_nodes(
        self, registry: Registry, nodes: Collection[ClusterNode], now_s: float
    ) -> None:
        put = self._metrics.set
        engines = registry.engines.values()
        playing = [engine.node for engine in engines if engine.phase is ActorPhase.PLAYING]
        staffed = {engine.node for engine in engines}
        draining = {node.id for node in nodes if node.is_draining}
        put("crabstick_nodes", len(nodes) - len(draining), "alive")
        put("crabstick_nodes", len(draining), "draining")
        put("crabstick_free_slots", sum(node.free_slots for node in nodes if not node.is_draining))
        put("crabstick_games_on_draining_nodes", sum(node in draining for node in playing))
        ages_s = self._draining.ages_s(draining, now_s)
        for state, nodes_of_it in (
            ("busy", draining.intersection(playing)),
            ("empty", draining.difference(playing)),
        ):
            oldest_s = max((ages_s[node] for node in nodes_of_it), default=0)
            put("crabstick_drain_age_seconds", oldest_s, state)
        passed_s = max(now_s - self._updated_s, 0)
        for node in nodes:
            state = "busy" if node.id in playing else "standby" if node.id in staffed else "idle"
            self._metrics.inc("crabstick_node_seconds_total", state, by=passed_s)


def statistics(
    config: ActorConfig,
    registry: Registry,
    rate_limits: RateLimits,
    metrics: BotMetrics,
    problem: str,
) -> Statistics:
    """The state of the bot at this moment."""
    limits = rate_limits.export()
    return Statistics(
        bot=config.bot,
        fingerprint=config.fingerprint,
        problem=problem,
        limits={what: limits[what] for what in ENDPOINTS if what in limits},
        ledger=metrics.snapshot(),
        metrics=metrics.text(),
        games=tuple(_row(registry, game) for game in registry.games.values()),
        actors=tuple(
            ActorRow(name=engine.name, phase=engine.phase.value, node=engine.node or "")
            for engine in registry.engines.values()
        ),
    )


def _row(registry: Registry, game: GameRecord) -> GameRow:
    owner = registry.owner_of(game.id)
    progress = dict(owner.progress) if owner else {}
    return GameRow.model_validate(
        {
            **progress,
            "id": game.id,
            "opponent": progress.get("opponent") or game.opponent,
            "speed": game.speed,
            "takeovers": game.takeovers,
            "actor": owner.name if owner else None,
            "node": owner.node if owner else None,
        }
    )


class RayMirror:
    """The same metrics in `ray.util.metrics`; Ray prefixes their names with `ray_`.

    Ray exports them with those of the cluster. Only the WorkerSet has a mirror, because Ray goes on
    exporting the series of a process after its death.
    """

    def __init__(self) -> None:
        self._metrics = {name: _ray_metric(name, metric) for name, metric in METRICS.items()}
        self._shown: dict[tuple[str, str], float] = {}

    def show(self, snapshot: Mapping[str, object]) -> None:
        """Brings gauges and counters to the values of a snapshot of `BotMetrics`."""
        values = cast("Mapping[str, Mapping[str, float]]", snapshot["values"])
        for name, cells in values.items():
            for label, value in cells.items():
                self._show_value(name, label, value)

    def observe(self, name: str, seconds: float) -> None:
        """Adds a sample to a histogram."""
        histogram = self._metrics[name]
        if isinstance(histogram, ray_metrics.Histogram) and seconds > 0:  # Ray refuses zero
            histogram.observe(seconds)

    def _show_value(self, name: str, label: str, value: float) -> None:
        tag, shown = METRICS[name].label, self._metrics[name]
        tags = {tag: label} if tag else {}
        if isinstance(shown, ray_metrics.Gauge):
            shown.set(value, tags=tags)
        elif isinstance(shown, ray_metrics.Counter):
            increase = value - self._shown.get((name, label), 0)
            self._shown[name, label] = value
            if increase > 0:  # Ray refuses zero
                shown.inc(increase, tags=tags)


def _ray_metric(
    name: str, metric: Metric
) -> ray_metrics.Counter | ray_metrics.Gauge | ray_metrics.Histogram:
    tag_keys = (metric.label,) if metric.label else ()
    match metric.kind:
        case "counter":
            return ray_metrics.Counter(name, metric.help, tag_keys)
        case "gauge":
            return ray_metrics.Gauge(name, metric.help, tag_keys)
        case "histogram":
            return ray_metrics.Histogram(name, metric.help, list(metric.buckets), tag_keys)
