"""Keeps a bot's local Ray running, and the bot on it: a small process, the parent of Ray.

Usage: `python -m actors.local_ray.supervisor NAME PLAN`. NAME is that of the bot's `ClusterFiles`,
PLAN is JSON: how to start Ray. When Ray is up, or cannot be started, the process says so in one
line on its standard output. It goes on until SIGTERM, and then ends Ray. Whatever part of Ray dies,
it ends the rest, restarts Ray and deploys the bot again; Lichess has the games.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from types import FrameType
from typing import Final, NoReturn

from actors.local_ray.local_cluster import ClusterFiles, LocalCluster, start_local_cluster
from actors.local_ray.process_ref import ProcessRef
from actors.local_ray.ray_node import POLL_S, kill_node, our_environment, processes_of
from crabstick.errors import EnvironmentProblem, InvariantBroken

VITAL: Final = ("gcs_server", "raylet")
"""Without one of these the bot is deaf, or its actors die."""
POLL: Final = timedelta(seconds=1)
DEPLOY_LIMIT: Final = timedelta(minutes=2)
"""A Ray that dies once more meanwhile may leave a deployment without an answer for ever."""
STOP_LIMIT: Final = timedelta(seconds=30)
PAUSES_S: Final = (0, 1, 2, 5, 10, 30)
"""Before each try to start Ray again; the last one repeats."""
WELL_AFTER: Final = timedelta(seconds=20)
"""A Ray that lived that long counts as well, and resets the pauses, in which games lose time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How the bot's Ray is started; `deployer` is the command that deploys the bot."""

    cpus: float
    profile: str
    deployer: tuple[str, ...]


def supervise(files: ClusterFiles, plan: Plan) -> "subprocess.Popen[str]":
    """Starts a supervisor, which outlives this process; its first line tells how the start went."""
    with files.path("log").open("ab") as log:
        return subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "actors.local_ray.supervisor"),
                *(files.name, json.dumps(asdict(plan))),
            ],
            env=our_environment(is_local=True),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,  # Ctrl-C in our terminal must not reach it
        )


def stop_supervisor(cluster: LocalCluster) -> None:
    """Ends a cluster's supervisor, if it lives, and with it the cluster; idempotent."""
    supervisor = cluster.supervisor
    if supervisor is not None and supervisor.is_alive:
        with suppress(ProcessLookupError):
            os.kill(supervisor.pid, signal.SIGTERM)
            until_s = time.monotonic() + STOP_LIMIT.total_seconds()
            while supervisor.is_alive:  # a parent that has not reaped it yet would delay psutil
                if time.monotonic() > until_s:
                    os.kill(supervisor.pid, signal.SIGKILL)
                time.sleep(POLL_S)


class Supervisor:
    """The supervisor's own side."""

    def __init__(self, files: ClusterFiles, plan: Plan) -> None:
        self._files = files
        self._plan = plan
        self._me = ProcessRef.of(os.getpid())
        self._cluster: LocalCluster | None = None
        self._tries = 0
        """How often Ray was started again since it was well."""

    def run(self) -> None:
        """Starts Ray, or takes over one whose supervisor died, and keeps it running."""
        found = self._files.load()
        if found is not None and found.is_ready:
            self._save(found)
        elif found is not None and self._files.load_config():
            self._save(replace(found, is_up=False))
            self._begin_again()
        else:
            self._start(is_up=True)
        _tell({"is_up": True})
        while True:
            began_s = time.monotonic()
            died = self._wait_for_death()
            _log(f"{died} died: restarting Ray")
            if time.monotonic() - began_s > WELL_AFTER.total_seconds():
                self._tries = 0
            self._begin_again()

    def end(self) -> None:
        """Ends Ray, with all that runs on it."""
        if self._cluster is not None:
            self._cluster.end()
            self._files.forget()

    def _started(self) -> LocalCluster:
        if self._cluster is None:
            raise InvariantBroken("Ray was started before")
        return self._cluster

    def _start(self, *, is_up: bool) -> None:
        start_local_cluster(
            cpus=self._plan.cpus,
            bot=self._files.name,
            profile=self._plan.profile,
            on_change=lambda cluster: self._save(replace(cluster, is_up=cluster.is_up and is_up)),
        )

    def _save(self, cluster: LocalCluster) -> None:
        self._cluster = replace(cluster, supervisor=self._me)
        self._files.save(self._cluster)

    def _wait_for_death(self) -> str:
        """Returns when a vital process of Ray has died; returns its name."""
        node = self._started().node
        vital = {name: processes_of(node.pid, [name]) for name in VITAL}
        watched = {"ray start": [node], **vital}
        while True:
            for name, processes in watched.items():
                if not processes or not all(process.is_alive for process in processes):
                    return name
            _wait_for_any([one for processes in watched.values() for one in processes])

    def _begin_again(self) -> None:
        """Starts Ray and the bot, again and again until both are up."""
        while True:
            kill_node(self._started().node)
            time.sleep(PAUSES_S[min(self._tries, len(PAUSES_S) - 1)])
            self._tries += 1
            try:
                self._start(is_up=False)
                self._deploy()
            except EnvironmentProblem as error:
                _log(str(error))
            else:
                self._save(replace(self._started(), is_up=True))
                return

    def _deploy(self) -> None:
        """Raises EnvironmentProblem when the bot cannot be deployed."""
        order = {"address": self._started().address, "config": self._files.load_config()}
        if not order["config"]:
            return  # the command that started us had not deployed it yet
        try:
            done = subprocess.run(
                self._plan.deployer,
                cwd="/",  # see `child_process`
                input=json.dumps(order),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                check=False,
                timeout=DEPLOY_LIMIT.total_seconds(),
            )
        except subprocess.TimeoutExpired:
            raise EnvironmentProblem("the bot does not start: Ray does not answer") from None
        if done.returncode:
            raise EnvironmentProblem(f"the bot does not start: {done.stdout.strip()[-300:]}")


def _wait_for_any(processes: Collection[ProcessRef]) -> None:
    """Returns when one of them has ended, or after `POLL` where the system cannot tell."""
    poll, handles = select.poll(), []
    try:
        for process in processes:
            handles.append(os.pidfd_open(process.pid))
            poll.register(handles[-1], select.POLLIN)
        poll.poll()
    except (AttributeError, OSError):  # no Linux, or it has ended already
        time.sleep(POLL.total_seconds())
    finally:
        for handle in handles:
            os.close(handle)


def _tell(news: dict[str, object]) -> None:
    """Tells the command that started us, if it still listens."""
    with suppress(OSError):
        os.write(1, json.dumps(news).encode() + b"\n")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _log(line: str) -> None:
    sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {line}\n")
    sys.stderr.flush()


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


def main() -> None:
    """Supervises until SIGTERM."""
    name, plan = sys.argv[1:]
    signal.signal(signal.SIGTERM, _end)
    supervisor = Supervisor(ClusterFiles(name), Plan(**json.loads(plan)))
    try:
        supervisor.run()
    except EnvironmentProblem as error:
        _tell({"error": str(error)})
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        supervisor.end()


if __name__ == "__main__":
    main()
