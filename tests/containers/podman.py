"""Podman, with all that it keeps in one folder, and on root's machine in namespaces of its own.

There its networks and firewall rules touch nothing outside, and every container ends with them.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from crabstick.errors import EnvironmentProblem

MARK: Final = "CRABSTICK_CONTAINERS_APART"
WAYS: Final[Sequence[Sequence[str]]] = ((), ("--cgroups=disabled",))
"""Options by which a machine can run a container, the usual one first."""
PLACES: Final = ("network-config-dir", "root", "runroot", "tmpdir")
GROUPS: Final = "/sys/fs/cgroup"
SETUP: Final = (
    "ip link set lo up; "
    # crun refuses a mixture of both versions; this is a view of the second alone
    f"if [ -e {GROUPS}/unified ]; then umount -l {GROUPS}; mount -t cgroup2 none {GROUPS}; fi; "
    '"$@"; exit $?'
)


def apart(arguments: Sequence[str]) -> int | None:
    """Runs this program again where it may do as it likes, and returns its exit status.

    None when it is there already; an ordinary user's podman has namespaces of its own.
    """
    if MARK in os.environ or os.geteuid():
        return None
    enter = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    again = [sys.executable, "-m", "tests.containers", *arguments]
    child = subprocess.run(
        [*enter, "sh", "-c", SETUP, "sh", *again], env={**os.environ, MARK: "1"}, check=False
    )
    return child.returncode


@dataclass(frozen=True, slots=True, kw_only=True)
class Podman:
    """One store of images and containers."""

    folder: Path
    run_options: Sequence[str] = ()

    def __call__(self, *arguments: str, limit_s: float = 120, text: str | None = None) -> str:
        """One command, and what it says.

        Raises:
            EnvironmentProblem: it failed, or did not end in time.
        """
        command = [
            shutil.which("podman") or "podman",
            *(f"--{name}={self.folder / name}" for name in PLACES),
            "--cgroup-manager=cgroupfs",
            *arguments,
        ]
        try:
            done = subprocess.run(
                command, input=text, capture_output=True, text=True, timeout=limit_s, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EnvironmentProblem(f"podman {arguments[0]}: {error}") from None
        if done.returncode:
            said = (done.stdout + done.stderr).strip()[-1000:]
            raise EnvironmentProblem(f"podman {arguments[0]} ended with {done.returncode}: {said}")
        return done.stdout

    def able(self, image: str) -> "Podman":
        """The same, with the options by which this machine can run containers.

        Raises:
            EnvironmentProblem: there are none.
        """
        problem = EnvironmentProblem("podman was not tried")
        for way in WAYS:
            podman = replace(self, run_options=way)
            try:
                podman.run("--rm", image, "true")
            except EnvironmentProblem as error:
                problem = error
            else:
                return podman
        raise problem

    def build(self, image: str, context: Path, *options: str) -> None:
        """An image from a folder; without a runtime, which some machines allow in `run` alone."""
        self(
            *("build", "--isolation=chroot", "--pull=never", f"--tag={image}"),
            *(*options, str(context)),
            limit_s=1500,
        )

    def run(self, *arguments: str, limit_s: float = 120) -> str:
        """A container of an image that is there."""
        return self("run", "--pull=never", *self.run_options, *arguments, limit_s=limit_s)
