"""Deployment files as values, and a way to spoil them for a test."""

import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from actors.local_ray.ray_node import ENVIRONMENT
from crabstick.settings import Settings

Manifest = dict[str, Any]

REPOSITORY = Path(__file__).resolve().parents[2]
MIB = 2**20
LOOKS_SECRET = re.compile(r"lip_\w+|\b(?=\w*\d)\w{32,}\b")

OF_ONE_MACHINE = frozenset(
    {
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S",  # each kind of node has its own
        "RAY_DEDUP_LOGS",  # what a driver prints; a job's goes to its log
    }
)
TUNING = {name: value for name, value in ENVIRONMENT.items() if name not in OF_ONE_MACHINE}
"""What every Ray node of every cluster has in its environment, as those of one machine do."""


def containers(manifest: Manifest) -> Iterator[Manifest]:
    """Every container that the manifest describes, however deep."""
    parts: list[object] = [manifest]
    while parts:
        here = parts.pop()
        if isinstance(here, dict):
            for key in ("initContainers", "containers"):
                yield from here.get(key) or ()
            parts.extend(here.values())
        elif isinstance(here, list):
            parts.extend(here)


def environment(container: Manifest) -> dict[str, str | None]:
    """A container's variables; None for those whose value comes from elsewhere."""
    return {variable["name"]: variable.get("value") for variable in container.get("env", ())}


def part(manifest: Manifest, path: str) -> Any:
    """What stands at the dotted path; numbers in it are list positions."""
    here: Any = manifest
    for step in _steps(path):
        here = here[step]
    return here


def slots(resources: Manifest, settings: Settings | None = None) -> int:
    """How many engine actors fit a node with these Ray resources.

    `memory` is in bytes; the settings are the default ones unless given.
    """
    cluster = (settings or Settings()).cluster
    by_memory = resources.get("memory", 0) // (cluster.slot_memory_mb * MIB)
    return int(min(resources.get("CPU", 0) // cluster.slot_cpus, by_memory))


def inline_secrets(text: str) -> list[str]:
    """Words of the text that look like a token: of Lichess, or long and random."""
    return LOOKS_SECRET.findall(text)


def spoiled(manifest: Manifest, path: str, value: object) -> Manifest:
    """A copy with another value at the dotted path; the value None removes what is there.

    A path that ends in `+` appends to the list before it.
    """
    copy = deepcopy(manifest)
    way, _, last = path.rpartition(".")
    place: Any = part(copy, way) if way else copy
    key: Any = _steps(last)[0]
    if key == "+":
        place.append(value)
    elif value is None:
        del place[key]
    else:
        place[key] = value
    return copy


def _steps(path: str) -> list[Any]:
    return [int(step) if step.isdigit() else step for step in path.split(".")]
