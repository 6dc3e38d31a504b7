"""Our own manifests are fit to be applied, and each mistake in one of them is told with its fix."""

import json
from copy import deepcopy
from typing import Any

import pytest

from crabstick.errors import ConfigError, CrabstickError
from crabstick.manifests.bundle import Answers, Versions, open_bundle
from crabstick.manifests.documents import Document
from crabstick.manifests.points import look
from crabstick.settings import Settings
from tests.contract.kuberay.rendered import CASES, OVERLAYS, rendered
from tests.contract.manifests import Manifest, spoiled

VERSIONS = Versions(ray="2.60.0", python="3.11")
SILENT = Answers(silence="kubectl reaches no cluster")
KEYS = {
    ("crabstick", "crabstick-tokens"): frozenset({"lichess", "admin"}),
    ("crabstick", "crabstick-redis"): frozenset({"password"}),
}
GATE = "GCSFaultToleranceEmbeddedStorage"
READY = Answers(secrets=KEYS, operator=f"/manager --feature-gates={GATE}=true")
HEAD = "spec.headGroupSpec"
GAME = "spec.workerGroupSpecs.0"
POD = "template.spec"
CONTAINER = f"{POD}.containers.0"
DRAIN = "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"


def told(
    things: list[Manifest], answers: Answers = READY
) -> list[tuple[str, str | CrabstickError]]:
    documents = [Document(body=thing, lines={}) for thing in things]
    bundle = open_bundle(documents, "manifests", VERSIONS, Settings())
    fields = {name: getattr(bundle, name) for name in bundle.__slots__}
    return list(look(type(bundle)(**{**fields, "answers": answers}), is_named=False))


def problems(things: list[Manifest], answers: Answers = READY) -> list[str]:
    return [
        f"{subject}: {words}"
        for subject, words in told(things, answers)
        if isinstance(words, CrabstickError)
    ]


def with_cluster(case: str, path: str, value: object) -> list[Manifest]:
    """The manifests of that case with a mistake in their RayCluster."""
    return [
        spoiled(thing, path, value) if thing["kind"] == "RayCluster" else thing
        for thing in rendered(case)
    ]


def variable(case: str, group: str, name: str) -> str:
    """Where a variable's entry is."""
    (cluster,) = [thing for thing in rendered(case) if thing["kind"] == "RayCluster"]
    place: Any = cluster
    for step in f"{group}.{CONTAINER}.env".split("."):
        place = place[int(step) if step.isdigit() else step]
    at = [each["name"] for each in place].index(name)
    return f"{group}.{CONTAINER}.env.{at}"


@pytest.mark.parametrize("case", CASES)
def test_our_own_manifests_have_no_problem(case: str) -> None:
    assert problems(rendered(case)) == []


@pytest.mark.parametrize(
    ("policy", "direction", "place"),
    [
        (name, direction, place)
        for name, directions in {
            "crabstick-ray": {"ingress": 1, "egress": 3},
            "crabstick-head": {"ingress": 2},
            "crabstick-keeper": {"egress": 2},
            "crabstick-redis": {"ingress": 1},
            "crabstick-to-redis": {"egress": 1},
        }.items()
        for direction, count in directions.items()
        for place in range(count)
    ],
)
def test_a_rule_less_cuts_somebody_off(policy: str, direction: str, place: int) -> None:
    things = rendered("production")
    policies = [each for each in things if each["kind"] == "NetworkPolicy"]
    (spec,) = [each["spec"] for each in policies if each["metadata"]["name"] == policy]
    del spec[direction][place]
    found = problems(things)
    assert found
    assert all(each.startswith("network: NetworkPolicy crabstick-") for each in found)


@pytest.mark.parametrize("case", CASES)
def test_without_a_cluster_they_have_none_either_and_the_secrets_are_told(case: str) -> None:
    assert problems(rendered(case), SILENT) == []
    said = dict(told(rendered(case), SILENT))
    assert "crabstick-tokens (key lichess)" in str(said["Secrets"])
    assert "was not looked at" in str(said["Secrets"])


@pytest.mark.parametrize("case", CASES)
def test_a_cluster_in_a_file_by_itself_has_no_problem(case: str) -> None:
    (cluster,) = [thing for thing in rendered(case) if thing["kind"] == "RayCluster"]
    assert problems([cluster]) == []
    assert dict(told([cluster]))["Pods"] == "a changed manifest ends none of them"


