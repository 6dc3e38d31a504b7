"""What the Pods name is here by that name, or has nothing to do with what is here."""

from typing import Any

import pytest

from crabstick.manifests.bundle import Answers
from tests.unit.manifests.clusters import SECRETS, Manifest, a_cluster, problems, said, spoiled

POD = "spec.workerGroupSpecs.0.template.spec"
ACCOUNT = f"{POD}.serviceAccountName"
ENV = f"{POD}.containers.0.env.+"
ELSEWHERE = {("elsewhere", name): keys for (_, name), keys in SECRETS.items()}


def a_thing(kind: str, name: str, *, namespace: str = "crabstick", **changes: Any) -> Manifest:
    return {"kind": kind, "metadata": {"name": name, "namespace": namespace}, **changes}


def a_service(name: str, port: int, **spec: Any) -> Manifest:
    return a_thing("Service", name, spec={"ports": [{"port": port}], **spec})


def a_volume(name: str, **changes: Any) -> Manifest:
    return {"name": "books", "configMap": {"name": name, **changes}}


def an_address(value: str) -> Manifest:
    return {"name": "ADDRESS", "value": value}


WORKER, BOOKS = (
    a_thing("ServiceAccount", "crabstick-worker"),
    a_thing("ConfigMap", "books-8mt45697tt"),
)


@pytest.mark.parametrize(
    ("path", "value", "held", "words"),
    [
        (ACCOUNT, "crabstick-workr", WORKER, "names the ServiceAccount crabstick-workr, which"),
        (ACCOUNT, "worker", WORKER, "did you mean crabstick-worker, which nobody names?"),
        (f"{POD}.volumes.+", a_volume("books"), BOOKS, "generatorOptions.disableNameSuffixHash"),
        (
            f"{POD}.volumes.+",
            {"name": "v", "projected": {"sources": [{"configMap": {"name": "books"}}]}},
            BOOKS,
            "volumes[1].projected.sources[0].configMap names the ConfigMap books",
        ),
        (
            f"{POD}.containers.0.envFrom",
            [{"configMapRef": {"name": "books"}}],
            BOOKS,
            "containers[0].envFrom[0] names the ConfigMap books, which these manifests do not",
        ),
        (
            ENV,
            {"name": "X", "valueFrom": {"configMapKeyRef": {"name": "books", "key": "k"}}},
            BOOKS,
            "no such Pod starts without it; it is books-8mt45697tt here",
        ),
        (ENV, an_address("http://crab-htp:80/x"), a_service("crab-http", 80), "crab-http, which"),
        (ENV, an_address("http://crabstick-head:8265"), WORKER, "did you mean crabstick-head-svc"),
        (ENV, an_address("http://mybot-head-svc:8265"), WORKER, "did you mean crabstick-head-svc"),
        (ENV, an_address("http://crab:81"), a_service("crab", 80), "at port 81, and it listens at"),
        (
            ENV,
            an_address("http://crabstick-head-svc:8256"),
            WORKER,
            "crabstick-head-svc at port 8256, and it listens at 6379, 8000, 8080, 8265, 10001",
        ),
        (
            "spec.gcsFaultToleranceOptions",
            {"redisAddress": "rediss:6379"},
            a_service("redis", 6379),
            "redisAddress names the Service rediss",
        ),
    ],
)
def test_a_name_that_is_here_otherwise_is_named(
    path: str, value: object, held: Manifest, words: str
) -> None:
    (found,) = problems(spoiled(path, value), held)
    assert found.startswith("Pods: ")
    assert words in found


@pytest.mark.parametrize(
    ("path", "value", "held"),
    [
        (ACCOUNT, "crabstick-worker", WORKER),
        (ACCOUNT, "default", a_thing("ServiceAccount", "defaults")),
        (ACCOUNT, "bought-elsewhere", WORKER),
        (f"{POD}.volumes.+", a_volume("books", optional=True), BOOKS),
        (f"{POD}.volumes.+", a_volume("kube-root-ca.crt"), a_thing("ConfigMap", "kube-root-ca.cr")),
        (ENV, an_address("http://prometheus.monitoring.svc:9090"), a_service("prometheu", 1)),
        (ENV, an_address("https://lichess.org"), a_service("lichess", 443)),
        (ENV, an_address("http://crab.crabstick.svc.cluster.local:80"), a_service("crab", 80)),
        (ENV, an_address("http://crab:81"), a_service("crab", 80, clusterIP="None")),
        (ENV, an_address("http://crab"), a_service("crab", 8000)),
        (ENV, an_address("http://crabstick-head-svc:8265"), WORKER),
        (ENV, an_address("http://crabstick-head-svc"), WORKER),
    ],
)
def test_a_name_that_is_here_or_somebody_else_s_is_left_alone(
    path: str, value: object, held: Manifest
) -> None:
    assert problems(spoiled(path, value), held) == []


def test_the_service_of_the_head_may_have_a_name_of_its_own() -> None:
    own = {"metadata": {"name": "my-head-svc"}}
    cluster = spoiled("spec.headGroupSpec.headService", own)
    assert problems(spoiled(ENV, an_address("http://my-head-svc:8265"), cluster)) == []
    (found,) = problems(spoiled(ENV, an_address("http://crabstick-head-svc:8265"), cluster))
    assert "did you mean my-head-svc" in found


def test_a_name_that_only_looks_like_a_longer_one_is_another() -> None:
    monitor = a_thing("ServiceAccount", "crabstick-monitoring")
    assert problems(spoiled(ACCOUNT, "crabstick"), monitor) == []


def test_what_must_be_there_already_is_told_beside_other_objects() -> None:
    cluster = spoiled(ACCOUNT, "bought-elsewhere")
    assert said("Pods", cluster) == ["a changed manifest ends none of them"]
    assert said("Pods", cluster, WORKER) == [
        (
            "ServiceAccount bought-elsewhere is not in these manifests, and no such Pod is made "
            "without it"
        )
    ]


def of_the_head(kind: str, namespace: str) -> Manifest:
    selector: Manifest = {"ray.io/cluster": "crabstick"}
    if kind != "Service":
        selector = {"matchLabels": selector}
    return a_thing(kind, "x", namespace=namespace, spec={"selector": selector})


def test_a_cluster_in_another_namespace_is_one_sentence() -> None:
    cluster = spoiled("metadata.namespace", "elsewhere", spoiled(ACCOUNT, "crabstick-worker"))
    others = (of_the_head("Service", "crabstick"), of_the_head("PodDisruptionBudget", "crabstick"))
    (found,) = problems(cluster, *others, WORKER, answers=Answers(secrets=ELSEWHERE))
    assert found == (
        "Pods: Service x, metadata.namespace is crabstick, and that of its Pods elsewhere: put all "
        "of it into one namespace; the same goes for PodDisruptionBudget x, ServiceAccount "
        "crabstick-worker"
    )


def test_a_namespace_that_kubectl_decides_may_be_the_right_one() -> None:
    service = of_the_head("Service", "")
    assert problems(a_cluster(), service) == []
    assert "metadata.namespace is left out, and that of its Pods crabstick" in " ".join(
        said("Pods", a_cluster(), service)
    )


def test_a_monitor_looks_where_it_is_told() -> None:
    assert problems(a_cluster(), of_the_head("PodMonitor", "monitoring")) == []
