"""Runs the Pods of a simulated Kubernetes: each container is a process on this machine."""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.kube.container import Box, Container
from tests.kube.objects import Manifest, group_of, has_ended, is_terminating, name_of
from tests.kube.store import Store

ROOT: Final = Path(__file__).parents[2]
USUAL_GRACE_S: Final = 30
NOT_OF_THE_IMAGE: Final = ("RAY_", "CRABSTICK", "LICHESS")
"""Variables that begin so are the test's own."""
RUNNING: Final = {"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]}
Secrets = Mapping[str, Mapping[str, str]]


@dataclass(slots=True, kw_only=True)
class _Running:
    containers: Sequence[Container]
    sigterm_s: float | None = None
    """When it got its SIGTERM."""
    grace_s: float = USUAL_GRACE_S
    was_killed: bool = False

    @property
    def statuses(self) -> list[int]:
        """Of the containers that have ended."""
        return [status for one in self.containers if (status := one.status) is not None]


@dataclass(slots=True, kw_only=True)
class Kubelet:
    """Starts what is new, ends what is deleted, and tells what ended by itself.

    The image of every container is this Python and this checkout.
    """

    store: Store
    new_box: Callable[[Manifest], Box]
    """A network and a folder for a Pod."""
    secrets: Secrets
    variables: Mapping[str, str]
    """For each container; they come before its own."""
    no_machines_for: set[str] = field(default_factory=set)
    """Groups whose new Pods stay pending."""
    _pods: dict[str, _Running] = field(default_factory=dict)

    def step(self) -> None:
        """One turn of its loop."""
        for pod in self.store.pods():
            name = name_of(pod)
            if is_terminating(pod):
                self._end(pod)
            elif name not in self._pods:
                if group_of(pod) not in self.no_machines_for:
                    self._pods[name] = self._start(pod)
                    self.store.set_status(name, RUNNING)
            elif not has_ended(pod) and (statuses := self._pods[name].statuses):
                self._kill(name)
                phase = "Failed" if any(statuses) else "Succeeded"
                self.store.set_status(name, {"phase": phase}, f"with status {statuses[0]}")

    def close(self) -> None:
        """Ends everything at once."""
        for name in self._pods:
            self._kill(name)

    def runs(self, pod: str) -> bool:
        """Whether it was started, and not ended."""
        return pod in self._pods

    def container(self, pod: str, number: int = 0) -> Container:
        """One of a Pod that runs.

        Raises:
            KeyError: it does not.
        """
        return self._pods[pod].containers[number]

    def _start(self, pod: Manifest) -> _Running:
        box = self.new_box(pod)
        containers = [
            Container(
                box=box,
                command=container["command"],
                environment=self._environment(container),
                log=box.folder.with_name(f"{name_of(pod)}-{container['name']}.log"),
            )
            for container in pod["spec"]["containers"]
        ]
        grace_s = pod["spec"].get("terminationGracePeriodSeconds", USUAL_GRACE_S)
        return _Running(containers=containers, grace_s=grace_s)

    def _end(self, pod: Manifest) -> None:
        """SIGTERM, a time of grace, SIGKILL, one at each step."""
        name = name_of(pod)
        running = self._pods.get(name)
        if running is None:  # deleted before it began
            self.store.remove_pod(name, "it never ran")
            return
        now_s = time.monotonic()
        if running.sigterm_s is None:
            running.sigterm_s = now_s
            for container in running.containers:
                container.terminate()
        elif len(running.statuses) == len(running.containers):
            how = "killed" if running.was_killed else "by itself"
            self._kill(name)
            del self._pods[name]
            self.store.remove_pod(name, f"{how} after {now_s - running.sigterm_s:.1f} s")
        elif now_s > running.sigterm_s + running.grace_s and not running.was_killed:
            running.was_killed = True
            self._kill(name)

    def _kill(self, name: str) -> None:
        for container in self._pods[name].containers:
            container.kill()

    def _environment(self, container: Manifest) -> dict[str, str]:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        image = {k: v for k, v in os.environ.items() if not k.startswith(NOT_OF_THE_IMAGE)}
        own = {one["name"]: self._value(one) for one in container.get("env", ())}
        found = {name: value for name, value in own.items() if value is not None}
        return {**image, "PATH": path, "PYTHONPATH": str(ROOT), **found, **self.variables}

    def _value(self, variable: Manifest) -> str | None:
        """None for an optional Secret that is not there.

        Raises:
            KeyError: a Secret is missing that is not optional.
        """
        if "value" in variable:
            return str(variable["value"])
        wanted = variable["valueFrom"]["secretKeyRef"]
        secret = self.secrets.get(wanted["name"], {})
        return secret.get(wanted["key"]) if wanted.get("optional") else secret[wanted["key"]]