@pytest.mark.parametrize("case", OVERLAYS)
def test_other_names_that_fit_each_other_are_fine(case: str) -> None:
    text = json.dumps(rendered(case)).replace("crabstick-", "mybot-")
    things = json.loads(text.replace('"crabstick"', '"mybot"'))
    assert "mybot-head-svc" in json.dumps(things)
    assert problems(things, SILENT) == []


HARMLESS = [
    (f"{GAME}.{POD}.tolerations", [{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}]),
    (f"{GAME}.{POD}.nodeSelector", {"pool": "games"}),
    (f"{GAME}.{POD}.containers.+", {"name": "logs", "image": "grafana/alloy:v1.11.0"}),
    (f"{GAME}.{POD}.serviceAccountName", "made-by-terraform"),
    (f"{GAME}.template.metadata", {"labels": {"team": "chess"}}),
    (f"{GAME}.{CONTAINER}.resources", {"requests": {"cpu": 6}, "limits": {"cpu": 8}}),
    (f"{GAME}.{CONTAINER}.imagePullPolicy", "Always"),
    (f"{GAME}.rayStartParams", {"object-store-memory": "100000000", "block": "true"}),
    (f"{HEAD}.{POD}.terminationGracePeriodSeconds", 30),
    (f"{HEAD}.{POD}.volumes.+", {"name": "books", "configMap": {"name": "crabstick-books"}}),
    ("metadata.labels", {"team": "chess"}),
]


@pytest.mark.parametrize("case", OVERLAYS)
@pytest.mark.parametrize(("path", "value"), HARMLESS)
def test_what_people_change_without_harm_is_no_problem(case: str, path: str, value: object) -> None:
    assert problems(with_cluster(case, path, value)) == []


@pytest.mark.parametrize("case", OVERLAYS)
def test_an_object_of_one_s_own_beside_them_is_no_problem(case: str) -> None:
    meta = {"name": "mine", "namespace": "crabstick"}
    head = {"ray.io/cluster": "crabstick", "ray.io/node-type": "head"}
    grafana = {"app.kubernetes.io/name": "grafana"}
    ports = [{"name": "dashboard", "port": 8265}]
    mine = [
        {"kind": "Service", "metadata": meta, "spec": {"selector": head, "ports": ports}},
        {"kind": "Service", "metadata": meta, "spec": {"selector": grafana, "ports": ports}},
        {"kind": "NetworkPolicy", "metadata": meta, "spec": {"podSelector": {}}},
        {"kind": "ConfigMap", "metadata": {**meta, "namespace": "grafana"}, "data": {"a": "b"}},
    ]
    assert problems([*rendered(case), *mine]) == []


