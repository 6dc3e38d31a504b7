"""The findings of a probe of a running cluster; `crabstick check` judges them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final

from crabstick.rules.cluster_view import ClusterNode

SILENCE: Final = timedelta(seconds=20)
"""Ray's autoscaler reports every five seconds; after this time it counts as silent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockOffset:
    """How far a node's clock is ahead of ours: between these two figures, in seconds."""

    least_s: float
    most_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What a probe found on a node.

    Attributes:
        version: the version of crabstick; empty when its code is missing.
        code: a digest of that code.
        flags: Ray's flags, by the names of their variables.
        monitor: Ray's monitor there: `watches`, `scales`, or empty.
    """

    python: str
    version: str
    code: str
    has_token: bool
    has_engine: bool
    flags: Mapping[str, str]
    monitor: str
    clock: ClockOffset


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReport(ClusterNode):
    """A living node of the cluster, and the facts about it.

    Attributes:
        facts: None when the node was not probed, or did not answer.
        unseen: why there are no facts.
        is_lost: whether the node was probed, and did not answer.
    """

    facts: NodeFacts | None = None
    unseen: str = ""
    is_lost: bool = False


class Autoscaler(Enum):
    """Ray's autoscaler, by its version."""

    NONE = "none"
    V1 = "v1"
    V2 = "v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingReport:
    """How the cluster grows.

    Attributes:
        is_silent: whether the autoscaler has stopped reporting.
        homeless: the engines that fit none of the groups of nodes that the autoscaler knows.
    """

    autoscaler: Autoscaler
    is_silent: bool = False
    homeless: tuple[str, ...] = ()
