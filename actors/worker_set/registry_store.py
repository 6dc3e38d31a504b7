"""The one mutable cell of the WorkerSet: the registry as it is now."""

from collections.abc import Callable
from typing import TypeVar

from crabstick.rules.registry import Registry
from crabstick.rules.registry_records import Event

__all__ = ["RegistryStore"]

T = TypeVar("T")


class RegistryStore:
    """Holds the current registry; `on_event` gets each event that an operation reports."""

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self._on_event = on_event
        self.registry = Registry()

    def take(self, result: tuple[Registry, T]) -> T:
        """Keeps the new registry, and returns the other half of the result."""
        self.registry, other = result
        return other

    def record(self, result: tuple[Registry, tuple[Event, ...]]) -> None:
        """Keeps the new registry, and passes on what happened."""
        for event in self.take(result):
            self._on_event(event)
