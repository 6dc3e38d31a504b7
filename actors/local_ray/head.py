"""A Ray of our own on this machine: one `ray start --head`, which plays the games as well.

With fault tolerance there are two, see `local_pair`.
"""

import logging
import math
import os
from collections.abc import Callable
from dataclasses import dataclass

from ray._private.authentication.authentication_token_setup import (
    enable_token_auth_by_default,
    ensure_token_if_auth_enabled,
)

from actors.local_ray.node import end_node, is_alive, node_command, start_node, variable_of
from actors.local_ray.ports import LOOPBACK, free_port, usual_or_free
from actors.local_ray.profiles import FULL, HOOK_VARIABLE, SMALL, Profile
from actors.local_ray.record import LocalNode, Record, forget, recall, remember, remove_store
from crabstick.signals import deferred_interrupt

__all__ = [
    "LocalRay",
    "authenticate",
    "find_local_ray",
    "head_options",
    "start_local_ray",
]

USUAL_DASHBOARD = 8265


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRay:
    """A Ray that we started: where it is, and the pid of its head's `ray start`.

    `is_up` is False while that one is being started. `worker` is the node with the games, when the
    head has none because it is fault-tolerant.
    """

    address: str
    pid: int
    born_s: float | None = None
    is_up: bool = True
    worker: LocalNode | None = None

    @property
    def is_unfinished(self) -> bool:
        """Whether a `crabstick up` that was killed left it in the midst of its first start."""
        return not self.is_up and self.worker is None

    @property
    def has_lost_head(self) -> bool:
        """Whether its head is gone or not back yet, while it can be started anew."""
        return self.worker is not None and not (self.is_up and self._head_is_alive())

    @property
    def has_lost_worker(self) -> bool:
        """Whether the node with the games is gone, or was never up."""
        return self.worker is not None and not (self.worker.is_up and is_alive(self.worker))

    @property
    def profile(self) -> Profile:
        """What it was started as: a node of it that lives tells."""
        hooks = {variable_of(node, HOOK_VARIABLE) for node in (self._head, self.worker) if node}
        return SMALL if SMALL.variables[HOOK_VARIABLE] in hooks else FULL

    @property
    def _head(self) -> LocalNode | None:
        return None if self.born_s is None else LocalNode(pid=self.pid, born_s=self.born_s)

    def _head_is_alive(self) -> bool:
        return self._head is not None and is_alive(self._head)

    def end(self) -> None:
        """Ends it and everything that runs on it; nothing happens when it is gone already.

        A Ctrl-C waits until that is done.
        """
        with deferred_interrupt():
            if self.worker is not None:
                end_node(self.worker.pid, self.worker.born_s)
            end_node(self.pid, self.born_s)
            if self.worker is not None or self.is_unfinished:
                remove_store()
            forget(self.pid)


def start_local_ray(
    *,
    cpus: float,
    temp_dir: str | None = None,
    profile: Profile = FULL,
    is_remembered: bool = True,
    say: Callable[[str], None] = lambda _: None,
) -> LocalRay:
    """Starts a head on this machine, with token authentication unless it is switched off.

    Args:
        cpus: logical CPUs; they are slots for games, not cores.
        temp_dir: where Ray keeps its session; None is Ray's own default.
        profile: with or without what is there for people.
        is_remembered: whether `find_local_ray` shall find it; only within `sole_command`.
        say: is told when Ray is started once more, or a start is taken back.

    Raises:
        EnvironmentProblem: Ray did not come up.
    """
    authenticate()
    address = f"{LOOPBACK}:{free_port()}"
    noted: list[LocalNode] = []

    def note(node: LocalNode) -> None:
        noted.append(node)
        if is_remembered:
            remember(Record(address=address, head=node))

    def command() -> list[str]:
        return node_command(*head_options(address, cpus, profile, temp_dir))

    try:
        node = start_node(command, note, say, profile.variables)
    except BaseException:
        for node in noted:
            forget(node.pid)
        raise
    return LocalRay(address=address, pid=node.pid, born_s=node.born_s)


def head_options(
    address: str, cpus: float, profile: Profile, temp_dir: str | None = None
) -> list[str]:
    """What makes a `ray start` the head of a cluster at `address`."""
    return [
        "--head",
        f"--port={address.rpartition(':')[2]}",
        f"--num-cpus={math.ceil(cpus)}",
        "--dashboard-host=127.0.0.1",
        f"--dashboard-port={usual_or_free(USUAL_DASHBOARD)}",
        *profile.options,
        *profile.head_options,
        *([f"--temp-dir={temp_dir}"] if temp_dir else []),
    ]


def authenticate() -> None:
    """Switches token authentication on as `ray.init()` does for a Ray of its own.

    The token is in ~/.ray/auth_token, made when it is missing. RAY_AUTH_MODE, if set, decides.
    """
    logging.getLogger("ray").setLevel(logging.ERROR)  # it would warn that it is on
    enable_token_auth_by_default()
    before = os.umask(0o077)  # who can read the token rules the cluster
    try:
        ensure_token_if_auth_enabled(create_token_if_missing=True)
    finally:
        os.umask(before)


def find_local_ray() -> LocalRay | None:
    """The local Ray that an earlier `crabstick up` of this user started, if any of it lives.

    This process is ready to authenticate with it afterwards.
    """
    record = recall()
    if record is None:
        return None
    nodes = [record.head, record.worker] if record.worker else [record.head]
    if not any(is_alive(node) for node in nodes):
        return None
    authenticate()
    return LocalRay(
        address=record.address,
        pid=record.head.pid,
        born_s=record.head.born_s,
        is_up=record.head.is_up,
        worker=record.worker,
    )
