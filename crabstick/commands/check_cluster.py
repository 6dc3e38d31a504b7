"""`crabstick check --cluster`: whether the running Ray cluster is fit to play."""

from collections.abc import Callable
from importlib.metadata import version
from platform import python_version

from actors.local_ray.record import ClusterFiles
from actors.ops.cluster_probe import our_code, probe_cluster
from actors.ops.connect import connect, disconnect
from crabstick.commands.cluster_points import points
from crabstick.commands.report import report
from crabstick.commands.seen_cluster import SeenCluster
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings
from crabstick.terminal.cluster import find_cluster

__all__ = ["check_cluster"]


def check_cluster(settings: Settings, address: str | None, say: Callable[[str], None]) -> None:
    """Says how the cluster is, line by line, and raises the first problem at the end.

    Nothing is changed there, and no game is disturbed.

    Raises:
        EnvironmentProblem: there is no cluster, it runs another Ray, or something in it is wrong.
    """
    cluster = find_cluster(address, settings.cluster.namespace)
    if cluster is None or cluster.is_unfinished:
        raise EnvironmentProblem(
            "no bot runs here: name its cluster by --address or RAY_ADDRESS, or manifests by "
            "`crabstick check --cluster PATH`"
        )
    connect(cluster.address, settings.cluster.namespace)
    try:
        seen = _look(cluster.address, settings)
    finally:
        disconnect()
    report(points(seen, settings), say)


def _look(address: str, settings: Settings) -> SeenCluster:
    nodes, scaling = probe_cluster(settings)
    local = ClusterFiles(settings.cluster.namespace).load()
    crabstick, code = our_code()
    return SeenCluster(
        address=address,
        ray=version("ray"),
        python=python_version(),
        version=crabstick,
        code=code,
        nodes=nodes,
        scaling=scaling,
        is_own=local is not None and local.address == address,
    )
