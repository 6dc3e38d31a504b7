"""A Ray cluster of one node on this machine, and the record by which other commands find it.

This module does not import Ray: the commands and the supervisor that use it start at once and stay
small. A bot is a namespace of Ray and an account of Lichess; each bot has a record of its own.
"""

import hashlib
import json
import math
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

import psutil
from filelock import FileLock, Timeout

from actors.local_ray.low_memory_launcher import STAYS
from actors.local_ray.ports import LOOPBACK, free_port, usual_or_free
from actors.local_ray.process_ref import ProcessRef
from actors.local_ray.profiles import PROFILES
from actors.local_ray.ray_node import end_node, node_command, require_short_folder, start_node
from crabstick.environment import home_folder
from crabstick.errors import EnvironmentProblem
from crabstick.read_text import write_text

USUAL_DASHBOARD: Final = 8265


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCluster:
    """A Ray cluster on this machine that crabstick started.

    Attributes:
        address: of the head, host:port.
        node: its `ray start`.
        dashboard: the URL of Ray's dashboard; empty without one.
        profile: `full` or `small`.
        is_up: whether Ray is up, and after a restart the bot as well.
        supervisor: the process that restarts what dies; None for a cluster of one command alone.
    """

    address: str
    node: ProcessRef
    dashboard: str = ""
    profile: str = "full"
    is_up: bool = True
    supervisor: ProcessRef | None = None

    @property
    def is_alive(self) -> bool:
        """Whether its `ray start` lives."""
        return self.node.is_alive

    @property
    def is_ready(self) -> bool:
        """Whether it lives and is not being started."""
        return self.is_up and self.is_alive

    @property
    def is_supervised(self) -> bool:
        """Whether its supervisor lives."""
        return self.supervisor is not None and self.supervisor.is_alive

    @property
    def is_there(self) -> bool:
        """Whether the cluster lives or is being restarted."""
        return self.is_alive or self.is_supervised

    def end(self) -> None:
        """Ends the cluster and all that runs on it; idempotent. Ctrl-C waits until it is done."""
        end_node(self.node)


def start_local_cluster(
    *,
    cpus: float,
    bot: str = "crabstick",
    temp_dir: str | None = None,
    profile: str = "full",
    on_change: Callable[[LocalCluster], None] = lambda _: None,
) -> LocalCluster:
    """Starts a head on this machine, with token authentication unless that is switched off.

    Args:
        cpus: logical CPUs; they count slots for games, not cores.
        bot: the name by which `living_pids` finds it.
        temp_dir: where Ray keeps its session; None is Ray's default, or a folder of this user's
            where that belongs to another.
        profile: `full` or `small`.
        on_change: called with the cluster as soon as there is a process, and when it is up.

    Raises:
        EnvironmentProblem: Ray did not come up.
    """
    temp_dir = temp_dir or _own_folder()
    address, kind = f"{LOOPBACK}:{free_port()}", PROFILES[profile]
    dashboard_port = usual_or_free(USUAL_DASHBOARD)
    dashboard = f"http://{LOOPBACK}:{dashboard_port}" if kind.has_dashboard else ""
    command = node_command(
        bot,
        "--head",
        f"--port={address.rpartition(':')[2]}",
        f"--num-cpus={math.ceil(cpus)}",
        "--dashboard-host=127.0.0.1",
        f"--dashboard-port={dashboard_port}",
        *kind.options,
        *([f"--temp-dir={temp_dir}"] if temp_dir else []),
    )

    def cluster(node: ProcessRef, *, is_up: bool) -> LocalCluster:
        return LocalCluster(
            address=address, node=node, dashboard=dashboard, profile=profile, is_up=is_up
        )

    node = start_node(command, kind.variables, lambda child: on_change(cluster(child, is_up=False)))
    started = cluster(node, is_up=True)
    on_change(started)
    return started


def _own_folder() -> str | None:
    """Where our Ray keeps its sessions if another user owns Ray's default folder."""
    usual, user = Path(tempfile.gettempdir()) / "ray", os.getuid()
    with suppress(OSError):
        if user and usual.stat().st_uid != user:
            return f"{usual}-{user}"
    return None


