"""Holds the current registry, the one mutable cell of the WorkerSet."""

from collections.abc import Callable
from typing import TypeVar

from crabstick.rules.registry import Registry
from crabstick.rules.registry_records import Event

T = TypeVar("T")


class RegistryStore:
    """The current registry; `on_event` gets each event that an operation reports."""

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self._on_event = on_event
        self.registry = Registry()

    def take(self, result: tuple[Registry, T]) -> T:
        """Keeps the new registry, and returns the other part of the result."""
        self.registry, other = result
        return other

    def record(self, result: tuple[Registry, tuple[Event, ...]]) -> None:
        """Keeps the new registry, and passes the events on."""
        for event in self.take(result):
            self._on_event(event)
