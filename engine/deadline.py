"""Enforces the deadline of a search from outside: `stop`, a grace period, then a kill.

Costs one timer per search.
"""

from datetime import timedelta
from typing import Any

from chess.engine import BaseCommand

from engine import diagnosis
from engine.bounded_uci import BoundedUci


class Deadline:
    """Runs from its creation until `cancel`.

    Args:
        protocol: the conversation in which a search is about to start.
        label: the engine's name in error messages.
        after: until `stop` is sent.
        grace: from `stop` until the process is killed.
    """

    __slots__ = ("_after", "_grace", "_label", "_protocol", "_timer")

    def __init__(
        self, protocol: BoundedUci, label: str, after: timedelta, grace: timedelta
    ) -> None:
        self._protocol = protocol
        self._label = label
        self._after = after
        self._grace = grace
        self._timer = protocol.loop.call_later(after.total_seconds(), self._stop)

    def cancel(self) -> None:
        """Stops the timer: the search is over."""
        self._timer.cancel()

    def abandon(self) -> None:
        """Kills the engine unless it stops in time; python-chess sends `stop` to it."""
        self._protocol.loop.call_later(
            self._grace.total_seconds(), self._terminate_if_running, self._protocol.command
        )

    def _stop(self) -> None:
        self._timer = self._protocol.loop.call_later(self._grace.total_seconds(), self._terminate)
        self._protocol.send_line("stop")

    def _terminate(self) -> None:
        self._protocol.terminate(diagnosis.hung(self._label, self._after, self._grace))

    def _terminate_if_running(self, command: BaseCommand[Any] | None) -> None:
        if command is not None and self._protocol.command is command:
            self._terminate()
