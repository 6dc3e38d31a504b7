"""How soon the event stream may be opened again: soon, and never so often that Lichess says no.

Pure. Lichess lets a token open its event stream 30 times in ten minutes, and is deaf to it for the
rest of the ten minutes after that. So the pause grows with the openings in a row that did not last,
but only as far as the budget asks for: ten of them may come quickly, and each is forgiven after
half a minute. Moments are `timedelta` on one monotonic clock.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from crabstick.rules.retry import next_delay

__all__ = ["ALLOWED", "WINDOW", "Openings"]

ALLOWED = 30
WINDOW = timedelta(minutes=10)
"""Source: lila, rate limit of `/api/stream/event`, counted by token."""
AT_ONCE = 10
FORGIVEN_AFTER = WINDOW / (ALLOWED - AT_ONCE)
STABLE = timedelta(minutes=1)
"""A stream that lived longer was no failure, whatever came before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Openings:
    """The openings of one stream so far.

    `hasty` counts the last ones in a row that came soon after one another; `forgiven_at` is when
    none counts any more.
    """

    hasty: int = 0
    last: timedelta = timedelta(0)
    forgiven_at: timedelta = timedelta(0)

    def opened(self, now: timedelta) -> "Openings":
        """The stream is being opened."""
        return replace(self, last=now, forgiven_at=max(self.forgiven_at, now) + FORGIVEN_AFTER)

    def ended(self, now: timedelta, draw: float) -> "tuple[Openings, timedelta]":
        """The stream has ended, or could not be opened: the pause before the next opening.

        Args:
            now: the moment.
            draw: as for `next_delay`.
        """
        hasty = 0 if now - self.last > STABLE else self.hasty
        debt = max(self.forgiven_at - now, timedelta(0))
        attempt = min(hasty, debt // FORGIVEN_AFTER)
        pause = max(next_delay(attempt, draw), debt - (AT_ONCE - 1) * FORGIVEN_AFTER)
        return replace(self, hasty=hasty + 1), pause
