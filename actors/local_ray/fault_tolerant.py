"""A fault-tolerant local Ray cluster: a head without games, and a worker node that runs them.

The head writes its state to an embedded store (Ray's GCS fault tolerance). When the head dies the
games go on. A head restarted with the same port and the same store takes the cluster over, and Ray
restarts the actors that ran on the head. Ray does not notice a dead head; that is our part.
"""

import math
import secrets
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from ray._common.utils import get_ray_address_file

from actors.local_ray.local_cluster import (
    ClusterFiles,
    ClusterRecord,
    LocalCluster,
    authenticate,
    head_options,
)
from actors.local_ray.ports import LOOPBACK, require_free
from actors.local_ray.profiles import FULL, Profile
from actors.local_ray.ray_node import LocalNode, end_node, node_command, start_node
from crabstick.errors import EnvironmentProblem

PORTS = range(20_000, 32_768)
"""Above Ray's worker ports and below Linux's ephemeral ports. A client that looks for a dead head
could be given an ephemeral port, connect to itself, and so block the head's port."""
TRIES = 100


def start_fault_tolerant(
    *, cpus: float, files: ClusterFiles, notify: Callable[[str], None], profile: Profile = FULL
) -> LocalCluster:
    """Starts both nodes; call this under the lock of `files`.

    Args:
        cpus: logical CPUs of the node with the games; they count slots, not cores.
        files: record the cluster there for `find_local_cluster`.
        notify: prints a sentence about a second try or an interrupted start.
        profile: the profile of both nodes, also when they are restarted.

    Raises:
        EnvironmentProblem: Ray did not come up.
    """
    authenticate()
    files.make_store()
    address = f"{LOOPBACK}:{_free_fixed_port()}"

    def save(head: LocalNode) -> None:
        # a head without its worker is of no use: recorded as not up, it will be ended
        files.save(ClusterRecord(address=address, head=replace(head, is_up=False)))

    with ExitStack() as undo:
        undo.callback(_end_what_started, files)
        head = _start_head(address, files, profile, save, notify)
        cluster = LocalCluster(record=ClusterRecord(address=address, head=head), files=files)
        cluster = _start_worker(cluster, profile, cpus, notify)
        undo.pop_all()
    return cluster


def _end_what_started(files: ClusterFiles) -> None:
    record = files.load()
    if record is not None:
        LocalCluster(record=record, files=files).end()
    files.remove_store()


def restart_head(cluster: LocalCluster, notify: Callable[[str], None]) -> LocalCluster:
    """Restarts the head of a fault-tolerant cluster if it is lost; call under the files' lock.

    Raises:
        EnvironmentProblem: the head did not come up; the games go on nevertheless.
    """
    files = cluster.files
    if files is None or not cluster.has_lost_head:
        return cluster
    authenticate()
    record, profile = cluster.record, cluster.profile
    end_node(record.head.pid, record.head.created_s)  # its remains would hold the store
    _forget_bootstrap(record.address)

    def save(head: LocalNode) -> None:
        files.save(replace(record, head=head))

    head = _start_head(record.address, files, profile, save, notify)
    return replace(cluster, record=replace(record, head=head))


def replace_worker(
    cluster: LocalCluster, *, cpus: float, notify: Callable[[str], None]
) -> LocalCluster:
    """Starts another worker node for a fault-tolerant cluster that has lost its own.

    Call this under the files' lock.

    Raises:
        EnvironmentProblem: the node did not come up.
    """
    worker = cluster.record.worker
    if worker is None or not cluster.has_lost_worker:
        return cluster
    profile = cluster.profile
    end_node(worker.pid, worker.created_s)
    return _start_worker(cluster, profile, cpus, notify)


def _start_head(
    address: str,
    files: ClusterFiles,
    profile: Profile,
    save: Callable[[LocalNode], None],
    notify: Callable[[str], None],
) -> LocalNode:
    variables = {
        **profile.variables,
        "RAY_gcs_storage": "rocksdb",
        "RAY_gcs_storage_path": str(files.store),
    }
    return start_node(
        lambda: node_command(*head_options(address, 0, profile)), save, notify, variables
    )


def _start_worker(
    cluster: LocalCluster, profile: Profile, cpus: float, notify: Callable[[str], None]
) -> LocalCluster:
    def save(worker: LocalNode) -> None:
        if cluster.files is not None:
            cluster.files.save(replace(cluster.record, worker=worker))

    options = (f"--address={cluster.address}", f"--num-cpus={math.ceil(cpus)}", *profile.options)
    worker = start_node(lambda: node_command(*options), save, notify, profile.variables)
    return replace(cluster, record=replace(cluster.record, worker=worker))


def _forget_bootstrap(address: str) -> None:
    """Removes Ray's note of the head's address, if the note names this head.

    While the note exists and the worker lives, Ray would refuse to start a head: Ray takes them for
    another cluster at the same address. Only the ports are compared, because for 127.0.0.1 the note
    has the machine's network address.
    """
    path = Path(get_ray_address_file(None))
    with suppress(OSError):
        known = path.read_text(encoding="utf-8").strip()
        if known.rpartition(":")[2] == address.rpartition(":")[2]:
            path.unlink()


def _free_fixed_port() -> int:
    for _ in range(TRIES):
        port = secrets.choice(PORTS)
        with suppress(EnvironmentProblem):
            require_free(LOOPBACK, port)
            return port
    raise EnvironmentProblem(f"no port from {PORTS.start} to {PORTS.stop} is free on {LOOPBACK}")