MISTAKES = [
    (f"{GAME}.maxReplica", 4, "fields: spec.workerGroupSpecs[0].maxReplica is no field of KubeRay"),
    ("spec.enableInTreeAutoscalling", True, "did you mean enableInTreeAutoscaling?"),
    ("spec.autoscalerOptions.idleTimeout", 300, "did you mean idleTimeoutSeconds?"),
    ("spec.authOptions.mod", "token", "did you mean mode?"),
    (f"{HEAD}.{POD}.nodeSelektor", {}, "did you mean nodeSelector?"),
    (f"{HEAD}.{CONTAINER}.resources.limit", {}, "did you mean limits?"),
    (f"{HEAD}.{CONTAINER}.securityContext.readOnlyRootFileSystem", True, "did you mean readOnly"),
    (f"{GAME}.{CONTAINER}.livenessProbe.periodSecond", 3, "did you mean periodSeconds?"),
    (f"{GAME}.{CONTAINER}.ports.0.contanerPort", 3, "did you mean containerPort?"),
    (f"{GAME}.{CONTAINER}.env.0.valeu", "3", "did you mean value?"),
    (f"{HEAD}.rayStartParams.num-cpus", 0, "num-cpus is 0 without quotes; it must be text: write"),
    (f"{GAME}.minReplicas", "0", "it must be a whole number: write 0 without quotes"),
    ("spec.enableInTreeAutoscaling", "true", "it must be true or false: write true without"),
    ("spec.autoscalerOptions.version", "v3", "version is 'v3'; it must be v1 or v2"),
    (f"{HEAD}.{CONTAINER}.resources.limits.memory", "3GB", "must be an amount such as"),
    ("metadata.name", "Crab_stick", "operator: metadata.name is 'Crab_stick'"),
    (f"{GAME}.maxReplicas", -1, "operator: spec.workerGroupSpecs[0].maxReplicas is -1"),
    (f"{GAME}.{POD}.restartPolicy", "Always", "it must be Never, or left out"),
    (f"{HEAD}.resources", {"CPU": "0"}, "keep one of them"),
    ("spec.networkPolicy", {"mode": "DenyAll"}, "needs the operator's feature gate"),
    (f"{GAME}.{CONTAINER}.volumeMounts.0.name", "tpm", "did you mean tmp?"),
    ("spec.rayVersion", None, "Ray: spec.rayVersion is missing"),
    ("spec.rayVersion", "2.59.1", "is '2.59.1', and this crabstick runs on Ray 2.60.0"),
    (f"{GAME}.{CONTAINER}.image", "rayproject/ray:2.60.0", "which holds Ray and no crabstick"),
    (f"{HEAD}.rayStartParams.num-cpus", "1", "head: spec.headGroupSpec.rayStartParams.num-cpus"),
    (f"{HEAD}.rayStartParams", None, "lacks num-cpus, so the limits give the head"),
    ("spec.enableInTreeAutoscaling", None, "autoscaler: spec.enableInTreeAutoscaling is not true"),
    ("spec.autoscalerOptions.version", None, "autoscalerOptions.version is missing: write v2"),
    ("spec.authOptions", None, "authentication: spec.authOptions.mode is missing"),
    (f"{GAME}.groupName", "Game_1", "is 'Game_1', which nobody refuses"),
    (
        f"{GAME}.{CONTAINER}.resources",
        {"limits": {"cpu": "2", "memory": "128Mi"}},
        "a game asks for",
    ),
    (f"{GAME}.{CONTAINER}.resources.requests.cpu", "9", "requests.cpu is 9, above the limit"),
    (f"{GAME}.{CONTAINER}.image", "Crab Stick:0.1", "which is no name of an image"),
    (f"{GAME}.{CONTAINER}.imagePullPolicy", "Sometimes", "it must be Always or IfNotPresent or"),
    (f"{GAME}.{CONTAINER}.ports.0.containerPort", 99999, "it must be a port, from 1 to 65535"),
    (f"{HEAD}.rayStartParams.dashbord-host", "::", "is no option of `ray start`; did you mean"),
    (f"{GAME}.{POD}.terminationGracePeriodSeconds", 120, "the Pod would be killed in mid-game"),
    (f"{GAME}.{POD}.terminationGracePeriodSeconds", None, "make the first the larger"),
    ("spec.upgradeStrategy", {"type": "Recreate"}, "would end all Pods and every game"),
]
HAVE_CONSEQUENCES = ("metadata.name",)
"""The keeper and the Services know the cluster by its name."""


@pytest.mark.parametrize("case", OVERLAYS)
@pytest.mark.parametrize(("path", "value", "words"), MISTAKES)
def test_one_mistake_in_an_overlay_is_one_sentence(
    case: str, path: str, value: object, words: str
) -> None:
    found = problems(with_cluster(case, path, value))
    assert words in found[0]
    assert len(found) == 1 or path in HAVE_CONSEQUENCES


@pytest.mark.parametrize("case", OVERLAYS)
@pytest.mark.parametrize(
    ("group", "name", "value", "words"),
    [
        (GAME, "LICHESS_BOT_TOKEN", None, "lacks the Lichess token"),
        (HEAD, "LICHESS_BOT_TOKEN", None, "of the head lacks the Lichess token"),
        (GAME, "RAY_worker_niceness", "15", "of game has RAY_worker_niceness=15, and the head"),
        (GAME, "RAY_worker_niceness", None, "of game has no RAY_worker_niceness"),
        (GAME, "RAY_gcs_rpc_server_reconnect_timeout_s", "60", "set it to 600 on the head and on"),
        (GAME, DRAIN, "150", "gives 150 s to leave game: the Pod would be killed in mid-game"),
    ],
)
def test_one_variable_that_is_wrong_is_one_sentence(
    case: str, group: str, name: str, value: str | None, words: str
) -> None:
    path = variable(case, group, name)
    entry = None if value is None else {"name": name, "value": value}
    (found,) = problems(with_cluster(case, path, entry))
    assert words in found


@pytest.mark.parametrize("case", OVERLAYS)
def test_too_few_workers_for_the_games_are_named(case: str) -> None:
    things = rendered(case)
    (cluster,) = [thing for thing in things if thing["kind"] == "RayCluster"]
    for group in cluster["spec"]["workerGroupSpecs"]:
        group["maxReplicas"] = 0
    (found,) = problems(things)
    assert "too small: the largest cluster has room for 0" in found


