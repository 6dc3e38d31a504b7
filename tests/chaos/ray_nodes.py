"""Ray nodes on this machine that can be killed, frozen, drained, and started again.

Each is one `ray start --block`, which leads a POSIX session that none of its processes leaves.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from actors.local_ray.ports import free_port
from actors.local_ray.profiles import HOOK_VARIABLE
from actors.local_ray.ray_node import ENVIRONMENT
from crabstick.errors import EnvironmentProblem
from tests.chaos.networks import NodeNetwork

START_LIMIT_S: Final = 120
TRIES: Final = 6
"""On a busy machine Ray itself gives up its start after half a minute."""
POLL_S: Final = 0.05
ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class RayProcess:
    """One process of a node, by the title that Ray gives it."""

    pid: int
    title: str


@dataclass(slots=True, kw_only=True)
class RayNode:
    """One node; `start` also starts it again after a kill."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    network: NodeNetwork
    store: Path | None = None
    """Of a head: where Ray keeps its files."""
    _child: "subprocess.Popen[bytes] | None" = field(default=None)

    def start(self) -> None:
        """Returns when Ray says that it runs.

        Raises:
            EnvironmentProblem: it does not.
        """
        for left in reversed(range(TRIES)):
            try:
                self._try_to_start()
            except EnvironmentProblem:
                self.kill()
                if not left:
                    raise
            else:
                return

    def _try_to_start(self) -> None:
        if self.store is not None:  # otherwise the waiting nodes take it for another cluster
            (self.store / "ray_current_cluster").unlink(missing_ok=True)
        port = f"--dashboard-agent-listen-port={free_port()}"
        with self.log.open("wb") as log:
            self._child = subprocess.Popen(
                [*self.network.prefix, *self.command, port],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until_s = time.monotonic() + START_LIMIT_S
        while "Ray runtime started" not in (output := self.log.read_text("utf-8", "replace")):
            if self._child.poll() is not None or time.monotonic() > until_s:
                raise EnvironmentProblem(f"the node {self.name} did not start: {output[-300:]}")
            time.sleep(POLL_S)

    @property
    def has_ended(self) -> bool:
        """Whether its `ray start` has ended or never began."""
        return self._child is None or self._child.poll() is not None

    @property
    def leader(self) -> int:
        """The pid of its `ray start`; -1 before there is one."""
        return -1 if self._child is None else self._child.pid

    def processes(self) -> list[RayProcess]:
        """Everything that runs on it."""
        return processes(self.leader)

    def signal(self, number: int) -> None:
        """Sends a signal to everything on it."""
        send_signal(self.leader, number)

    def kill(self) -> None:
        """Kills all its processes, and again those that were started meanwhile."""
        while list(_session(self.leader)):
            self.signal(signal.SIGKILL)
            time.sleep(POLL_S)
        if self._child is not None:
            self._child.wait()

    def drain(self) -> None:
        """Asks the node to end as soon as its games have left."""
        if self._child is not None:
            self._child.send_signal(signal.SIGTERM)


def processes(leader: int) -> list[RayProcess]:
    """Everything that runs on the node of that `ray start`."""
    found = []
    for process in _session(leader):
        with suppress(psutil.Error):
            found.append(RayProcess(pid=process.pid, title=" ".join(process.cmdline())))
    return found


def send_signal(leader: int, number: int, program: str = "") -> None:
    """Sends a signal to that program on the node of that `ray start`; by default to all of it."""
    for process in _session(leader):
        with suppress(psutil.Error):
            if program in {"", process.name()}:
                process.send_signal(number)


def _session(leader: int) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            is_there = os.getsid(process.pid) == leader
            if is_there and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def head(network: NodeNetwork, folder: Path, port: int) -> RayNode:
    """A head without slots, whose state outlives it in `folder`."""
    command = [
        *_ray_start("--head", f"--port={port}", f"--node-ip-address={network.address}"),
        "--num-cpus=0",
        "--include-dashboard=false",
        f"--temp-dir={folder}",
    ]
    environment = {
        **_environment(),
        "RAY_gcs_storage": "rocksdb",
        "RAY_gcs_storage_path": str(folder / "gcs"),
    }
    return RayNode(
        name="head",
        command=command,
        environment=environment,
        log=folder.with_name("head.log"),
        network=network,
        store=folder,
    )


def worker(network: NodeNetwork, folder: Path, address: str, slots: int) -> RayNode:
    """A node that holds so many EngineActors; drained, it gives games a minute to leave."""
    command = [
        *_ray_start(f"--address={address}", f"--node-ip-address={network.address}"),
        f"--num-cpus={slots}",
        f"--node-name={network.name}",
    ]
    return RayNode(
        name=network.name,
        command=command,
        environment={**_environment(), "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "60"},
        log=folder.with_name(f"{network.name}.log"),
        network=network,
    )


def _ray_start(*arguments: str) -> list[str]:
    return [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"),
        *arguments,
    ]


def _environment() -> dict[str, str]:
    search_path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    hook = "actors.local_ray.start_hooks.without_client_server"  # as on Kubernetes
    return {**ENVIRONMENT, HOOK_VARIABLE: hook, "PYTHONPATH": search_path}
