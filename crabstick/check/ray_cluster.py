"""The manifests of one bot as a value: its RayCluster with head and workers, and its settings."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from importlib.metadata import version
from typing import Final

from crabstick.check.documents import Manifest, below, items, metadata
from crabstick.check.kubectl import Answers
from crabstick.errors import ConfigError
from crabstick.settings import Settings, settings_from

__all__ = ["Group", "Manifests", "amount", "open_manifests"]

_FILE: Final = "bot.yaml"
"""The bot's settings in a ConfigMap."""
_OTHERS: Final = {
    "RayService": "a RayService starts a second cluster at an upgrade and cuts all games",
    "RayJob": "a RayJob runs once, and nothing comes back after the head was lost",
}
_QUANTITY: Final = re.compile(r"([+-]?[\d.]+(?:[eE][+-]?\d+)?)([a-zA-Z]*)")
_FACTORS: Final = {
    "": Decimal(1),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
    **{unit: Decimal(1000) ** -power for power, unit in enumerate("mun", start=1)},
}


def amount(text: object) -> Decimal | None:
    """500m of a CPU, 2Gi of memory as a number; None when Kubernetes would not read it."""
    match = _QUANTITY.fullmatch(str(text))
    factor = _FACTORS.get(match[2]) if match else None
    return Decimal(match[1]) * factor if match and factor else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The head or a group of workers; `place` is where it stands."""

    body: Manifest
    place: str
    is_head: bool = False

    def __str__(self) -> str:
        return "the head" if self.is_head else str(self.body.get("groupName") or self.place)

    @property
    def pod(self) -> Manifest:
        """The spec of its Pods."""
        return below(self.body, "template", "spec") or {}

    @property
    def ray(self) -> Manifest:
        """The container that Ray runs in: KubeRay takes the first."""
        return next(iter(items(self.pod, "containers")), {})

    @property
    def ray_place(self) -> str:
        """Where that one stands."""
        return f"{self.place}.template.spec.containers[0]"

    @property
    def env(self) -> Mapping[str, Manifest]:
        """The variables there, by name."""
        return {each["name"]: each for each in items(self.ray, "env")}

    def counted(self, resource: str, parameter: str) -> int | None:
        """How much of `CPU` or `memory` Ray counts on each node; None when nothing says.

        Source: Ray 2.60, `ray/autoscaler/_private/kuberay/autoscaling_config.py`.
        """
        given = (
            below(self.body, "resources", resource),
            below(self.body, "rayStartParams", parameter),
            below(self.ray, "resources", "limits", resource.lower()),
            below(self.ray, "resources", "requests", resource.lower()),
        )
        found = amount(next((each for each in given if each is not None), None))
        return None if found is None else math.ceil(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifests:
    """The objects of one bot, and what is known beside them."""

    objects: Sequence[Manifest]
    cluster: Manifest
    settings: Settings
    """The bot's when `has_settings`, else those of this command."""
    source: str = "those of this command"
    has_settings: bool = False
    mistake: str = ""
    """What keeps the bot's own settings from being read."""
    answers: Answers = field(default_factory=Answers)
    ray: str = version("ray")
    """The version that this program runs on."""

    @property
    def head(self) -> Group:
        """The head."""
        body = below(self.cluster, "spec", "headGroupSpec") or {}
        return Group(body=body, place="spec.headGroupSpec", is_head=True)

    @property
    def workers(self) -> list[Group]:
        """The groups that play."""
        groups = enumerate(items(self.cluster, "spec", "workerGroupSpecs"))
        return [Group(body=body, place=f"spec.workerGroupSpecs[{at}]") for at, body in groups]

    @property
    def groups(self) -> list[Group]:
        """The head, then the workers."""
        return [self.head, *self.workers]

    def of_kind(self, kind: str) -> list[Manifest]:
        """The objects of that kind."""
        return [each for each in self.objects if each.get("kind") == kind]


def open_manifests(
    objects: Sequence[Manifest], place: str, settings: Settings, *, is_named: bool
) -> Manifests:
    """The manifests at `place`, with the settings that their bot will have.

    Args:
        objects: what they hold.
        place: what the sentences call them.
        settings: those of this command, for manifests that bring none.
        is_named: whether the user named these settings, so that they hold in any case.

    Raises:
        ConfigError: there is not exactly one RayCluster.
    """
    found = Manifests(
        objects=objects,
        cluster=_only_cluster(objects, place),
        settings=settings,
        has_settings=is_named,
    )
    for each in () if is_named else found.of_kind("ConfigMap"):
        text = below(each, "data", _FILE)
        if text is not None:
            source = f"{_FILE} of the ConfigMap {metadata(each, 'name')}"
            return _with_settings(found, str(text), source)
    return found


def _with_settings(manifests: Manifests, text: str, source: str) -> Manifests:
    head = manifests.head
    variables = {name: str(entry.get("value", "")) for name, entry in head.env.items()}
    try:
        settings = settings_from(text, variables, source=source)
    except ConfigError as error:
        return replace(manifests, mistake=str(error))
    return replace(manifests, settings=settings, source=source, has_settings=True)


def _only_cluster(objects: Sequence[Manifest], place: str) -> Manifest:
    found = [each for each in objects if each.get("kind") == "RayCluster"]
    if len(found) > 1:
        names = ", ".join(metadata(each, "name") or "one without a name" for each in found)
        raise ConfigError(
            f"{place} holds {len(found)} RayClusters ({names}): a bot has one, so check them one "
            "by one"
        )
    if not found:
        kinds = sorted({str(each["kind"]) for each in objects if each.get("kind")})
        only = f"RayCluster, only {', '.join(kinds)}" if kinds else "object of Kubernetes"
        hints = [_OTHERS[kind] for kind in kinds if kind in _OTHERS]
        hint = hints[0] if hints else "name the manifest, or the kustomize folder, of the cluster"
        raise ConfigError(f"{place} holds no {only}: {hint}")
    return found[0]
