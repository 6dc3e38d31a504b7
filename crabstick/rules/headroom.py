"""Decides how many actors stand by on a growing cluster: enough until a further node comes.

Pure. A node that is requested when the last slot is taken comes too late for the next game. So the
standbys grow with the traffic: recent starts less recent ends, and the chance variation of both
(Poisson). An owner who wants no standby pays for no node without a game.

The laws (tests/unit/rules/test_headroom.py): never fewer standbys than the owner wants; more games
never mean fewer standbys; without traffic, and for an owner who wants none, just what was wanted.
"""

import math
from datetime import timedelta

LATELY = timedelta(minutes=10)
"""Traffic within this time predicts what comes."""
NODE_TAKES = timedelta(seconds=30)
"""From the request for a node until an actor plays there; on Kubernetes with a cached image."""
SPREAD = 3.1
"""This many standard deviations more games than expected find a place."""


def headroom(wish: int, begun: int, ended: int, node_takes: timedelta = NODE_TAKES) -> int:
    """Returns how many actors should stand by.

    Args:
        wish: the owner's setting, the minimum.
        begun: games that started within `LATELY`.
        ended: games that ended within `LATELY`.
        node_takes: how long a node takes to come.
    """
    if wish == 0:
        return 0
    share = node_takes / LATELY
    more = max(begun - ended, 0) * share
    return max(wish, math.ceil(more + SPREAD * math.sqrt((begun + ended) * share)))