def require_folders() -> None:
    """Requires what a local cluster needs: `~/.ray`, and a folder for temporary files.

    Raises:
        EnvironmentProblem: one cannot be written, or its path is too long.
    """
    temporary = Path(tempfile.gettempdir())
    require_short_folder(_own_folder() or str(temporary))
    for folder in (_folder(), temporary):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            raise EnvironmentProblem(
                f"{folder} cannot be written ({error.strerror}): set HOME and TMPDIR to folders "
                "that can"
            ) from None


@dataclass(frozen=True, slots=True)
class ClusterFiles:
    """The files of a bot's local cluster: its record, the bot's config, a log, and a lock.

    They lie beside Ray's own token in ~/.ray, which only the user can write.

    Attributes:
        name: of the bot on this machine; see `of`.
    """

    name: str

    @classmethod
    def of(cls, namespace: str, token: str) -> Self:
        """The files of the bot with that Lichess token, in that namespace of Ray.

        The name reveals nothing of the token. It includes the machine: machines may share a home.
        """
        digest = hashlib.sha256(f"{token} {_machine_id()}".encode()).hexdigest()[:10]
        return cls(f"{namespace}@{digest}")

    @classmethod
    def of_living(cls, namespace: str) -> list[Self]:
        """The files of all bots in that namespace that run on this machine or are restarted."""
        found = sorted(_folder().glob(f"crabstick-{namespace}@*.json"))
        every = [cls(path.stem.removeprefix("crabstick-")) for path in found]
        return [files for files in every if (record := files.load()) and record.is_there]

    def save(self, cluster: LocalCluster) -> None:
        """Writes the record."""
        self._write("json", asdict(cluster))

    def load(self) -> LocalCluster | None:
        """Returns the last record; None when there is none or it cannot be read."""
        record = self._read("json")
        with suppress(TypeError, KeyError, AttributeError):
            supervisor = record["supervisor"]
            fields = {
                **record,
                "node": ProcessRef(**record["node"]),
                "supervisor": ProcessRef(**supervisor) if supervisor else None,
            }
            return LocalCluster(**fields)
        return None

    def save_config(self, config: Mapping[str, object]) -> None:
        """Writes the packed config of the bot, for a restart."""
        self._write("config.json", config)

    def load_config(self) -> dict[str, Any]:
        """Returns the packed config of the bot; empty before the first deployment."""
        return self._read("config.json")

    def forget(self) -> None:
        """Deletes record and config; idempotent."""
        for suffix in ("json", "config.json"):
            self.path(suffix).unlink(missing_ok=True)

    @contextmanager
    def locked(self, notify: Callable[[str], None]) -> Iterator[None]:
        """Lets one command at a time start or end the cluster; other commands wait.

        Raises:
            EnvironmentProblem: the folder cannot be written.
        """
        path = self.path("lock")
        lock = FileLock(path)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                lock.acquire(blocking=False)
            except Timeout:
                notify("another crabstick command is at work on this bot; waiting for it …")
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

    def path(self, suffix: str) -> Path:
        """The file of that kind."""
        return _folder() / f"crabstick-{self.name}.{suffix}"

    def _write(self, suffix: str, content: Mapping[str, object]) -> None:
        """Writes a file, or raises EnvironmentProblem and leaves it as it was."""
        write_text(self.path(suffix), json.dumps(content, indent=2))

    def _read(self, suffix: str) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            found = json.loads(self.path(suffix).read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else {}
        return {}


def _folder() -> Path:
    return home_folder() / ".ray"


def _machine_id() -> str:
    """What tells this machine from others; unlike the host name it does not change."""
    with suppress(OSError):
        return Path("/etc/machine-id").read_text(encoding="ascii").strip()
    return socket.gethostname()


def living_processes(name: str) -> list[ProcessRef]:
    """The supervisors and `ray start`s of this bot here, whichever user or home started them."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if words[-2:] == [STAYS, name] or words[4:6] == ["--stay", name] or words[4:5] == [name]:
            with suppress(ProcessLookupError):
                found.append(ProcessRef.of(process.pid))
    return found
