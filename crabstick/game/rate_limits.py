"""The rate limits of the bot's account, as far as this process knows them.

The WorkerSet has a table, and so has each other actor; their messages carry it, and the receiver
merges it. Callers decide what a limit means for them.
"""

import math
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

from crabstick.rules.rate_limit_table import Endpoint, RateLimitTable


class RateLimits:
    """One process's table of rate limits.

    Args:
        clock: monotonic seconds; the wall clock is read once, so setting it changes no wait.
        on_hit: called after each limit that this process hits, to share it at once.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        on_hit: Callable[[], object] = lambda: None,
    ) -> None:
        self._clock = clock
        self._on_hit = on_hit
        self._began_s = time.time() - clock()
        self._table = RateLimitTable()

    def hit(self, endpoint: Endpoint, wait: timedelta) -> None:
        """Lichess answered 429: no process uses this endpoint again within `wait`."""
        self.note_wait(endpoint, wait)
        self._on_hit()

    def note_wait(self, what: str, wait: timedelta) -> None:
        """Records that `what` waits; the others learn of it with the next message."""
        until_ms = math.ceil(self._now_ms() + wait / timedelta(milliseconds=1))
        self.merge({what: until_ms})

    def merge(self, exported: Mapping[str, int]) -> None:
        """Adds what another process exported."""
        self._table = self._table.merged(exported)

    def wait(self, what: str) -> timedelta:
        """How long `what` still has to wait; zero when it is free."""
        return self._table.wait(what, self._now_ms())

    def export(self) -> dict[str, int]:
        """The limits that still hold, in Unix ms, for another process."""
        return self._table.pending(self._now_ms())

    def _now_ms(self) -> float:
        return (self._began_s + self._clock()) * 1000
