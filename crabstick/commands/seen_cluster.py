"""A running cluster as one value, and the words that its points share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from actors.ops.report import NodeFacts, NodeReport, ScalingReport
from crabstick.errors import CrabstickError

__all__ = ["Found", "SeenCluster", "Words", "having", "named"]

MOST_NAMED = 5

Words = str | CrabstickError
Found = Iterator[Words]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenCluster:
    """A running cluster, as it was found from here."""

    address: str
    ray: str
    python: str
    """Ours; Ray lets nobody in with another one."""
    version: str
    """Our crabstick's, and in `code` what it consists of."""
    code: str
    nodes: Sequence[NodeReport]
    scaling: ScalingReport
    is_own: bool = False
    """Whether `crabstick up` started it on this machine."""

    @property
    def head(self) -> NodeReport | None:
        """The node with the bot itself."""
        return next((node for node in self.nodes if node.is_head), None)

    @property
    def players(self) -> tuple[NodeReport, ...]:
        """The nodes that games may be on."""
        return tuple(node for node in self.nodes if node.slots)

    @property
    def seen(self) -> tuple[tuple[NodeReport, NodeFacts], ...]:
        """Those that somebody looked at."""
        return tuple((node, node.look) for node in self.nodes if node.look is not None)

    @property
    def is_meant_to_grow(self) -> bool:
        """Whether KubeRay or `ray up` made it: they name the groups of their nodes."""
        return any(node.group for node in self.nodes)


def named(nodes: Sequence[NodeReport]) -> str:
    """A few of them, and how many more."""
    more = len(nodes) - MOST_NAMED
    first = ", ".join(str(node) for node in nodes[:MOST_NAMED])
    return f"{first} and {more} more" if more > 0 else first


def having(nodes: Sequence[NodeReport]) -> str:
    """The beginning of a sentence about what they have."""
    return f"{named(nodes)} {'has' if len(nodes) == 1 else 'have'}"
