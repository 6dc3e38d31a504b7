"""How well the bot hears Lichess, as the WorkerSet knows it from the EventListener's reports."""

from collections.abc import Callable
from datetime import timedelta

from actors.messages import ListenerStatus

__all__ = ["ListenerHealth"]

QUIET = timedelta(seconds=10)
"""A listener reports every two seconds."""


class ListenerHealth:
    """The last report and when it came; `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._told = ListenerStatus(age_s=0.0)
        self._told_s = clock()

    def hear(self, told: ListenerStatus) -> None:
        """The listener reports."""
        self._told, self._told_s = told, self._clock()

    @property
    def age_s(self) -> float:
        """Seconds since the last byte of Lichess that we know of; it grows without reports, too."""
        return self._told.age_s + self._clock() - self._told_s

    @property
    def problem(self) -> str:
        """Why the bot does not hear well; empty when it does."""
        if self._clock() - self._told_s > QUIET.total_seconds():
            return "the EventListener says nothing: it restarts or hangs; games go on meanwhile"
        return self._told.problem
