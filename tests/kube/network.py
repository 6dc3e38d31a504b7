"""Where Pods live: each in a network namespace of its own, or all on loopback."""

from contextlib import ExitStack
from pathlib import Path
from typing import Final

from actors.local_ray.ports import free_port
from tests.chaos.networks import make_networks
from tests.kube.container import Box
from tests.kube.objects import HEAD, Manifest, group_of, name_of
from tests.kube.pod_spec import Addresses

MOST_PODS: Final = 12
GCS_PORT: Final = 6379


class Network:
    """Gives every Pod a place and a folder; no place is used twice.

    Args:
        stack: undoes it.
        folder: where the folders of the Pods are.
    """

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        made = make_networks(stack, MOST_PODS)
        self._places = list(reversed(made.workers))
        self._head = self._places.pop()
        self.folder = folder
        self._ray = folder / "ray"
        """Where Ray writes: in each Pod its own folder is mounted there."""
        self._ray.mkdir()
        self.is_shared = not self._head.prefix
        """Whether all Pods are on loopback."""
        self.kubernetes = made.head.address
        self.lichess = made.lichess
        self.variables = {"HOME": str(self._ray), "RAY_TMPDIR": str(self._ray)}
        """For what a manifest mounts a volume."""
        self.addresses = Addresses(
            head=self._head.address,
            gcs_port=self.port(GCS_PORT),
            port=self.port,
            only=self._head.address if self.is_shared else None,
        )

    def port(self, usual: int) -> int:
        """The usual one, if a Pod has that for itself."""
        return free_port() if self.is_shared else usual

    def box(self, pod: Manifest) -> Box:
        """Where that Pod lives from now on."""
        place = self._head if group_of(pod) == HEAD else self._places.pop()
        folder = self.folder / name_of(pod)
        folder.mkdir()
        return Box(place=place, folder=folder, mount=None if self.is_shared else self._ray)

    def ray_folders(self) -> list[Path]:
        """Wherever a Ray of bot has written."""
        return list(self.folder.glob("*/ray"))
