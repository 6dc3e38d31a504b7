"""A fault-tolerant Ray on this machine: a head without games, and a node beside it that has them.

The head writes what it must know to a store of its own (Ray's GCS fault tolerance, embedded). When
it dies the games go on; started anew at the same port and with the same store it is the same head,
and Ray starts again what ran on it. Ours to see that it is gone: Ray does not.
"""

import math
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ray._common.utils import get_ray_address_file

from actors.local_ray.head import LocalRay, authenticate, find_local_ray, head_options
from actors.local_ray.node import end_node, node_command, start_node
from actors.local_ray.ports import LOOPBACK, require_free
from actors.local_ray.profiles import FULL, Profile
from actors.local_ray.record import LocalNode, Record, make_store, remember, store
from crabstick.errors import EnvironmentProblem

__all__ = ["bring_back_head", "replace_worker", "start_pair"]

PORTS = range(20_000, 32_768)
"""Above Ray's own for workers, and below those that Linux gives to whoever connects: one of them,
asking for the head while it is away, would otherwise find itself, and hold the port."""
TRIES = 100


def start_pair(*, cpus: float, say: Callable[[str], None], profile: Profile = FULL) -> LocalRay:
    """Starts both, to be found by `find_local_ray`; only within `sole_command`.

    Args:
        cpus: logical CPUs of the node with the games; they are slots, not cores.
        profile: of both, also when they are started anew.
        say: is told when Ray is started once more, or a start is taken back.

    Raises:
        EnvironmentProblem: Ray did not come up.
    """
    authenticate()
    make_store()
    address = f"{LOOPBACK}:{_steady_port()}"
    local = LocalRay(address=address, pid=0, is_up=False)

    def note(head: LocalNode) -> None:
        nonlocal local
        local = replace(local, pid=head.pid, born_s=head.born_s)
        remember(Record(address=address, head=replace(head, is_up=False)))  # alone it is no use

    try:
        _start_head(address, profile, note, say)
        local = replace(local, is_up=True)
        return _start_worker(local, profile, cpus, say)
    except BaseException:
        (find_local_ray() or replace(local, is_up=False)).end()
        raise


def bring_back_head(local: LocalRay, say: Callable[[str], None]) -> LocalRay:
    """Starts the head of a pair anew, when it is gone; only within `sole_command`.

    Raises:
        EnvironmentProblem: it did not come up; the games go on all the same.
    """
    if not local.has_lost_head:
        return local
    authenticate()
    profile = local.profile
    end_node(local.pid, local.born_s)  # what is left of it holds the store
    _forget_bootstrap(local.address)

    def note(head: LocalNode) -> None:
        remember(Record(address=local.address, head=head, worker=local.worker))

    head = _start_head(local.address, profile, note, say)
    return replace(local, pid=head.pid, born_s=head.born_s, is_up=True)


def replace_worker(local: LocalRay, *, cpus: float, say: Callable[[str], None]) -> LocalRay:
    """Starts another node for the games, when that of a pair is gone; as `bring_back_head`.

    Raises:
        EnvironmentProblem: it did not come up.
    """
    if local.worker is None or not local.has_lost_worker:
        return local
    profile = local.profile
    end_node(local.worker.pid, local.worker.born_s)
    return _start_worker(local, profile, cpus, say)


def _start_head(
    address: str, profile: Profile, note: Callable[[LocalNode], None], say: Callable[[str], None]
) -> LocalNode:
    return start_node(
        lambda: node_command(*head_options(address, 0, profile)),
        note,
        say,
        {
            **profile.variables,
            "RAY_gcs_storage": "rocksdb",
            "RAY_gcs_storage_path": str(store()),
        },
    )


def _start_worker(
    local: LocalRay, profile: Profile, cpus: float, say: Callable[[str], None]
) -> LocalRay:
    head = LocalNode(pid=local.pid, born_s=local.born_s or 0)

    def note(worker: LocalNode) -> None:
        remember(Record(address=local.address, head=head, worker=worker))

    options = (f"--address={local.address}", f"--num-cpus={math.ceil(cpus)}", *profile.options)
    worker = start_node(lambda: node_command(*options), note, say, profile.variables)
    return replace(local, worker=worker)


def _forget_bootstrap(address: str) -> None:
    """Ray takes the living node beside it for another cluster at the head's own address.

    For 127.0.0.1 Ray writes down what the machine is called in its network, if it has one.
    """
    path = Path(get_ray_address_file(None))
    with suppress(OSError):
        known = path.read_text(encoding="utf-8").strip()
        if known.rpartition(":")[2] == address.rpartition(":")[2]:
            path.unlink()


def _steady_port() -> int:
    for _ in range(TRIES):
        port = secrets.choice(PORTS)
        with suppress(EnvironmentProblem):
            require_free(LOOPBACK, port)
            return port
    raise EnvironmentProblem(f"no port from {PORTS.start} to {PORTS.stop} is free on {LOOPBACK}")
