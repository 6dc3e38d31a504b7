"""Everything that the rules look at: the RayCluster, the Pods of all objects, Secrets, settings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from crabstick.errors import ConfigError
from crabstick.explain import nearest
from crabstick.manifests.documents import Document, below, items
from crabstick.manifests.faults import Fault, Route
from crabstick.manifests.fields import KUBERAY, OBJECTS, RAY_CLUSTER
from crabstick.manifests.model import Group, RayCluster
from crabstick.manifests.pod_model import Container, PodSpec, PodTemplate
from crabstick.manifests.reading import read
from crabstick.settings import Settings

__all__ = ["Answers", "Bundle", "Pod", "Versions", "open_bundle"]

_TEMPLATES: Final[dict[str, Route]] = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Pod": (),
}
"""Where the objects of Kubernetes keep their Pod template."""
_OTHERS: Final = {
    "RayService": "a RayService starts a second cluster at an upgrade and cuts all games",
    "RayJob": "a RayJob runs once, and nothing comes back after the head was lost",
}
_KIND = "RayCluster"
_RAY_UP = "cluster_name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """What this program runs on: Ray 2.60.0, Python 3.11."""

    ray: str
    python: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """The Pods of one object, or of one group of the RayCluster; see `Fault` for `owner`."""

    owner: str
    namespace: str
    route: Route
    spec: PodSpec
    labels: Mapping[str, str]
    claimed: frozenset[str] = frozenset()
    """Volumes that each Pod of a StatefulSet gets for itself."""

    def containers(self) -> Iterator[tuple[Container, Route]]:
        """All of them, and where they stand."""
        for at, container in enumerate(self.spec.containers):
            yield container, (*self.route, "containers", at)
        for at, container in enumerate(self.spec.init_containers):
            yield container, (*self.route, "initContainers", at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the Kubernetes cluster itself says, as far as it was asked.

    `silence` is why nothing is known; empty when it answered.
    """

    silence: str = ""
    secrets: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    """Namespace and name -> keys, of those Secrets that exist."""
    operator: str = ""
    """The words that the KubeRay operator was started with; empty when they were not seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The manifests of one bot, read."""

    documents: Sequence[Document]
    source: Document
    cluster: RayCluster
    pods: Sequence[Pod]
    """Of the head, of each worker group, and of all other objects."""
    faults: Sequence[Fault]
    """What the tables of fields have against them."""
    versions: Versions
    settings: Settings
    has_settings: bool = False
    """Whether they are those that the bot will have there."""
    answers: Answers = Answers(silence="nobody was asked")

    @property
    def groups(self) -> tuple[Group, ...]:
        """The head, then the workers."""
        return tuple(self.cluster.groups())

    def line(self, fault: Fault) -> int:
        """Where the fault stands in the text."""
        named = (each for each in self.documents if fault.owner and each.title == fault.owner)
        return next(named, self.source).line(fault.route)


def open_bundle(
    documents: Sequence[Document], source: str, versions: Versions, settings: Settings
) -> Bundle:
    """Reads the documents, with the faults that the tables of fields find in them.

    Raises:
        ConfigError: there is not exactly one RayCluster; `source` is what the sentence calls them.
    """
    document = _only_cluster(documents, source)
    body, faults = read(document.body, RAY_CLUSTER, KUBERAY)
    cluster = RayCluster.model_validate(body)
    namespace = cluster.metadata.namespace
    pods = [
        Pod(
            owner="",
            namespace=namespace,
            route=group.pod_route,
            spec=group.pod,
            labels=group.labels(cluster.metadata.name),
        )
        for group in cluster.groups()
    ]
    meant = [_meant(each, faults) for each in documents]
    for other in meant:
        pods.extend(_pods(other))
    return Bundle(
        documents=meant,
        source=document,
        cluster=cluster,
        pods=pods,
        faults=faults,
        versions=versions,
        settings=settings,
    )


def _only_cluster(documents: Sequence[Document], source: str) -> Document:
    found = [each for each in documents if each.kind == _KIND]
    if len(found) > 1:
        names = ", ".join(each.name or "one without a name" for each in found)
        raise ConfigError(
            f"{source} holds {len(found)} RayClusters ({names}): a bot has one, so check them one "
            "by one"
        )
    if not found:
        kinds = sorted({each.kind for each in documents if each.kind})
        only = f"RayCluster, only {', '.join(kinds)}" if kinds else "object of Kubernetes"
        raise ConfigError(f"{source} holds no {only}: {_instead(kinds, documents)}")
    return found[0]


def _instead(kinds: Sequence[str], documents: Sequence[Document]) -> str:
    hints = ["it is for `ray up`, not for KubeRay" for each in documents if _RAY_UP in each.body]
    hints += [_OTHERS[kind] for kind in kinds if kind in _OTHERS]
    hints += [f"did you mean {_KIND}?" for kind in kinds if nearest(kind, [_KIND])]
    return hints[0] if hints else "name the manifest, or the kustomize folder, of the cluster"


def _meant(document: Document, faults: list[Fault]) -> Document:
    """An object of Kubernetes' own, as it was meant; what is wrong with it goes to `faults`."""
    kind = OBJECTS.get(document.kind)
    if kind is None:
        return document
    body, found = read(document.body, kind, "Kubernetes")
    faults.extend(Fault(each.words, each.route, document.title) for each in found)
    return replace(document, body=body if isinstance(body, Mapping) else {})


def _pods(document: Document) -> Iterator[Pod]:
    """The Pods of an object that is not Ray's."""
    route = _TEMPLATES.get(document.kind)
    found = None if route is None else below(document.body, route)
    if route is None or found is None:
        return
    template = PodTemplate.model_validate(found)
    yield Pod(
        owner=document.title,
        namespace=document.namespace,
        route=(*route, "spec"),
        spec=template.spec,
        labels=template.metadata.labels,
        claimed=frozenset(_claims(document.body)),
    )


def _claims(body: Mapping[str, object]) -> Iterator[str]:
    for claim in items(body, ("spec", "volumeClaimTemplates")):
        yield str(below(claim, ("metadata", "name")))