@pytest.mark.parametrize("case", OVERLAYS)
def test_an_overlay_without_its_secrets_is_told_what_makes_them(case: str) -> None:
    found = problems(rendered(case), Answers(operator=READY.operator))
    wanted = 2 if case == "production" else 1
    assert len(found) == wanted
    assert all("kubectl --namespace crabstick create secret generic" in line for line in found)


def test_a_secret_without_the_password_of_redis_is_named() -> None:
    keys = {**KEYS, ("crabstick", "crabstick-redis"): frozenset({"passwd"})}
    (found,) = problems(rendered("production"), Answers(secrets=keys))
    assert "wants the key password of the Secret crabstick-redis" in found
    assert "did you mean passwd?" in found


def test_a_redis_of_ours_without_its_password_is_named() -> None:
    path = "spec.gcsFaultToleranceOptions"
    (found,) = problems(with_cluster("production", f"{path}.redisPassword", None))
    assert f"{path} has no redisPassword, and StatefulSet crabstick-redis wants one" in found
    elsewhere = with_cluster("production", path, {"redisAddress": "rediss://redis.example:6380"})
    assert [each for each in problems(elsewhere) if not each.startswith("network")] == []


def test_a_wrong_port_of_our_redis_is_one_sentence() -> None:
    path = "spec.gcsFaultToleranceOptions.redisAddress"
    (found,) = problems(with_cluster("production", path, "crabstick-redis:6380"))
    assert found.endswith("crabstick-redis at port 6380, and it listens at 6379")


@pytest.mark.parametrize("case", OVERLAYS)
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("challenges: {max_game: 3}", "did you mean challenges.max_games?"),
        ("challenges: {max_games: 999}", "want"),
        ("http: {port: 8000}", "http.host of the bot's settings is 127.0.0.1"),
    ],
)
def test_settings_that_do_not_fit_are_named(case: str, text: str, words: str) -> None:
    things = rendered(case)
    for thing in things:
        if thing["kind"] == "ConfigMap" and "bot.yaml" in thing["data"]:
            thing["data"]["bot.yaml"] = text
    assert words in problems(things)[-1]


def test_a_typo_in_another_object_s_pod_is_named() -> None:
    things = rendered("production")
    for thing in things:
        if thing["kind"] == "Deployment":
            pod = thing["spec"]["template"]["spec"]
            pod["terminationGracePeriod"] = pod.pop("terminationGracePeriodSeconds")
    (found,) = problems(things)
    assert found.startswith("fields: Deployment crabstick-keeper, spec.template.spec.termination")
    assert "did you mean terminationGracePeriodSeconds?" in found


@pytest.mark.parametrize(
    ("kind", "path", "value", "words"),
    [
        ("PodDisruptionBudget", "spec.minAvailble", 1, "did you mean minAvailable?"),
        ("NetworkPolicy", "spec.egres", [], "did you mean egress?"),
        ("NetworkPolicy", "spec.policyTypes", ["ingress"], "did you mean Ingress?"),
        ("Service", "spec.ports.0.targetport", 1, "did you mean targetPort?"),
        ("Service", "spec.ports.0.port", 0, "it must be a port, from 1 to 65535"),
        ("Deployment", "spec.replica", 1, "did you mean replicas?"),
    ],
)
def test_a_slip_in_an_object_beside_the_cluster_is_named(
    kind: str, path: str, value: object, words: str
) -> None:
    things = rendered("minimal")
    at = [thing["kind"] for thing in things].index(kind)
    things[at] = spoiled(things[at], path, value)
    (found,) = problems(things)
    assert found.startswith(
        f"fields: {kind} {things[at]['metadata']['name']}, {path.split('.', maxsplit=1)[0]}"
    )
    assert words in found


def two_clusters() -> list[Manifest]:
    things = rendered("base")
    second = deepcopy(next(thing for thing in things if thing["kind"] == "RayCluster"))
    second["metadata"]["name"] = "second"
    return [*things, second]


@pytest.mark.parametrize(
    ("things", "words"),
    [
        (two_clusters, "holds 2 RayClusters (crabstick, second)"),
        (lambda: [t for t in rendered("base") if t["kind"] != "RayCluster"], "holds no RayCluster"),
        (lambda: [{"kind": "RayService", "metadata": {}}], "a RayService starts a second cluster"),
        (lambda: [{"kind": "Raycluster", "metadata": {}}], "did you mean RayCluster?"),
        (list, "manifests holds no object of Kubernetes: name the manifest"),
        (lambda: [{"cluster_name": "x"}], "it is for `ray up`, not for KubeRay"),
    ],
)
def test_there_must_be_one_ray_cluster(things: Any, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        told(things())
    assert words in str(caught.value)
