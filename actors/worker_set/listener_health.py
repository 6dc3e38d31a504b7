"""How well the bot hears Lichess, by the reports of the EventListener."""

from collections.abc import Callable
from datetime import timedelta

from actors.messages import ListenerStatus

REPORTS_WITHIN = timedelta(seconds=10)
"""A listener reports every two seconds."""


class ListenerHealth:
    """The last report and when it came; `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._status = ListenerStatus(age_s=0.0)
        self._reported_s = clock()

    def report(self, status: ListenerStatus) -> None:
        """The listener reports."""
        self._status, self._reported_s = status, self._clock()

    @property
    def age_s(self) -> float:
        """Seconds since the last known byte from Lichess; it grows without reports, too."""
        return self._status.age_s + self._clock() - self._reported_s

    @property
    def problem(self) -> str:
        """Why the bot does not hear well; empty when it does."""
        if self._clock() - self._reported_s > REPORTS_WITHIN.total_seconds():
            return "the EventListener says nothing: it restarts or hangs; games go on meanwhile"
        return self._status.problem
