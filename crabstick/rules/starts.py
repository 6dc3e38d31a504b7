"""Whether the actors of an engine start: how long to pause after failures, and when to say so.

Pure. Without an actor a game would wait for ever. A start that only takes long has not failed.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from crabstick.rules.retry import next_delay

NO_JITTER = 0.5
"""The draw for a pause that needs no jitter, because no other process shares it."""
BAD_LUCK = 2
"""An actor may die with its node: so many failures in a row after a success are no problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """How the actors of an engine have started; `failures` in a row, the last one for `why`."""

    was_ready: bool = False
    failures: int = 0
    why: str = ""
    paused_until: timedelta = timedelta.min

    @property
    def problem(self) -> str:
        """Why games with this engine would get no actor; empty if they would."""
        return "" if self.was_ready and self.failures <= BAD_LUCK else self.why

    def failed(self, why: str, now: timedelta) -> "Starts":
        """The starts after one that failed; those that fail during a pause count as one."""
        if now < self.paused_until:
            return replace(self, why=why)
        pause = next_delay(self.failures, NO_JITTER)
        return replace(self, failures=self.failures + 1, why=why, paused_until=now + pause)


READY = Starts(was_ready=True)
"""The starts after one that succeeded."""
