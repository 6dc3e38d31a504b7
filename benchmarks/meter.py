"""Reads what processes use, before, during and at the end of a round of games."""

import time

import psutil

from benchmarks.process_usage import ActorProcesses, growth
from benchmarks.summaries import Costs


class Meter:
    """Made while every actor is on standby; then `note_idle`, `start` and `stop` in this order.

    Args:
        actors: the actors that will play, and their engines.
    """

    def __init__(self, actors: ActorProcesses) -> None:
        self._actors = actors
        self._made_s = time.monotonic()
        self._began_s = actors.cpu_s()
        self._idle_cpu_s_a_second = 0.0
        self._used_s = (0.0, 0.0)
        self._uss_mb = (0.0, 0.0)
        self._rest_of_ray = (0.0, 0)
        self._busy = 0.0
        self.began_ms = 0.0
        """Unix time."""
        self.ended_ms = 0.0
        """Unix time."""

    def note_idle(self) -> None:
        """Notes what was used since the meter was made, and what Ray takes beside the actors."""
        used_s = growth(self._began_s[0], self._actors.cpu_s()[0])
        self._idle_cpu_s_a_second = used_s / (time.monotonic() - self._made_s)
        self._rest_of_ray = self._actors.rest_of_ray()

    def start(self) -> None:
        """Begins the measurement: all games are under way."""
        self.began_ms = time.time() * 1000
        self._began_s = self._actors.cpu_s()
        psutil.cpu_percent()

    def stop(self) -> None:
        """Ends the measurement: the first game is about to end, and its actor with it."""
        self.ended_ms = time.time() * 1000
        actors_s, engines_s = self._actors.cpu_s()
        self._used_s = (growth(self._began_s[0], actors_s), growth(self._began_s[1], engines_s))
        self._busy = psutil.cpu_percent() / 100
        self._uss_mb = self._actors.uss_mb()

    def costs(self, moves: int) -> Costs:
        """The figures, when the bot has played `moves` between `start` and `stop`."""
        window_s = (self.ended_ms - self.began_ms) / 1000
        actors_s, engines_s = self._used_s
        actors_s -= self._idle_cpu_s_a_second * window_s
        return Costs(
            actor_cpu_ms_a_move=1000 * actors_s / max(moves, 1),
            engine_cpu_ms_a_move=1000 * engines_s / max(moves, 1),
            idle_actor_cpu_ms_a_second=1000 * self._idle_cpu_s_a_second / self._actors.size,
            actor_uss_mb=self._uss_mb[0],
            engine_uss_mb=self._uss_mb[1],
            ray_uss_mb=self._rest_of_ray[0],
            ray_processes=self._rest_of_ray[1],
            machine_busy=self._busy,
        )
