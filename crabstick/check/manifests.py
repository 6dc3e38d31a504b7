"""The manifests of one bot: read from a file, a kustomize folder or standard input, as a value.

The value has the RayCluster with its head and workers, and the settings of the bot.
"""

import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from crabstick.check.kubectl import rendered
from crabstick.errors import ConfigError
from crabstick.explain import PREFIX
from crabstick.read_text import as_text, read_text
from crabstick.rules.cluster_view import ClusterNode
from crabstick.rules.lichess_types import NodeId
from crabstick.settings import Settings, settings_from
from crabstick.yaml_documents import read_documents

Manifest = Mapping[str, Any]
"""Fields of an object, or of a part of one, as YAML has them."""
STANDARD_INPUT: Final = "-"
KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_LARGEST: Final = 10_000_000
_FILE: Final = "bot.yaml"
"""The bot's settings in a ConfigMap."""
_OTHERS: Final = {
    "RayService": "a RayService starts a second cluster at an upgrade and cuts all games",
    "RayJob": "a RayJob runs once, and nothing comes back after the head was lost",
}
_QUANTITY: Final = re.compile(r"(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)([kKMGTPEm]?)(i?)")
_POWERS: Final = {"m": -1, "": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}


def at(value: Any, route: str, default: Any = None) -> Any:  # noqa: ANN401 -- a value of YAML
    """The value at the dotted route, such as `spec.containers.0.image`.

    Returns the default if the value is missing, or if its type differs from the default's.
    """
    try:
        for step in route.split("."):
            value = value[int(step) if isinstance(value, list) else step]
    except (LookupError, TypeError, ValueError):
        return default
    return value if default is None or isinstance(value, type(default)) else default


def read_manifests(place: str) -> list[Manifest]:
    """The objects at `place`: a path, or `-` for standard input.

    Raises:
        ConfigError: there are no manifests at `place`, or they cannot be read or rendered.
        EnvironmentProblem: `place` is a folder, and no program that renders it is installed.
    """
    if place == STANDARD_INPUT:
        content = sys.stdin.buffer.read(_LARGEST + 1)
        return read_objects(as_text(content, "standard input", _LARGEST), "standard input")
    path = Path(place)
    if path.name in KUSTOMIZATIONS:
        path = path.parent
    if not path.is_dir():
        return read_objects(read_text(path, named_by="the manifest", limit=_LARGEST), str(path))
    if not any((path / name).is_file() for name in KUSTOMIZATIONS):
        raise ConfigError(
            f"{path} is a folder without {KUSTOMIZATIONS[0]}: name a file or a kustomize folder"
        )
    return read_objects(rendered(path), place)


def read_objects(text: str, source: str) -> list[Manifest]:
    """The objects in a YAML or JSON text, those of a List one by one; `source` names the text.

    Raises:
        ConfigError: the text is not YAML, or holds something other than objects.
    """
    values = [_bare(value) for value in read_documents(text, source) if value is not None]
    lists = [at(value, "items", []) if at(value, "kind") == "List" else [value] for value in values]
    objects = [each for several in lists for each in several]
    if not all(isinstance(each, dict) for each in objects):
        raise ConfigError(f"{source}: a manifest must be a mapping with kind and metadata")
    return objects


def _bare(value: Any) -> Any:  # noqa: ANN401 -- a value of YAML
    """The value as Kubernetes reads it: without the fields that are null."""
    if isinstance(value, dict):
        return {str(key): _bare(each) for key, each in value.items() if each is not None}
    return [_bare(each) for each in value] if isinstance(value, list) else value


def amount(text: object) -> Decimal | None:
    """500m of a CPU or 2Gi of memory as a number; None when Kubernetes would not read it."""
    match = _QUANTITY.fullmatch(str(text))
    if match is None:
        return None
    return Decimal(match[1]) * Decimal(1024 if match[3] else 1000) ** _POWERS[match[2]]


@dataclass(frozen=True, slots=True)
class Group:
    """The head or a group of workers.

    `container` is the one that Ray runs in (KubeRay takes the first), and `env` its variables.
    `cpus` is what Ray counts on each node, None when no field says; `node` has the rest, too.
    """

    body: Manifest
    container: Manifest
    env: Mapping[str, Manifest]
    cpus: int | None
    node: ClusterNode

    def __str__(self) -> str:
        name = self.body.get("groupName")
        return f"the group {name}" if name else "the head"


