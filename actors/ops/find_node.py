"""Finds the node that a person names, for `cluster.drain_node` to drain.

This is Ray's own drain, as after a spot notice or a node's SIGTERM. The WorkerSet notices the drain
and moves the games. Ray starts nothing more on the node, and ends the node once it is empty.
"""

from collections.abc import Sequence
from typing import Final

from actors.cluster import read_nodes
from crabstick.errors import ConfigError
from crabstick.rules.cluster_view import ClusterNode

MOST_NAMED: Final = 10


def find_node(wish: str, nodes: Sequence[ClusterNode]) -> ClusterNode:
    """Finds a node by its id, the beginning of the id, or one of its names.

    Raises:
        ConfigError: no node or several nodes match, or the node cannot be drained.
    """
    found = [n for n in nodes if n.id.startswith(wish.lower()) or wish in n.names]
    if not wish or not found:
        raise ConfigError(f"no node of this cluster is called {wish!r}: {_choice(nodes)}")
    if len(found) > 1:
        raise ConfigError(
            f"{wish!r} means {len(found)} nodes: name one by the first digits of its id: "
            f"{_choice(found)}"
        )
    node = found[0]
    if node.is_head:
        raise ConfigError(
            f"node {node} is the head, where the bot itself lives, and is not drained: "
            f"`crabstick down` ends the bot; {_choice(nodes)}"
        )
    if not node.slots:
        raise ConfigError(
            f"node {node} has no room for games, so there is nothing to drain; {_choice(nodes)}"
        )
    return node


def _choice(nodes: Sequence[ClusterNode]) -> str:
    candidates = [str(node) for node in nodes if node.slots and not node.is_head]
    if not candidates:
        return "it has no node that could be drained"
    more = len(candidates) - MOST_NAMED
    named = ", ".join(candidates[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"those that can be drained are {named}"


def is_alive(node: ClusterNode) -> bool:
    """Whether the node still belongs to the cluster."""
    return any(living.id == node.id for living in read_nodes())
