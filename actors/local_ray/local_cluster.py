"""A local Ray cluster: one head, started by `ray start --head`, that runs the games as well.

A fault-tolerant cluster has a second node for the games, see `fault_tolerant`. A bot is a namespace
of Ray; each bot has files of its own, and so a local cluster of its own.
"""

import logging
import math
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import TypeAdapter
from ray._private.authentication.authentication_token_setup import (
    enable_token_auth_by_default,
    ensure_token_if_auth_enabled,
)

from actors.local_ray.ports import LOOPBACK, free_port, usual_or_free
from actors.local_ray.profiles import FULL, HOOK_VARIABLE, SMALL, Profile
from actors.local_ray.ray_node import (
    LocalNode,
    end_node,
    is_alive,
    node_command,
    start_node,
    variable_of,
)
from crabstick.errors import EnvironmentProblem
from crabstick.signals import deferred_interrupt

USUAL_DASHBOARD = 8265


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRecord:
    """A local Ray cluster: its head, and with fault tolerance the worker node with the games."""

    address: str
    head: LocalNode
    worker: LocalNode | None = None


_RECORD = TypeAdapter(ClusterRecord)


@dataclass(frozen=True, slots=True)
class ClusterFiles:
    """The record of the local Ray cluster of one bot, its store, and the lock to change it.

    They lie beside Ray's own token in ~/.ray, which only the user can write.
    """

    namespace: str

    def save(self, record: ClusterRecord) -> None:
        """Writes the record, atomically."""
        path = self._path("json")
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_bytes(_RECORD.dump_json(record, indent=2))
        draft.replace(path)

    def load(self) -> ClusterRecord | None:
        """Returns the last record; None when there is none or it cannot be read."""
        try:
            return _RECORD.validate_json(self._path("json").read_bytes())
        except (OSError, ValueError):
            return None

    def forget(self, head_pid: int) -> None:
        """Deletes the record if it is of the cluster whose head has that pid."""
        record = self.load()
        if record is not None and record.head.pid == head_pid:
            self._path("json").unlink(missing_ok=True)

    @property
    def store(self) -> Path:
        """The folder in which a fault-tolerant head keeps the state that outlives it."""
        return self._path("gcs")

    def make_store(self) -> None:
        """Makes an empty store that only this user can read.

        Raises:
            EnvironmentProblem: the folder cannot be made.
        """
        self.remove_store()
        try:
            self.store.mkdir(mode=0o700)
        except OSError as error:
            raise EnvironmentProblem(f"{self.store} cannot be made ({error.strerror})") from None

    def remove_store(self) -> None:
        """Removes the store; idempotent."""
        shutil.rmtree(self.store, ignore_errors=True)

    @contextmanager
    def locked(self, notify: Callable[[str], None]) -> Iterator[None]:
        """Lets one command at a time start or end the cluster; other commands wait.

        Raises:
            EnvironmentProblem: the folder cannot be written.
        """
        path = self._path("lock")
        lock = FileLock(path)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                lock.acquire(blocking=False)
            except Timeout:
                notify("another crabstick command is at work on this machine; waiting for it …")
                lock.acquire()
        except OSError as error:
            raise EnvironmentProblem(
                f"{path.parent} cannot be written ({error.strerror}): crabstick records there "
                "which Ray cluster it started"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def _path(self, suffix: str) -> Path:
        """The path holds the machine's name, because several machines may share a home folder."""
        name = f"crabstick-{self.namespace}@{socket.gethostname()}"
        return Path.home() / ".ray" / f"{name}.{suffix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCluster:
    """A Ray cluster on this machine that crabstick started.

    Attributes:
        record: its address and its nodes.
        files: keep the record for other commands; None for a cluster of this command alone.
    """

    record: ClusterRecord
    files: ClusterFiles | None = None

    @property
    def address(self) -> str:
        """The address of the head, host:port."""
        return self.record.address

    @property
    def is_fault_tolerant(self) -> bool:
        """Whether the games run on a node of their own, so that the head may die."""
        return self.record.worker is not None

    @property
    def is_unfinished(self) -> bool:
        """Whether the cluster is still starting, or was when its `crabstick up` was killed."""
        return not self.record.head.is_up and not self.is_fault_tolerant

    @property
    def has_lost_head(self) -> bool:
        """Whether its head is dead or not up again yet, and can be restarted."""
        return self.is_fault_tolerant and not _runs(self.record.head)

    @property
    def has_lost_worker(self) -> bool:
        """Whether the node with the games is dead, or was never up."""
        return self.record.worker is not None and not _runs(self.record.worker)

    @property
    def profile(self) -> Profile:
        """The profile it was started with, read from its living nodes."""
        hooks = {variable_of(node, HOOK_VARIABLE) for node in self.nodes}
        return SMALL if SMALL.variables[HOOK_VARIABLE] in hooks else FULL

    @property
    def nodes(self) -> list[LocalNode]:
        """Its nodes, the head last."""
        return [node for node in (self.record.worker, self.record.head) if node is not None]

    def end(self) -> None:
        """Ends the cluster and all that runs on it; idempotent. Ctrl-C waits until it is done."""
        with deferred_interrupt():
            for node in self.nodes:
                end_node(node.pid, node.created_s)
            if self.files is not None:
                self.files.remove_store()
                self.files.forget(self.record.head.pid)


def _runs(node: LocalNode) -> bool:
    return node.is_up and is_alive(node)


def start_local_cluster(
    *,
    cpus: float,
    files: ClusterFiles | None = None,
    temp_dir: str | None = None,
    profile: Profile = FULL,
    notify: Callable[[str], None] = lambda _: None,
) -> LocalCluster:
    """Starts a head on this machine, with token authentication unless that is switched off.

    Args:
        cpus: logical CPUs; they count slots for games, not cores.
        files: record the cluster there for `find_local_cluster`; call this under their lock.
        temp_dir: where Ray keeps its session; None is Ray's default.
        profile: with or without dashboard.
        notify: prints a sentence about a second try or an interrupted start.

    Raises:
        EnvironmentProblem: Ray did not come up.
    """
    authenticate()
    address = f"{LOOPBACK}:{free_port()}"
    started: list[LocalNode] = []

    def save(node: LocalNode) -> None:
        started.append(node)
        if files is not None:
            files.save(ClusterRecord(address=address, head=node))

    def command() -> list[str]:
        return node_command(*head_options(address, cpus, profile, temp_dir))

    def forget() -> None:
        if files is not None and started:
            files.forget(started[-1].pid)

    with ExitStack() as undo:
        undo.callback(forget)
        node = start_node(command, save, notify, profile.variables)
        undo.pop_all()
    return LocalCluster(record=ClusterRecord(address=address, head=node), files=files)


def head_options(
    address: str, cpus: float, profile: Profile, temp_dir: str | None = None
) -> list[str]:
    """Returns the options with which `ray start` starts the head of a cluster at `address`."""
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
    """Switches token authentication on, as `ray.init()` does for a cluster that it starts.

    The token is in ~/.ray/auth_token; a missing one is made. RAY_AUTH_MODE, if set, decides.
    """
    logging.getLogger("ray").setLevel(logging.ERROR)  # Ray would warn that it is on
    enable_token_auth_by_default()
    before = os.umask(0o077)  # the token gives full control of the cluster
    try:
        ensure_token_if_auth_enabled(create_token_if_missing=True)
    finally:
        os.umask(before)


def find_local_cluster(files: ClusterFiles) -> LocalCluster | None:
    """Finds the bot's local cluster that an earlier `crabstick up` started, if any node lives.

    Afterwards this process can authenticate with the cluster.
    """
    record = files.load()
    if record is None:
        return None
    cluster = LocalCluster(record=record, files=files)
    if not any(is_alive(node) for node in cluster.nodes):
        return None
    authenticate()
    return cluster
