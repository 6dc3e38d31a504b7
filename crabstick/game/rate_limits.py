"""The rate limits of the bot's account, as far as this process knows them.

Lichess limits the account, not the process that met the 429. So the WorkerSet has a table, and
each other actor has one. Messages carry the sender's table, and the receiver merges it. Of two
entries for one endpoint the later moment wins, so messages may be lost, repeated or reordered:
processes that have merged the same entries have the same table. Callers decide what a limit means
for them.
"""

import math
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

from crabstick.rules.lichess_types import Endpoint
from crabstick.rules.retry import LONGEST_COOL_DOWN

_MS = timedelta(milliseconds=1)


class RateLimits:
    """One process's table of rate limits.

    Args:
        clock: monotonic seconds; the wall clock is read once, so its later changes affect no wait.
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
        self._until_ms: dict[str, int] = {}  # in Unix time, which the processes share

    def hit(self, endpoint: Endpoint, wait: timedelta) -> None:
        """Records and shares a 429: no process uses this endpoint again within `wait`."""
        self.note_wait(endpoint, wait)
        self._on_hit()

    def note_wait(self, what: str, wait: timedelta) -> None:
        """Records that `what` waits; other processes learn of the wait with the next message."""
        self.merge({what: math.ceil(self._now_ms() + wait / _MS)})

    def merge(self, exported: Mapping[str, int]) -> None:
        """Adds what another process exported."""
        for what, ms in exported.items():
            self._until_ms[what] = max(self._until_ms.get(what, ms), ms)

    def wait(self, what: str) -> timedelta:
        """How long `what` still waits: at most a day, even if another node's clock is wrong."""
        left = (self._until_ms.get(what, 0) - self._now_ms()) * _MS
        return max(timedelta(0), min(left, LONGEST_COOL_DOWN))

    def export(self) -> dict[str, int]:
        """The limits that still hold, in Unix ms, for another process."""
        now_ms = self._now_ms()
        return {what: ms for what, ms in self._until_ms.items() if ms > now_ms}

    def _now_ms(self) -> float:
        return (self._began_s + self._clock()) * 1000
