"""Where a node lives: on this machine's loopback, or in a network namespace with links to cut.

With namespaces each worker has two links: one to Ray's head, one to Lichess. Either can be cut.
They exist only within `in_namespaces`, which runs this program once more in its own namespaces:
changes to the network affect nothing outside, and every process ends with the namespaces.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Final

from crabstick.errors import EnvironmentProblem

MARK: Final = "CRABSTICK_CHAOS_APART"
LOOPBACK: Final = ("ip", "link", "set", "lo", "up")
NETWORKS: Final = {"ray": "10.77.0", "lichess": "10.78.0"}
CENTRE: Final = 254
"""The last number of the address that the head and Lichess have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeNetwork:
    """A network namespace, or this machine's loopback."""

    name: str
    address: str
    prefix: Sequence[str] = ()
    """The beginning of a command line that runs a command there."""
    links: Sequence[str] = ()
    """The names of the links to Ray and to Lichess on this side; empty on loopback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Networks:
    """The addresses of one run."""

    head: NodeNetwork
    workers: Sequence[NodeNetwork]
    lichess: str


def in_namespaces(arguments: Sequence[str]) -> int | None:
    """Runs this program again in its own namespaces, and returns its exit status.

    None when it is in namespaces already, or this machine does not allow them.
    """
    if MARK in os.environ:
        return None
    enter = enter_namespaces()
    if not enter:
        return None
    with TemporaryDirectory(prefix="c-", ignore_cleanup_errors=True) as folder:
        child = subprocess.run(  # killed with all that it began when we are interrupted
            [*enter, sys.executable, "-m", "tests.chaos", *arguments],
            env={**os.environ, "TMPDIR": folder, MARK: gettempdir()},
            check=False,
        )
    return child.returncode


def lasting_folder() -> Path:
    """Where a file outlives this run."""
    return Path(os.environ.get(MARK) or gettempdir())


def enter_namespaces() -> Sequence[str]:
    """The beginning of a command line that runs a command in new network and process namespaces.

    Empty where this machine does not allow that. The shell stays, and reaps orphans.
    """
    enter = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid():
        enter[1:1] = ["--user", "--map-root-user"]
    try:
        trial = subprocess.run([*enter, *LOOPBACK], capture_output=True, check=False)
    except OSError:
        return ()
    shell = f'{" ".join(LOOPBACK)}; "$@"; exit $?'
    return () if trial.returncode else (*enter, "sh", "-c", shell, "sh")


def make_networks(stack: ExitStack, workers: int) -> Networks:
    """Makes the networks for that many workers; on loopback where there are no namespaces."""
    names = [f"worker{number}" for number in range(1, workers + 1)]
    if MARK not in os.environ:
        here = [NodeNetwork(name=name, address="127.0.0.1") for name in names]
        return Networks(
            head=NodeNetwork(name="head", address="127.0.0.1"), workers=here, lichess="127.0.0.1"
        )
    for network, prefix in NETWORKS.items():
        _ip(f"link add {network} type bridge")
        _ip(f"address add {prefix}.{CENTRE}/24 dev {network}")
        _ip(f"link set {network} up")
    centre = {network: f"{prefix}.{CENTRE}" for network, prefix in NETWORKS.items()}
    _ip("route add default dev ray")  # by it Ray finds out its own address
    return Networks(
        head=NodeNetwork(name="head", address=centre["ray"]),
        workers=[_place(stack, name, number) for number, name in enumerate(names, start=1)],
        lichess=centre["lichess"],
    )


def _place(stack: ExitStack, name: str, number: int) -> NodeNetwork:
    wait = ["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"]
    keeper = subprocess.Popen(wait, stdout=subprocess.PIPE)
    stack.callback(keeper.wait)
    stack.callback(keeper.kill)
    if keeper.stdout is not None:
        keeper.stdout.readline()  # from now on it is there
    inside = ("nsenter", "--target", str(keeper.pid), "--net", "--")
    _run(*inside, "ip", "link", "set", "lo", "up")
    for network, prefix in NETWORKS.items():
        link = f"{network}{number}"
        _ip(f"link add {link} type veth peer name {network} netns {keeper.pid}")
        _ip(f"link set {link} master {network} up")
        _run(*inside, "ip", "address", "add", f"{prefix}.{number}/24", "dev", network)
        _run(*inside, "ip", "link", "set", network, "up")
    _run(*inside, "ip", "route", "add", "default", "dev", "ray")
    return NodeNetwork(
        name=name,
        address=f"{NETWORKS['ray']}.{number}",
        prefix=inside,
        links=[f"{network}{number}" for network in NETWORKS],
    )


def _ip(arguments: str) -> None:
    _run("ip", *arguments.split())


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EnvironmentProblem(f"{' '.join(command)}: {done.stderr.strip()}")