@dataclass(frozen=True, slots=True)
class Manifests:
    """The objects of one bot: among them its RayCluster, of a head and groups of workers.

    `source` says where the bot's settings come from. It is empty when no manifest has settings and
    the user named none; then `settings` are those of this command.
    """

    objects: Sequence[Manifest]
    cluster: Manifest
    head: Group
    workers: Sequence[Group]
    settings: Settings
    source: str

    def of_kind(self, kind: str) -> list[Manifest]:
        """The objects of that kind."""
        return [each for each in self.objects if each.get("kind") == kind]


def open_manifests(
    objects: Sequence[Manifest], place: str, settings: Settings, *, is_named: bool
) -> Manifests:
    """The manifests at `place`, with the settings that their bot will have.

    The `settings` of this command apply when the user named them, or when no manifest has any.

    Raises:
        ConfigError: there is not exactly one RayCluster, or the bot's settings are wrong.
    """
    cluster = _only_cluster(objects, place)
    head = _group(at(cluster, "spec.headGroupSpec", {}))
    workers = [_group(each) for each in at(cluster, "spec.workerGroupSpecs", [])]
    variables = {
        name: str(entry["value"])
        for name, entry in head.env.items()
        if at(entry, "value") is not None
    }
    source = "those of this command" if is_named else ""
    for where, text in () if is_named else _settings_texts(objects, variables):
        source, settings = where, settings_from(text, variables, source=where)
    return Manifests(objects, cluster, head, workers, settings, source)


def _settings_texts(objects: Sequence[Manifest], variables: Iterable[str]) -> list[tuple[str, str]]:
    """Where the bot's settings are, and the YAML there, over which the head's variables go."""
    files = [
        (f"{_FILE} of the {each.get('kind')} {at(each, 'metadata.name')}", str(text))
        for each in objects
        if (text := at(each, "data", {}).get(_FILE)) is not None
    ]
    if files or not any(name.upper().startswith(PREFIX) for name in variables):
        return files
    return [("the variables of the head", "")]


def _only_cluster(objects: Sequence[Manifest], place: str) -> Manifest:
    found = [each for each in objects if each.get("kind") == "RayCluster"]
    if len(found) > 1:
        raise ConfigError(f"{place} holds {len(found)} RayClusters: a bot has one, so check each")
    if not found:
        kinds = sorted({str(each["kind"]) for each in objects if each.get("kind")})
        only = f"RayCluster, only {', '.join(kinds)}" if kinds else "object of Kubernetes"
        hints = [_OTHERS[kind] for kind in kinds if kind in _OTHERS]
        hint = hints[0] if hints else "name the manifest, or the kustomize folder, of the cluster"
        raise ConfigError(f"{place} holds no {only}: {hint}")
    return found[0]


def _group(body: Manifest) -> Group:
    container = at(body, "template.spec.containers.0", {})
    env = {at(each, "name", ""): each for each in at(container, "env", [])}
    cpus, memory = _counted(body, "CPU", "num-cpus"), _counted(body, "memory", "memory")
    limits = at(container, "resources.limits", {})
    cards = next((number for name, number in limits.items() if name.endswith("gpu")), 0)
    gpus = at(body, "rayStartParams.num-gpus") or cards
    named = {name: float(amount(each) or 0) for name, each in at(body, "resources", {}).items()}
    total = {
        "GPU": float(amount(gpus) or 0),
        **named,
        "CPU": cpus or 0,
        "memory": 2**50 if memory is None else memory,  # no bound: any game fits
    }
    node = ClusterNode(id=NodeId(""), total=total, labels=at(body, "labels", {}))
    return Group(body, container, env, cpus, node)


def _counted(body: Manifest, resource: str, parameter: str) -> int | None:
    """Source: Ray 2.60, `ray/autoscaler/_private/kuberay/autoscaling_config.py`."""
    resources = "template.spec.containers.0.resources"
    given = (
        at(body, f"resources.{resource}"),
        at(body, f"rayStartParams.{parameter}"),
        at(body, f"{resources}.limits.{resource.lower()}"),
        at(body, f"{resources}.requests.{resource.lower()}"),
    )
    found = amount(next((each for each in given if each is not None), None))
    return None if found is None else math.ceil(found)
