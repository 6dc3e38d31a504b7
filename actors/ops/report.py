"""What is seen of a running cluster: plain values, for those who judge it without Ray."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final

__all__ = ["SILENCE", "Autoscaler", "ClockOffset", "NodeFacts", "NodeReport", "ScalingReport"]

SHORT: Final = 12
"""Digits of an id that people are shown."""
SILENCE: Final = timedelta(seconds=20)
"""Ray's autoscaler speaks every five seconds; after this it is silent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockOffset:
    """How far a node's clock is ahead of ours: between these two, in seconds."""

    least_s: float
    most_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """A node as it sees itself."""

    python: str
    version: str
    """Of crabstick; empty when its code is not there."""
    code: str
    """A digest of that code."""
    has_token: bool
    has_engine: bool
    flags: Mapping[str, str]
    """Ray's own, by the names of their variables."""
    monitor: str
    """Ray's monitor there: `watches`, `scales`, or empty."""
    clock: ClockOffset


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReport:
    """A living node of the cluster."""

    id: str
    names: tuple[str, ...]
    group: str = ""
    is_head: bool = False
    cpus: float = 0
    slots: int = 0
    """How many EngineActors it holds when it is empty."""
    free_slots: int = 0
    drains_in: timedelta | None = None
    """None unless it drains."""
    look: NodeFacts | None = None
    unseen: str = ""
    """Why there is no look."""
    is_lost: bool = False
    """Whether it was asked for one, and gave none."""

    def __str__(self) -> str:
        """As people are shown it."""
        return f"{self.id[:SHORT]} ({', '.join(self.names)})"


class Autoscaler(Enum):
    """Who makes nodes."""

    NONE = "none"
    V1 = "v1"
    V2 = "v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingReport:
    """How the cluster grows."""

    autoscaler: Autoscaler
    is_silent: bool = False
    """Whether the autoscaler has said nothing for a while."""
    has_no_place: bool = False
    """Whether it knows no group in which a game would fit."""
