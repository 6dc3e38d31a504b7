"""The end of a search, enforced from outside: `stop`, a grace, then the end of the process.

One timer per search; nothing else happens unless it rings.
"""

from datetime import timedelta
from typing import Any

from chess.engine import BaseCommand

from engine import diagnosis
from engine.bounded_uci import BoundedUci

__all__ = ["Deadline"]


class Deadline:
    """Runs from its creation until `cancel`.

    Args:
        protocol: the conversation in which a search is about to start.
        label: what the user calls the engine.
        after: until `stop` is sent.
        grace: from `stop` until the process is ended.
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
        """The search is over."""
        self._timer.cancel()

    def abandon(self) -> None:
        """Nobody waits any more: python-chess says `stop`; we see to it that the engine does."""
        self._protocol.loop.call_later(
            self._grace.total_seconds(), self._end_if_busy_with, self._protocol.command
        )

    def _stop(self) -> None:
        self._timer = self._protocol.loop.call_later(self._grace.total_seconds(), self._end)
        self._protocol.send_line("stop")

    def _end(self) -> None:
        self._protocol.condemn(diagnosis.hung(self._label, self._after, self._grace))

    def _end_if_busy_with(self, command: BaseCommand[Any] | None) -> None:
        if command is not None and self._protocol.command is command:
            self._end()
