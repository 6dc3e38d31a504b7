"""How soon the event stream may be opened again: soon, and never so often that Lichess says no.

Pure. Lichess lets a token open its event stream 30 times in ten minutes, and is deaf to it for the
rest of the ten minutes after that. So the pause grows with the openings in a row that did not last,
but only as far as the budget asks for: ten of them may come quickly, and each is forgiven after
half a minute. Moments are `timedelta` on one monotonic clock; what is not forgiven yet is a debt,
which outlives the process.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from crabstick.rules.retry import next_delay

__all__ = ["ALLOWED", "WINDOW", "StreamBudget"]

ALLOWED = 30
WINDOW = timedelta(minutes=10)
"""Source: lila, rate limit of `/api/stream/event`, counted by token."""
AT_ONCE = 10
FORGIVEN_AFTER = WINDOW / (ALLOWED - AT_ONCE)
MOST_DEBT = AT_ONCE * FORGIVEN_AFTER
STABLE = timedelta(minutes=1)
"""A stream that lived longer was no failure, whatever came before it."""
CONTESTED_FROM = 3
"""Lichess's own restarts end a stream once or twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamBudget:
    """The openings of one stream so far.

    `hasty` counts the last ones in a row that came soon after one another, `cut` those whose stream
    Lichess itself ended soon; `forgiven_at` is when none counts any more.
    """

    hasty: int = 0
    cut: int = 0
    last: timedelta = timedelta(0)
    forgiven_at: timedelta = timedelta(0)

    def debt(self, now: timedelta) -> timedelta:
        """The time until all openings are forgiven."""
        return max(self.forgiven_at - now, timedelta(0))

    def owing(self, debt: timedelta, now: timedelta) -> "StreamBudget":
        """With what the process before has spent; a clock that went wrong costs half a minute."""
        return replace(self, forgiven_at=max(self.forgiven_at, now + min(debt, MOST_DEBT)))

    def wait(self, now: timedelta) -> timedelta:
        """How long the budget forbids the next opening."""
        return max(self.debt(now) - (AT_ONCE - 1) * FORGIVEN_AFTER, timedelta(0))

    def is_contested(self, now: timedelta) -> bool:
        """Whether somebody else seems to open the stream of this token, again and again."""
        return self.cut >= CONTESTED_FROM and now - self.last <= STABLE

    def opened(self, now: timedelta) -> "StreamBudget":
        """The stream is being opened."""
        return replace(self, last=now, forgiven_at=max(self.forgiven_at, now) + FORGIVEN_AFTER)

    def ended(
        self, now: timedelta, draw: float, *, by_lichess: bool = False
    ) -> "tuple[StreamBudget, timedelta]":
        """The stream has ended, or could not be opened: the pause before the next opening.

        Args:
            now: the moment.
            draw: as for `next_delay`.
            by_lichess: Lichess closed it, as it does when another one opens.
        """
        is_hasty = now - self.last <= STABLE
        hasty = self.hasty if is_hasty else 0
        cut = self.cut + by_lichess if is_hasty else 0
        attempt = min(hasty, self.debt(now) // FORGIVEN_AFTER)
        pause = max(next_delay(attempt, draw), self.wait(now))
        return replace(self, hasty=hasty + 1, cut=cut), pause
