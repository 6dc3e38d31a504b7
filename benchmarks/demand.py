"""Pure: the games of a day, and the fewest node-hours that they could cost. Times in seconds."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, TypeAlias

DAY_S: Final = 86_400
SPREAD: Final = 0.6
"""The sigma of the log-normal lengths."""
SHORTEST_S: Final = 20.0

Game: TypeAlias = tuple[int, int]
"""When a game starts and when it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """How many games there are: in the quietest and in the busiest hour, on average."""

    quiet: float
    busy: float
    game_s: float
    """How long a game lasts, on average; few last much longer."""
    period_s: float = DAY_S
    """From one quietest moment to the next."""

    def games(self, rng: random.Random, length_s: int) -> Iterator[Game]:
        """The games, in the order of their starts."""
        mu = math.log(self.game_s) - SPREAD**2 / 2
        at_s = 0.0
        while True:
            at_s += rng.expovariate(self.busy / self.game_s)
            if at_s >= length_s:
                return
            if rng.random() * self.busy < self._level(at_s):
                yield int(at_s), int(at_s + max(SHORTEST_S, rng.lognormvariate(mu, SPREAD)))

    def _level(self, at_s: float) -> float:
        swing = (1 - math.cos(2 * math.pi * at_s / self.period_s)) / 2
        return self.quiet + (self.busy - self.quiet) * swing


def ideal_node_s(games: Sequence[Game], slots: int, boot_s: int, length_s: int) -> int:
    """Node-seconds with perfect foresight: all games packed tightly at every second.

    A node that is needed at some second has to be paid for from `boot_s` before.
    """
    change = [0] * (length_s + 1)
    for start_s, over_s in games:
        change[start_s] += 1
        change[min(over_s, length_s)] -= 1
    needed = [math.ceil(running / slots) for running in accumulate(change[:length_s])]
    return sum(max(needed[at_s : at_s + boot_s + 1]) for at_s in range(length_s))
