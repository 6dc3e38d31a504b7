"""The deployment files of this repository as values, and a way to spoil them for a test."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from crabstick.settings import Settings

__all__ = [
    "DEPLOYMENT_FILES",
    "REPOSITORY",
    "Manifest",
    "containers",
    "environment",
    "inline_secrets",
    "keeper",
    "part",
    "ray_cluster",
    "ray_up_file",
    "rendered",
    "slots",
    "spoiled",
]

Manifest = dict[str, Any]

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOYMENT_FILES = (
    "ray-cluster.yaml",
    "kuberay/Dockerfile",
    "kuberay/bot.yaml",
    "kuberay/http-service.yaml",
    "kuberay/keeper.yaml",
    "kuberay/kustomization.yaml",
    "kuberay/ray-cluster.yaml",
)
MIB = 2**20
LOOKS_SECRET = re.compile(r"lip_\w+|\b(?=\w*\d)\w{32,}\b")


def ray_cluster() -> Manifest:
    """The RayCluster of `kuberay/`, in a namespace as the API server would hand it out."""
    cluster = _load("kuberay/ray-cluster.yaml")
    cluster["metadata"]["namespace"] = "crabstick"
    return cluster


def keeper() -> Manifest:
    """The Deployment that keeps the bot up."""
    return _load("kuberay/keeper.yaml")


def ray_up_file() -> Manifest:
    """The file for `ray up`."""
    return _load("ray-cluster.yaml")


@cache
def rendered() -> tuple[Manifest, ...]:
    """What `kubectl apply -k kuberay` would send; skips where there is no kubectl."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed, so kuberay/ cannot be rendered")
    command = ["kubectl", "kustomize", str(REPOSITORY / "kuberay")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return tuple(yaml.safe_load_all(done.stdout))


def containers(manifest: Manifest) -> Iterator[Manifest]:
    """Every container that the manifest describes, however deep."""
    parts: list[object] = [manifest]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            yield from part.get("containers", ())
            parts.extend(part.values())
        elif isinstance(part, list):
            parts.extend(part)


def environment(container: Manifest) -> dict[str, str | None]:
    """A container's variables; None for those whose value comes from elsewhere."""
    return {variable["name"]: variable.get("value") for variable in container.get("env", ())}


def part(manifest: Manifest, path: str) -> Manifest:
    """What stands at the dotted path; numbers in it are list positions."""
    here: Manifest = manifest
    for step in _steps(path):
        here = here[step]
    return here


def slots(resources: Manifest) -> int:
    """How many engine actors of the default settings fit a node with these Ray resources.

    `memory` is in bytes.
    """
    cluster = Settings().cluster
    by_memory = resources.get("memory", 0) // (cluster.slot_memory_mb * MIB)
    return int(min(resources.get("CPU", 0) // cluster.slot_cpus, by_memory))


def inline_secrets(text: str) -> list[str]:
    """Words of the text that look like a token: of Lichess, or long and random."""
    return LOOKS_SECRET.findall(text)


def spoiled(manifest: Manifest, path: str, value: object) -> Manifest:
    """A copy with another value at the dotted path; the value None removes what is there."""
    copy = deepcopy(manifest)
    way, _, last = path.rpartition(".")
    place = part(copy, way) if way else copy
    if value is None:
        del place[last]
    else:
        place[last] = value
    return copy


def _steps(path: str) -> list[Any]:
    return [int(step) if step.isdigit() else step for step in path.split(".")]


def _load(name: str) -> Manifest:
    manifest: Manifest = yaml.safe_load((REPOSITORY / name).read_text(encoding="utf-8"))
    return deepcopy(manifest)  # anchors make one object of several
