"""What a probe finds in a running cluster, as plain values that `crabstick check` judges."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final

from crabstick.rules.cluster_view import ClusterNode

__all__ = ["SILENCE", "Autoscaler", "ClockOffset", "NodeFacts", "NodeReport", "ScalingReport"]

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
class NodeReport(ClusterNode):
    """A living node of the cluster, and what a probe found there.

    Attributes:
        facts: None when the node was not probed.
        unseen: why it was not.
        is_lost: whether the node was asked, and did not answer.
    """

    facts: NodeFacts | None = None
    unseen: str = ""
    is_lost: bool = False


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
