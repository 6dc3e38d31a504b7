"""Lichess's request limits: one counter per key, in a window that its first charge opens.

No I/O here. Source: Lichess. Below the allowance a call passes and adds its cost, even beyond the
allowance. At or above the allowance calls fail until the window ends.
"""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimit:
    """An allowance within a time window."""

    name: str
    allowance: int
    window: timedelta


EVENTS = RequestLimit(name="event-stream", allowance=30, window=timedelta(minutes=10))
ACCOUNT = RequestLimit(name="account", allowance=30, window=timedelta(minutes=5))
CHALLENGE_MINUTE = RequestLimit(name="challenge-minute", allowance=25, window=timedelta(minutes=1))
CHALLENGE_DAY = RequestLimit(name="challenge-day", allowance=200, window=timedelta(days=1))
BOT_DAY = RequestLimit(name="bot.vsBot.day", allowance=100, window=timedelta(days=1))


class RequestLimits:
    """All counters of a sandbox; without `enabled` everything passes, for benchmarks."""

    def __init__(self, *, enabled: bool = True) -> None:
        self._enabled = enabled
        self._counters: dict[tuple[str, str], tuple[int, float]] = {}

    def charge(self, limit: RequestLimit, key: str, now_ms: float, cost: int = 1) -> bool:
        """Counts a call; False when over the limit, and then the call costs nothing."""
        if cost == 0 or not self._enabled:
            return True
        if self.wait_s(limit, key, now_ms) > 0:
            return False
        used, until_ms = self._live(limit, key, now_ms)
        self._counters[limit.name, key] = (used + cost, until_ms)
        return True

    def wait_s(self, limit: RequestLimit, key: str, now_ms: float) -> int:
        """Seconds until a key is allowed again; 0 when it is now."""
        used, until_ms = self._live(limit, key, now_ms)
        if not self._enabled or used < limit.allowance:
            return 0
        return max(1, round((until_ms - now_ms) / 1000))

    def _live(self, limit: RequestLimit, key: str, now_ms: float) -> tuple[int, float]:
        used, until_ms = self._counters.get((limit.name, key), (0, 0.0))
        if now_ms < until_ms:
            return used, until_ms
        return 0, now_ms + limit.window / timedelta(milliseconds=1)
