"""Finding the node that a person names."""

import re

import pytest

from actors.ops.find_node import MOST_NAMED, find_node
from crabstick.errors import ConfigError
from crabstick.rules.cluster_view import ClusterNode
from crabstick.rules.lichess_types import NodeId

HEAD = ClusterNode(id=NodeId("aa00" * 14), names=("10.0.0.1", "head"), slots=2, is_head=True)
FIRST = ClusterNode(id=NodeId("ab11" * 14), names=("10.0.0.2", "worker-1"), slots=4)
SECOND = ClusterNode(id=NodeId("ab22" * 14), names=("10.0.0.3", "worker-2"), slots=4)
BARE = ClusterNode(id=NodeId("cc33" * 14), names=("10.0.0.4", "proxy"), slots=0)
NODES = (HEAD, FIRST, SECOND, BARE)


@pytest.mark.parametrize("wish", [FIRST.id, "ab1", "AB11", "10.0.0.2", "worker-1"])
def test_a_node_is_found_by_id_its_beginning_or_a_name(wish: str) -> None:
    assert find_node(wish, NODES) == FIRST


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ("nowhere", r"no node .* 'nowhere': .* ab11ab11ab11 \(10\.0\.0\.2, worker-1\), ab22"),
        ("", "no node .* ''"),
        ("10.0.0", "no node"),
        ("ab", r"'ab' means 2 nodes: .* first digits .*: .* ab11.*, ab22"),
        ("head", r"aa00aa00aa00 \(10\.0\.0\.1, head\) is the head, .*`crabstick down`"),
        ("proxy", "has no room for games, so there is nothing to drain; those that"),
    ],
)
def test_a_wish_that_names_no_node_to_drain_is_explained(wish: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        find_node(wish, NODES)
    assert "\n" not in str(refused.value)


def test_nodes_on_one_machine_are_told_apart_by_their_ids() -> None:
    twins = [ClusterNode(id=NodeId(f"{digit}0" * 28), names=("h",), slots=1) for digit in "12"]
    with pytest.raises(ConfigError, match=r"'h' means 2 nodes: .* 101010101010 \(h\), 2020"):
        find_node("h", twins)
    assert find_node("20", twins) is twins[1]


def test_a_cluster_without_a_drainable_node_is_explained() -> None:
    with pytest.raises(ConfigError, match="it has no node that could be drained"):
        find_node("head", [HEAD])


def test_of_many_nodes_some_are_named() -> None:
    nodes = [
        ClusterNode(id=NodeId(f"{n:056x}"), names=("h",), slots=1) for n in range(MOST_NAMED + 5)
    ]
    with pytest.raises(ConfigError, match="and 5 more") as refused:
        find_node("nowhere", nodes)
    assert len(re.findall(r"\(h\)", str(refused.value))) == MOST_NAMED
