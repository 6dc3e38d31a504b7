"""What Ray misses in Pods that Kubernetes starts: room to write in."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from crabstick.manifests.bundle import Bundle
from crabstick.manifests.faults import Fault, Finding
from crabstick.manifests.model import Group

__all__ = ["scratch"]

_SESSION: Final = "/tmp/ray"  # noqa: S108  # Ray's own choice
_FOLDERS: Final = ("RAY_TMPDIR", "TMPDIR")
"""Variables that move it."""


def scratch(bundle: Bundle) -> Iterator[Finding]:
    """Ray's container can write its session: with an autoscaler, the operator sees to the head."""
    head = bundle.cluster.head
    for group in bundle.groups:
        if not group.ray.security_context.read_only_root_filesystem:
            continue
        mounts = {mount.mount_path for mount in group.ray.volume_mounts if not mount.read_only}
        if group == head and bundle.cluster.spec.enable_in_tree_autoscaling:
            mounts.add(_SESSION)  # the operator's volume `ray-logs`
        folders = _folders(group) or _folders(head) or [_SESSION]
        if not any(_is_within(folder, mount) for folder in folders for mount in mounts):
            yield Fault(
                f"of {group} covers no part of {folders[0]}, where Ray writes its session, and the "
                "root file system is read-only: mount an emptyDir at /tmp",
                (*group.ray_route, "volumeMounts"),
            )


def _folders(group: Group) -> list[str]:
    """Where Ray is told to write."""
    own = group.spec.ray_start_params.get("temp-dir")
    variables = (each.value for each in group.ray.env if each.name in _FOLDERS)
    return [own] if own else [f"{value}/ray" for value in variables if value]


def _is_within(folder: str, mount: str) -> bool:
    return bool(mount) and PurePosixPath(folder).is_relative_to(mount)
