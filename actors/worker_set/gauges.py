"""Gauges of this moment, and counters of time that passes; updated once a second."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Final, Generic, TypeVar

from crabstick import __version__
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.cluster_view import ActorPhase, NodeView
from crabstick.rules.limits import ENDPOINTS
from crabstick.rules.model import GameId, NodeId
from crabstick.rules.registry import Registry
from crabstick.telemetry.metrics import Ledger

__all__ = ["Gauges"]

T = TypeVar("T")

ACTOR_STATES: Final = {
    ActorPhase.STARTING: "starting",
    ActorPhase.STANDBY: "standby",
    ActorPhase.PLAYING: "busy",
}


class Durations(Generic[T]):
    """How long each of some things has been in a state."""

    def __init__(self) -> None:
        self._since_s: dict[T, float] = {}

    def ages_s(self, things: Iterable[T], now_s: float) -> dict[T, float]:
        """How long each of the things that are in the state now has been."""
        self._since_s = {thing: self._since_s.get(thing, now_s) for thing in things}
        return {thing: now_s - since_s for thing, since_s in self._since_s.items()}

    def longest_s(self, things: Iterable[T], now_s: float) -> float:
        """The longest of these times; 0 when there is none."""
        return max(self.ages_s(things, now_s).values(), default=0.0)


class Gauges:
    """Writes what the registry and the nodes look like into a ledger.

    Args:
        ledger: what the metrics show.
        clock: monotonic seconds, the same that the registry's moments are on.
    """

    def __init__(self, ledger: Ledger, clock: Callable[[], float]) -> None:
        self.ledger = ledger
        self._clock = clock
        self._updated_s = clock()
        self._new = Durations[GameId]()
        self._begun = Durations[GameId]()
        self._draining = Durations[NodeId]()
        ledger.set("crabstick_start_time_seconds", time.time())
        ledger.set("crabstick_build_info", 1, __version__)

    def show(self, registry: Registry, nodes: Collection[NodeView]) -> None:
        """Updates the gauges; what a node does now it has done since the last update."""
        now_s = self._clock()
        self._show_games(registry, now_s)
        self._show_actors(registry, now_s)
        self._show_nodes(registry, nodes, now_s)
        self._updated_s = now_s

    def show_limits(self, rate_limits: RateLimits) -> None:
        """How long Lichess makes the bot wait, by endpoint."""
        for endpoint in ENDPOINTS:
            wait_s = rate_limits.wait(endpoint).total_seconds()
            self.ledger.set("crabstick_rate_limit_wait_seconds", wait_s, endpoint)

    def _show_games(self, registry: Registry, now_s: float) -> None:
        show, waiting = self.ledger.set, registry.waiting()
        show("crabstick_games", len(registry.games) - len(waiting), "playing")
        show("crabstick_games", len(waiting), "waiting")
        new = self._new.longest_s([game.id for game in waiting if not game.epoch], now_s)
        begun = self._begun.longest_s([game.id for game in waiting if game.epoch], now_s)
        show("crabstick_game_wait_seconds", new, "new")
        show("crabstick_game_wait_seconds", begun, "begun")

    def _show_actors(self, registry: Registry, now_s: float) -> None:
        engines = registry.engines.values()
        phases = Counter(engine.phase for engine in engines)
        for phase, state in ACTOR_STATES.items():
            self.ledger.set("crabstick_actors", phases[phase], state)
        starting = (engine for engine in engines if engine.phase is ActorPhase.STARTING)
        since_s = min((engine.since.total_seconds() for engine in starting), default=now_s)
        self.ledger.set("crabstick_actor_start_seconds", max(now_s - since_s, 0))

    def _show_nodes(self, registry: Registry, nodes: Collection[NodeView], now_s: float) -> None:
        show = self.ledger.set
        engines = registry.engines.values()
        playing = [engine.node for engine in engines if engine.phase is ActorPhase.PLAYING]
        staffed = {engine.node for engine in engines}
        draining = {node.id for node in nodes if node.is_draining}
        show("crabstick_nodes", len(nodes) - len(draining), "alive")
        show("crabstick_nodes", len(draining), "draining")
        free = sum(node.free_slots for node in nodes if not node.is_draining)
        show("crabstick_free_slots", free)
        show("crabstick_games_on_draining_nodes", sum(node in draining for node in playing))
        ages_s = self._draining.ages_s(draining, now_s)
        for state, nodes_of_it in (
            ("busy", draining.intersection(playing)),
            ("empty", draining.difference(playing)),
        ):
            oldest_s = max((ages_s[node] for node in nodes_of_it), default=0)
            show("crabstick_drain_age_seconds", oldest_s, state)
        passed_s = max(now_s - self._updated_s, 0)
        for node in nodes:
            state = "busy" if node.id in playing else "standby" if node.id in staffed else "idle"
            self.ledger.inc("crabstick_node_seconds_total", state, by=passed_s)
