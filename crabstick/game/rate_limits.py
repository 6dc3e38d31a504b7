"""What this process knows of the limits that Lichess has put on the bot, wherever they were met.

The WorkerSet has one such board, and every other actor has one of its own; they tell each other
what stands on them. What is decided by it is the business of whoever asks.
"""

import math
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

from crabstick.rules.limits import Endpoint, RateLimitTable

__all__ = ["RateLimits"]


def _nobody() -> None:
    """There is nobody to tell."""


class RateLimits:
    """The limits, on the wall clock of the moment when the board was put up.

    Args:
        clock: monotonic seconds; a wall clock that is set meanwhile changes no wait.
        tell: sends what is known to the others; called whenever a limit was met here.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, tell: Callable[[], object] = _nobody
    ) -> None:
        self._clock = clock
        self._tell = tell
        self._began_s = time.time() - clock()
        self._limits = RateLimitTable()

    def met(self, endpoint: Endpoint, wait: timedelta) -> None:
        """Lichess has answered 429: nobody asks for this class again within `wait`."""
        self.note(endpoint, wait)
        self._tell()

    def note(self, what: str, wait: timedelta) -> None:
        """Writes down that `what` waits; the others hear of it with the next report."""
        until_ms = math.ceil(self._now_ms() + wait / timedelta(milliseconds=1))
        self.hear({what: until_ms})

    def hear(self, told: Mapping[str, int]) -> None:
        """Adds what another process knows."""
        self._limits = self._limits.merged(told)

    def wait(self, what: str) -> timedelta:
        """How long `what` still has to wait; zero when it is free."""
        return self._limits.wait(what, self._now_ms())

    def pack(self) -> dict[str, int]:
        """What is not free yet, in Unix ms, for another process."""
        return self._limits.pending(self._now_ms())

    def _now_ms(self) -> float:
        return (self._began_s + self._clock()) * 1000
