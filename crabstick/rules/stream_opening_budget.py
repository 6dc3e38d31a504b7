"""Decides when the event stream may be opened again: soon, but within Lichess's limit.

Pure. Lichess lets a token open its event stream 30 times in ten minutes, and refuses it for the
rest of the ten minutes after that. So the pause grows with each opening in a row that did not last,
but only as far as the budget demands: ten openings may come quickly, and each is forgiven after
half a minute. The unforgiven time is a debt, which outlives the process. Moments are `timedelta` on
one monotonic clock.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from crabstick.rules.retry import next_delay

ENTRY = "openings"
"""The budget's key in the table of rate limits; its value is the moment when all openings are
forgiven."""
ALLOWED = 30
WINDOW = timedelta(minutes=10)
"""Source: lila, rate limit of `/api/stream/event`, counted by token."""
AT_ONCE = 10
FORGIVEN_AFTER = WINDOW / (ALLOWED - AT_ONCE)
MOST_DEBT = AT_ONCE * FORGIVEN_AFTER
STABLE = timedelta(minutes=1)
"""A stream that lived longer did not fail."""
CONTESTED_FROM = 3
"""Lichess's own restarts end a stream once or twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamBudget:
    """The openings of one stream so far.

    Attributes:
        hasty: how many of the latest openings followed one another quickly.
        cut: how many of their streams Lichess itself ended.
        last: when the stream was last opened.
        forgiven_at: when no opening counts any more.
    """

    hasty: int = 0
    cut: int = 0
    last: timedelta = timedelta(0)
    forgiven_at: timedelta = timedelta(0)

    def debt(self, now: timedelta) -> timedelta:
        """The time until all openings are forgiven."""
        return max(self.forgiven_at - now, timedelta(0))

    def owing(self, debt: timedelta, now: timedelta) -> "StreamBudget":
        """Adds the previous process's debt; a wrong clock there costs half a minute at most."""
        return replace(self, forgiven_at=max(self.forgiven_at, now + min(debt, MOST_DEBT)))

    def wait(self, now: timedelta) -> timedelta:
        """How long the budget forbids the next opening."""
        return max(self.debt(now) - (AT_ONCE - 1) * FORGIVEN_AFTER, timedelta(0))

    def is_contested(self, now: timedelta) -> bool:
        """Whether another program seems to open the stream of this token again and again."""
        return self.cut >= CONTESTED_FROM and now - self.last <= STABLE

    def opened(self, now: timedelta) -> "StreamBudget":
        """Records an opening."""
        return replace(self, last=now, forgiven_at=max(self.forgiven_at, now) + FORGIVEN_AFTER)

    def ended(
        self, now: timedelta, draw: float, *, by_lichess: bool = False
    ) -> "tuple[StreamBudget, timedelta]":
        """Records that the stream ended or did not open; returns the pause before the next opening.

        Args:
            now: the moment.
            draw: as for `next_delay`.
            by_lichess: Lichess closed the stream, as it does when another program opens it.
        """
        is_hasty = now - self.last <= STABLE
        hasty = self.hasty if is_hasty else 0
        cut = self.cut + by_lichess if is_hasty else 0
        attempt = min(hasty, self.debt(now) // FORGIVEN_AFTER)
        pause = max(next_delay(attempt, draw), self.wait(now))
        return replace(self, hasty=hasty + 1, cut=cut), pause
