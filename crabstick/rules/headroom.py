"""How many actors wait for a game on a cluster that grows: as many as may come before a node does.

Pure. A node that is asked for when the last slot is taken comes too late for the next game. So the
standbys grow with the traffic: games that came lately, less those that ended, and the luck of both
(Poisson). An owner who wants none pays for no node without a game.

The laws (tests/unit/rules/test_headroom.py): never fewer than the owner's wish, more games never
mean fewer standbys, without traffic it is the owner's wish again, and who wants none has none.
"""

import math
from datetime import timedelta

__all__ = ["LATELY", "headroom"]

LATELY = timedelta(minutes=10)
"""The traffic of this time tells what will come."""
NODE_TAKES = timedelta(seconds=30)
"""From the call for a node until an actor plays there; on Kubernetes, with the image there."""
SPREAD = 3.1
"""So many standard deviations more games than expected find a place."""


def headroom(wish: int, begun: int, ended: int, node_takes: timedelta = NODE_TAKES) -> int:
    """How many standbys there shall be.

    Args:
        wish: the owner's, the least there are.
        begun: games that started in the time `LATELY`.
        ended: games that ended in it.
        node_takes: how long a node needs to come.
    """
    if wish == 0:
        return 0
    share = node_takes / LATELY
    more = max(begun - ended, 0) * share
    return max(wish, math.ceil(more + SPREAD * math.sqrt((begun + ended) * share)))
