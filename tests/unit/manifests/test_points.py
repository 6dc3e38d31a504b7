"""One mistake, one sentence: what is wrong, where, and what would be right."""

from typing import Any

import pytest

from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.manifests.bundle import Answers
from crabstick.settings import Settings
from tests.unit.manifests.clusters import (
    SECRETS,
    TOKEN,
    Manifest,
    a_cluster,
    a_group,
    problems,
    said,
    spoiled,
    told,
)

HEAD = "spec.headGroupSpec"
GAME = "spec.workerGroupSpecs.0"
POD = "template.spec"
CONTAINER = f"{POD}.containers.0"
DRAIN = "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"
REDIS = {"redisAddress": "redis:6379"}


def test_a_cluster_as_it_should_be_has_no_problem_and_each_point_is_told() -> None:
    assert problems(a_cluster()) == []
    assert dict(told(a_cluster())) == {
        "settings": "those of this command; --config names the bot's",
        "fields": "all are known to KubeRay 1.7",
        "operator": "refuses nothing",
        "Pods": "a changed manifest ends none of them",
        "Pod security": "let into a namespace labelled restricted",
        "Ray": (
            "rayVersion 2.60.0, as here; which Ray the image example.com/crabstick:1 holds was not "
            "looked at"
        ),
        "head": "plays no games",
        "autoscaler": "v2, with 0 to 4 replicas of game",
        "authentication": "by token",
        "jobs": "the head takes them",
        "network": "no policies",
        "room": "8 slots at most, for 4 games and a standby of 1",
        "drains": "0 of 3 s for the head, 0 of 3 s for game",
        "variables": "Ray's own are alike on head and workers",
        "Lichess token": "on the head and on every worker",
        "Secrets": "crabstick-tokens: there, with all keys",
    }


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (
            f"{GAME}.maxReplica",
            4,
            (
                "spec.workerGroupSpecs[0].maxReplica is no field of KubeRay 1.7; did you mean "
                "maxReplicas?"
            ),
        ),
        (
            f"{HEAD}.rayStartParams.num-cpus",
            0,
            (
                "spec.headGroupSpec.rayStartParams.num-cpus is 0 without quotes; it must be "
                'text: write "0"'
            ),
        ),
        (
            "spec.rayVersion",
            2.6,
            "spec.rayVersion is 2.6 without quotes; it must be text: put it in quotes",
        ),
        (
            f"{HEAD}.{POD}.containers",
            {"name": "ray-head"},
            "spec.headGroupSpec.template.spec.containers is a mapping; it must be a list",
        ),
        (
            f"{GAME}.maxReplicas",
            "4",
            (
                "spec.workerGroupSpecs[0].maxReplicas is '4'; it must be a whole number: write "
                "4 without quotes"
            ),
        ),
        (
            f"{HEAD}.rayStartParams.dashbord-host",
            "10.0.0.1",
            (
                "spec.headGroupSpec.rayStartParams.dashbord-host is no option of `ray start`; did "
                "you mean dashboard-host?"
            ),
        ),
        (
            f"{HEAD}.rayStartParams",
            {"num_cpus": "0"},
            (
                "spec.headGroupSpec.rayStartParams.num_cpus is no option of `ray start`; did you "
                "mean num-cpus?"
            ),
        ),
        (
            f"{GAME}.{CONTAINER}.resource",
            {},
            (
                "spec.workerGroupSpecs[0].template.spec.containers[0].resource is no field of "
                "KubeRay 1.7; did you mean resources?"
            ),
        ),
        (
            "spec.autoscalerOptions.version",
            "v3",
            "spec.autoscalerOptions.version is 'v3'; it must be v1 or v2",
        ),
        (
            f"{GAME}.groupName",
            None,
            "spec.workerGroupSpecs[0].groupName is missing",
        ),
        (
            f"{HEAD}.terminationGracePeriodSeconds",
            3,
            (
                "spec.headGroupSpec.terminationGracePeriodSeconds is no field of KubeRay 1.7; "
                "did you mean spec.headGroupSpec.template.spec.terminationGracePeriodSeconds?"
            ),
        ),
    ],
)
def test_a_field_is_named_as_an_operator_would_write_it(
    path: str, value: object, sentence: str
) -> None:
    assert problems(spoiled(path, value)) == [f"fields: {sentence}"]


def test_a_point_that_hangs_on_a_wrong_field_is_not_judged() -> None:
    cluster = spoiled("spec.autoscalerOptions.version", "v3")
    assert said("autoscaler", cluster) == ["to be judged when the fields are right"]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("apiVersion", "ray.io/v2", "apiVersion is 'ray.io/v2'; write ray.io/v1"),
        ("metadata.name", "Crab_stick", "metadata.name is 'Crab_stick'"),
        ("metadata.name", "c" * 54, "53 at most"),
        (f"{GAME}.maxReplicas", -1, "maxReplicas is -1; it must not be negative"),
        (f"{GAME}.minReplicas", 9, "minReplicas is 9, above maxReplicas, which is 4"),
        (f"{GAME}.idleTimeoutSeconds", -1, "idleTimeoutSeconds is -1"),
        ("spec.autoscalerOptions.idleTimeoutSeconds", -1, "idleTimeoutSeconds is -1"),
        (f"{GAME}.rayStartParams.labels", "a=b", "write labels beside rayStartParams"),
        (f"{GAME}.rayStartParams.num-gpus", "some", "must be a whole number in quotes"),
        (f"{GAME}.labels", {"kind": "a b"}, "labels.kind is 'a b'"),
        (f"{GAME}.labels", {"-x": "a"}, "keys and values of labels"),
        (f"{GAME}.suspend", True, "suspend is true, which the autoscaler does not allow"),
        (f"{GAME}.{POD}.restartPolicy", "Always", "with autoscaler v2 it must be Never"),
        (f"{GAME}.{POD}.containers", [], "holds no container"),
        (f"{HEAD}.resources", {"CPU": "0"}, "says what the head has, and so does rayStartParams"),
        (f"{HEAD}.{CONTAINER}.env.0.name", "RAY_enable_autoscaler_v2", "says it already"),
        (f"{HEAD}.{CONTAINER}.env.+", {"name": "RAY_REDIS_ADDRESS", "value": "r"}, "a Redis takes"),
        (f"{HEAD}.{CONTAINER}.env.+", {"name": "REDIS_USERNAME", "value": "r"}, "redisUsername"),
        (f"{HEAD}.rayStartParams.redis-username", "ray", "it belongs into"),
        (
            f"{HEAD}.rayStartParams.resources",
            "'{\"CPU\": 4}'",
            "holds CPU, which Ray refuses there",
        ),
        (f"{GAME}.rayStartParams.resources", '"{\\"GPU\\": 1}"', "write num-gpus beside it"),
        (
            "spec.autoscalerOptions.env",
            [{"name": "KUBERAY_GEN_AUTOSCALER_START_CMD", "value": "x"}],
            "that is KubeRay's",
        ),
    ],
)
def test_what_the_operator_would_refuse_is_named(path: str, value: object, words: str) -> None:
    found = [line for line in problems(spoiled(path, value)) if line.startswith("operator: ")]
    assert len(found) == 1
    assert words in found[0]


@pytest.mark.parametrize(
    ("options", "path", "value", "words"),
    [
        ({}, "metadata.labels", {}, "names no Redis"),
        ({**REDIS, "storage": {"size": "1Gi"}}, "metadata.labels", {}, "backend rocksdb only"),
        (
            {"redisAddress": "redis"},
            "metadata.labels",
            {},
            "redisAddress is 'redis'; it must be host",
        ),
        (REDIS, f"{HEAD}.rayStartParams.redis-password", "x", "redisPassword"),
        (REDIS, f"{HEAD}.{CONTAINER}.env.+", {"name": "REDIS_PASSWORD"}, "redisPassword"),
        (REDIS, f"{HEAD}.{CONTAINER}.env.+", {"name": "RAY_REDIS_ADDRESS"}, "redisAddress"),
        (REDIS, "metadata.annotations", {"ray.io/ft-enabled": "true"}, "[ray.io/ft-enabled] is"),
        (
            REDIS,
            "metadata.annotations",
            {"ray.io/external-storage-namespace": "x"},
            "externalStorageNamespace",
        ),
        ({"backend": "rocksdb", **REDIS}, "metadata.labels", {}, "backend redis only"),
        (
            {"backend": "rocksdb"},
            f"{HEAD}.{CONTAINER}.env.+",
            {"name": "RAY_gcs_storage"},
            "the operator sets it",
        ),
        (
            {"backend": "rocksdb"},
            f"{HEAD}.{CONTAINER}.volumeMounts.0.mountPath",
            "/data/gcs",
            "the operator mounts its volume there",
        ),
        (
            {"backend": "rocksdb", "storage": {"claimName": "mine", "size": "1Gi"}},
            "metadata.labels",
            {},
            "names a volume that exists",
        ),
    ],
)
def test_two_ways_to_keep_what_the_head_knows_are_one_too_many(
    options: Manifest, path: str, value: object, words: str
) -> None:
    cluster = spoiled(path, value, a_cluster(gcsFaultToleranceOptions=options))
    (found,) = problems(cluster)
    assert words in found


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"networkPolicy": {"mode": "DenyAll"}}, "RayClusterNetworkPolicy"),
        ({"tlsOptions": {"enabled": True}}, "RayClusterMTLS"),
        ({"historyServerOptions": {"collectorOptions": {}}}, "RayClusterHistoryServer"),
    ],
)
def test_a_field_behind_a_gate_is_named_with_its_gate(changes: Manifest, words: str) -> None:
    first = problems(a_cluster(**changes))[-1]
    assert f"needs the operator's feature gate {words}, which is shut by default" in first


def test_an_operator_with_the_gate_open_takes_the_field() -> None:
    cluster = a_cluster(gcsFaultToleranceOptions={"backend": "rocksdb"})
    words = "--feature-gates=GCSFaultToleranceEmbeddedStorage=true"
    assert said("operator", cluster, answers=Answers(secrets=SECRETS, operator=words)) == [
        "refuses nothing"
    ]


def test_an_operator_with_the_gate_shut_is_the_cluster_s_fault_not_the_text_s() -> None:
    cluster = a_cluster(gcsFaultToleranceOptions={"backend": "rocksdb"})
    found = dict(told(cluster, answers=Answers(secrets=SECRETS, operator="--leader-election")))
    assert isinstance(found["operator"], EnvironmentProblem)
    assert "which is shut: " in str(found["operator"])


def test_the_embedded_store_of_our_own_overlay_is_a_remark_while_nobody_can_look() -> None:
    cluster = a_cluster(gcsFaultToleranceOptions={"backend": "rocksdb"})
    assert problems(cluster) == []
    assert "was not looked at" in said("operator", cluster)[0]


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"mode": "DenyAllEgress", "head": {"ingressRules": [{}]}}, "everybody may come in"),
        ({"mode": "DenyAllIngress", "worker": {"egressRules": [{}]}}, "everything may go out"),
        ({"workerGroups": [{"groupName": "gane"}]}, "'gane', which is no worker group"),
    ],
)
def test_a_network_policy_that_contradicts_itself_is_named(policy: Manifest, words: str) -> None:
    assert words in problems(a_cluster(networkPolicy=policy))[0]


def test_certificates_of_the_operator_are_not_set_by_hand() -> None:
    cluster = a_cluster(tlsOptions={"enabled": True})
    mount = {"name": "tmp", "mountPath": "/etc/ray/tls"}
    cluster = spoiled(f"{GAME}.{CONTAINER}.volumeMounts.+", mount, cluster)
    cluster = spoiled(f"{HEAD}.{CONTAINER}.env.+", {"name": "RAY_USE_TLS", "value": "1"}, cluster)
    words = " ".join(problems(cluster))
    assert "env[4] sets RAY_USE_TLS" in words
    assert "volumeMounts[1] is at /etc/ray/tls" in words


@pytest.mark.parametrize(
    ("collector", "words"),
    [
        ({}, "needs an image"),
        ({"image": "x"}, "needs the variable STORAGE_BACKEND"),
        ({"image": "x", "env": [{"name": "STORAGE_BACKEND", "value": "S3"}]}, "S3_REGION"),
    ],
)
def test_a_collector_of_logs_needs_to_know_where_to(collector: Manifest, words: str) -> None:
    cluster = a_cluster(historyServerOptions={"collectorOptions": collector})
    assert words in problems(cluster)[0]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (f"{GAME}.{CONTAINER}.volumeMounts.0.name", "tpm", "did you mean tmp?"),
        ("spec.autoscalerOptions.volumeMounts", [{"name": "x", "mountPath": "/x"}], "no volume"),
        (f"{GAME}.{POD}.volumes.+", {"name": "tmp", "emptyDir": {}}, "volumes holds tmp 2 times"),
        (f"{GAME}.{CONTAINER}.env.+", {"name": "RAY_worker_niceness", "value": "0"}, "2 times"),
        (
            f"{GAME}.{CONTAINER}.volumeMounts.+",
            {"name": "tmp", "mountPath": "/scratch"},
            "volumeMounts holds /scratch 2 times",
        ),
        (
            f"{GAME}.{CONTAINER}.ports",
            [{"containerPort": 1, "name": "autoscaler-metrics"}],
            "15 letters at most",
        ),
        (f"{GAME}.{CONTAINER}.env.+", {"name": "RAY_ADDRESS", "value": "x"}, "operator sets it"),
        (
            f"{GAME}.{CONTAINER}.resources.requests",
            {"cpu": "8"},
            "cpu is 8, above the limit, which",
        ),
        (
            "spec.autoscalerOptions.resources",
            {"requests": {"cpu": 2}, "limits": {"cpu": "1"}},
            "2, a",
        ),
        (
            f"{HEAD}.{CONTAINER}.resources.limits.memory",
            "1792m",
            "limits.memory is 1792m, which is thousandths of bytes: write 1792Mi",
        ),
        (
            "spec.autoscalerOptions.resources",
            {"requests": {"memory": "512m"}},
            "requests.memory is 512m, which is thousandths of bytes",
        ),
        (f"{GAME}.{POD}.containers.+", {"name": "side"}, "image is missing: name the image"),
        (f"{GAME}.{POD}.containers.+", {"name": "side", "image": "A b"}, "is no name of an image"),
        (f"{GAME}.template.metadata", {"labels": {"ray.io/group": "x"}}, "selects Pods by"),
        ("metadata.annotations", {"ray.io/enable-serve-service": "true"}, "selects the workers"),
        ("spec.suspend", True, "ends all Pods"),
        ("spec.upgradeStrategy", {"type": "Recreate"}, "every game"),
    ],
)
def test_what_keeps_pods_from_starting_or_ends_them_is_named(
    path: str, value: object, words: str
) -> None:
    (found,) = problems(spoiled(path, value))
    assert found.startswith("Pods: ")
    assert words in found


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("spec.rayVersion", None, "rayVersion is missing, and without it the operator starts noth"),
        ("spec.rayVersion", "2.59.1", "is '2.59.1', and this crabstick runs on Ray 2.60.0"),
        ("spec.autoscalerOptions.image", "rayproject/ray:2.60.0-py312", "with Python 3.12"),
        ("spec.autoscalerOptions.image", "x.io/rayproject/ray-ml:2.9.0", "runs on Ray 2.60.0"),
        (f"{GAME}.{CONTAINER}.image", "example.com/crabstick:2", "give all nodes the same code"),
    ],
)
def test_another_version_of_ray_or_of_the_code_is_named(
    path: str, value: object, words: str
) -> None:
    (found,) = problems(spoiled(path, value))
    assert found.startswith("Ray: ")
    assert words in found


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (f"{HEAD}.rayStartParams.num-cpus", "2", "num-cpus gives the head 2 CPUs for games"),
        (f"{HEAD}.rayStartParams", None, "lacks num-cpus, so the limits give the head 2 CPUs"),
        (f"{HEAD}.rayStartParams", {}, "lacks num-cpus, so the limits give the head 2 CPUs"),
    ],
)
def test_a_head_with_cpus_is_named(path: str, value: object, words: str) -> None:
    (found,) = problems(spoiled(path, value))
    assert found.startswith("head: spec.headGroupSpec.")
    assert words in found


def test_cpus_of_the_head_may_stand_in_its_resources_too() -> None:
    cluster = spoiled(f"{HEAD}.rayStartParams", {})
    assert problems(spoiled(f"{HEAD}.resources", {"CPU": "0"}, cluster)) == []
    (found,) = problems(spoiled(f"{HEAD}.resources", {"CPU": "1"}, cluster))
    assert "spec.headGroupSpec.resources.CPU gives the head 1 CPU for games" in found


@pytest.mark.parametrize(("memory", "count"), [("1000Mi", 1), ("900M", 1), ("1Gi", 0)])
def test_a_head_with_too_little_memory_is_named(memory: str, count: int) -> None:
    found = problems(spoiled(f"{HEAD}.{CONTAINER}.resources.limits.memory", memory))
    assert len(found) == count
    where = f"head: {HEAD}.template.spec.containers[0].resources.limits.memory is {memory}, and "
    assert all(line.startswith(where) for line in found)


@pytest.mark.parametrize("resources", ["'{\"books\": 1}'", '"{\\"CPUs\\": 1}"'])
def test_a_resource_of_one_s_own_is_fine(resources: str) -> None:
    assert problems(spoiled(f"{GAME}.rayStartParams.resources", resources)) == []


def test_a_head_without_limits_counts_the_whole_machine() -> None:
    cluster = spoiled(f"{HEAD}.{CONTAINER}.resources", {})
    (found,) = problems(spoiled(f"{HEAD}.rayStartParams", {}, cluster))
    assert "Ray counts the CPUs of the machine" in found


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("spec.enableInTreeAutoscaling", None, "enableInTreeAutoscaling is not true"),
        ("spec.enableInTreeAutoscaling", False, "enableInTreeAutoscaling is not true"),
        ("spec.autoscalerOptions.version", None, "version is missing: write v2"),
        ("spec.autoscalerOptions", None, "version is missing: write v2"),
        ("spec.autoscalerOptions.version", "v1", "version is v1: write v2"),
        (f"{GAME}.groupName", "Game_1", "is 'Game_1', which nobody refuses"),
        (f"{GAME}.groupName", "headgroup", "as the autoscaler calls the head"),
        ("spec.workerGroupSpecs.+", a_group("game"), "as that of another group"),
    ],
)
def test_a_missing_or_an_old_autoscaler_is_named(path: str, value: object, words: str) -> None:
    (found,) = problems(spoiled(path, value))
    assert found.startswith("autoscaler: ")
    assert words in found


def test_a_cluster_without_groups_or_with_fewer_than_none_is_told_in_whole_words() -> None:
    assert said("autoscaler", spoiled("spec.workerGroupSpecs", None)) == ["v2, with no workers"]
    less = spoiled(f"{GAME}.maxReplicas", -1)
    assert said("autoscaler", less) == ["v2, with 0 to 0 replicas of game"]


def test_a_container_before_ray_s_is_one_sentence() -> None:
    cluster = spoiled(f"{GAME}.{CONTAINER}.name", "ray-worker")
    cluster["spec"]["workerGroupSpecs"][0]["template"]["spec"]["containers"].insert(
        0, {"name": "logs", "image": "alloy"}
    )
    (found,) = problems(cluster)
    assert found.endswith(
        "containers holds logs first, and Ray runs in the first one: put ray-worker there"
    )


def test_replicas_are_the_autoscaler_s() -> None:
    assert "replicas of game is the autoscaler's" in " ".join(
        said("autoscaler", spoiled(f"{GAME}.replicas", 2))
    )


@pytest.mark.parametrize("options", [None, {"mode": "disabled"}, {}])
def test_a_cluster_without_tokens_is_named(options: Manifest | None) -> None:
    (found,) = problems(spoiled("spec.authOptions", options))
    assert found.startswith("authentication: spec.authOptions.mode is ")
    assert found.endswith("write token")


def test_a_secret_has_no_use_when_kubernetes_authenticates() -> None:
    options = {"mode": "token", "enableK8sTokenAuth": True, "secretName": "crabstick-tokens"}
    (found, missing) = problems(spoiled("spec.authOptions", options))
    assert "secretName has no use with enableK8sTokenAuth" in found
    assert "wants the key auth_token" in missing


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (f"{GAME}.maxReplicas", 2, "maxReplicas is too small: the largest cluster has room for 4"),
        (f"{GAME}.maxReplicas", 0, "room for 0"),
        ("spec.workerGroupSpecs", [], "is empty, and the head plays no games"),
        (
            f"{GAME}.{CONTAINER}.resources.limits.memory",
            "128Mi",
            "resources gives Ray 2 CPUs and 128 MB, and a game asks for 1 and 256 MB",
        ),
        (f"{GAME}.rayStartParams", {"num-cpus": "0"}, "gives Ray 0 CPUs"),
        (f"{GAME}.{CONTAINER}.resources", {}, "says nothing of CPUs"),
    ],
)
def test_too_little_room_is_named(path: str, value: object, words: str) -> None:
    (found,) = problems(spoiled(path, value))
    assert found.startswith("room: ")
    assert words in found


def test_two_groups_have_their_room_together() -> None:
    small = a_group("spot", maxReplicas=1)
    assert problems(a_cluster(workerGroupSpecs=[a_group(maxReplicas=2), small])) == []
    (found,) = problems(a_cluster(workerGroupSpecs=[a_group(maxReplicas=1), small]))
    assert "maxReplicas of all groups together is too small" in found


def test_a_group_without_a_limit_has_any_room() -> None:
    assert "any number of slots" in said("room", spoiled(f"{GAME}.maxReplicas", None))[0]


def test_the_settings_decide_how_much_room_is_wanted() -> None:
    wishes = {"challenges": {"max_games": 7}, "cluster": {"slot_cpus": 2}}
    settings = Settings.model_validate(wishes)
    (found,) = problems(a_cluster(), settings=settings)
    assert "room for 4" in found
    assert "want 8" in found


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (f"{GAME}.{CONTAINER}.env.0.value", "3", "DRAIN_TIMEOUT_S gives 3 s to leave game"),
        (f"{GAME}.{CONTAINER}.env.0.name", "OTHER", "S, takes 30 s to leave game"),
        (f"{GAME}.{POD}.terminationGracePeriodSeconds", 0, "is 0 s, and "),
        (f"{GAME}.{POD}.terminationGracePeriodSeconds", 0, "would be killed in mid-game"),
    ],
)
def test_a_drain_that_kubernetes_would_cut_off_is_named(
    path: str, value: object, words: str
) -> None:
    (found,) = problems(spoiled(path, value))
    assert "drains: spec.workerGroupSpecs[0].template.spec.terminationGracePeriodSeconds" in found
    assert words in found


def test_a_head_that_is_cut_off_plays_no_game() -> None:
    (found,) = problems(spoiled(f"{HEAD}.{POD}.terminationGracePeriodSeconds", 0))
    assert "the Pod would be killed before it has left" in found


def test_a_head_that_waits_for_nothing_is_told() -> None:
    cluster = spoiled(f"{HEAD}.{CONTAINER}.env.0.value", "2")
    assert "the head waits 2 s at its end" in said("drains", cluster)[0]
    value = {"name": DRAIN, "valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}}}
    cluster = spoiled(f"{HEAD}.{CONTAINER}.env.0", value)
    assert "how long the head drains was not looked at" in said("drains", cluster)[0]


def test_a_head_that_takes_longer_to_end_than_games_live_without_it_is_named() -> None:
    path = f"{HEAD}.{POD}.terminationGracePeriodSeconds"
    (found,) = problems(spoiled(path, 600))
    assert "is 600 s, which pass at each end of the head, and the games end after 600 s" in found
    assert problems(spoiled(path, 30)) == []


@pytest.mark.parametrize("seconds", ["2m", "soon", "nan", "inf"])
def test_a_time_that_ray_cannot_read_is_named(seconds: str) -> None:
    (found,) = problems(spoiled(f"{GAME}.{CONTAINER}.env.0.value", seconds))
    assert f"env has {DRAIN}={seconds}, which is no number of seconds, and Ray takes 30" in found


@pytest.mark.parametrize(
    ("memory", "is_told"), [("512Mi", True), ("736Mi", True), ("738Mi", False)]
)
def test_ray_takes_some_of_a_worker_s_memory(memory: str, *, is_told: bool) -> None:
    limits = {"cpu": "2", "memory": memory}
    (line,) = said("room", spoiled(f"{GAME}.{CONTAINER}.resources.limits", limits))
    assert ("for 2 slots of 256, and Ray itself takes 225 of it" in line) is is_told


def test_part_of_a_second_is_time_as_well() -> None:
    cluster = spoiled(f"{GAME}.{CONTAINER}.env.0.value", "1.5")
    assert said("drains", cluster) == ["0 of 3 s for the head, 2 of 3 s for game"]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (f"{GAME}.{CONTAINER}.env.1.value", "7", "RAY_worker_niceness=7, and the head has RAY_wor"),
        (f"{GAME}.{CONTAINER}.env.1.name", "OTHER", "of game has no RAY_worker_niceness"),
        (f"{GAME}.{CONTAINER}.env.2.value", "60", "reconnect_timeout_s=60"),
        (f"{HEAD}.{CONTAINER}.env.2.name", "OTHER", "the head has no RAY_gcs_rpc_server"),
    ],
)
def test_a_flag_of_ray_that_is_not_alike_everywhere_is_named(
    path: str, value: object, words: str
) -> None:
    (found,) = problems(spoiled(path, value))
    assert found.startswith("variables: spec.workerGroupSpecs[0].template.spec.containers[0].env ")
    assert words in found


def flags(**more: str) -> Manifest:
    metadata = {"name": "flags", "namespace": "crabstick"}
    return {"kind": "ConfigMap", "metadata": metadata, "data": more}


def with_flags(cluster: Manifest | None = None) -> Manifest:
    """The flags of all nodes come from a ConfigMap."""
    for group in (HEAD, GAME):
        cluster = spoiled(f"{group}.{CONTAINER}.env.1", None, cluster)
        source = [{"configMapRef": {"name": "flags"}, "prefix": "RAY_"}]
        cluster = spoiled(f"{group}.{CONTAINER}.envFrom", source, cluster)
    return cluster or {}


@pytest.mark.parametrize(
    ("things", "words"),
    [
        ([flags(worker_niceness="0")], ""),
        ([flags(worker_niceness="15")], "has RAY_worker_niceness=15, and so everywhere"),
        ([flags(other="0")], "has no RAY_worker_niceness, and so everywhere"),
        ([], ""),
    ],
)
def test_flags_may_come_by_the_dozen(things: list[Manifest], words: str) -> None:
    found = [each for each in problems(with_flags(), *things) if each.startswith("variables")]
    assert [words in each for each in found] == [True] * bool(words)


def test_any_flag_that_both_have_must_be_alike() -> None:
    cluster = a_cluster()
    for group, value in ((HEAD, "1"), (GAME, "2")):
        flag = {"name": "RAY_health_check_period_ms", "value": value}
        cluster = spoiled(f"{group}.{CONTAINER}.env.+", flag, cluster)
    (found,) = problems(cluster)
    assert "RAY_health_check_period_ms=2" in found


def test_a_flag_that_nobody_has_is_named_once() -> None:
    cluster = a_cluster()
    for group in (HEAD, GAME):
        cluster = spoiled(f"{group}.{CONTAINER}.env.1.value", "15", cluster)
    (found,) = problems(cluster)
    assert "containers[0].env has RAY_worker_niceness=15, and so everywhere: set it to 0" in found


@pytest.mark.parametrize("value", ["ten", "60", "0"])
def test_a_time_without_a_head_that_is_too_short_is_named_wherever_all_have_it(value: str) -> None:
    cluster = a_cluster()
    for group in (HEAD, GAME):
        cluster = spoiled(f"{group}.{CONTAINER}.env.2.value", value, cluster)
    found = [line for line in problems(cluster) if line.startswith("variables: ")]
    assert len(found) == 1
    assert f"has RAY_gcs_rpc_server_reconnect_timeout_s={value}, and so everywhere" in found[0]


def test_workers_of_a_tolerant_head_get_one_flag_from_the_operator() -> None:
    cluster = a_cluster(gcsFaultToleranceOptions=REDIS)
    assert problems(spoiled(f"{GAME}.{CONTAINER}.env.2.name", "OTHER", cluster)) == []


@pytest.mark.parametrize("group", [HEAD, GAME])
def test_a_group_without_the_lichess_token_is_named(group: str) -> None:
    (found,) = problems(spoiled(f"{group}.{CONTAINER}.env.3.name", "OTHER"))
    assert "lacks the Lichess token: add LICHESS_BOT_TOKEN with valueFrom.secretKeyRef" in found
    assert "name crabstick-tokens, key lichess" in found


@pytest.mark.parametrize("group", [HEAD, GAME])
def test_a_token_that_may_be_missing_is_named(group: str) -> None:
    path = f"{group}.{CONTAINER}.env.3.valueFrom.secretKeyRef.optional"
    (found,) = problems(spoiled(path, value=True))
    assert found.startswith("Lichess token: spec.")
    assert "has LICHESS_BOT_TOKEN from the Secret crabstick-tokens with optional: true" in found
    assert problems(spoiled(path, value=False)) == []


def test_a_token_may_come_with_a_whole_secret_or_as_a_file() -> None:
    without = spoiled(f"{GAME}.{CONTAINER}.env.3", None)
    dozen = [{"secretRef": {"name": "all"}}]
    cluster = spoiled(f"{GAME}.{CONTAINER}.envFrom", dozen, without)
    keys = {**SECRETS, ("crabstick", "all"): frozenset({"LICHESS_BOT_TOKEN"})}
    assert problems(cluster, answers=Answers(secrets=keys)) == []
    keys = {**SECRETS, ("crabstick", "all"): frozenset({"OTHER"})}
    assert "lacks the Lichess token" in problems(cluster, answers=Answers(secrets=keys))[0]
    file = {"lichess": {"token_file": "/secrets/lichess"}}
    cluster = spoiled(f"{GAME}.{CONTAINER}.volumeMounts.0.mountPath", "/secrets", without)
    assert problems(cluster, settings=Settings.model_validate(file)) == []


def test_a_token_file_that_no_volume_holds_may_come_from_an_injector() -> None:
    text = "lichess: {token_file: /vault/secrets/lichess}"
    volume = {"name": "config", "configMap": {"name": "settings"}}
    mount = {"name": "config", "mountPath": "/etc/crabstick"}
    cluster = spoiled(f"{HEAD}.{POD}.volumes.+", volume)
    cluster = spoiled(f"{HEAD}.{CONTAINER}.volumeMounts.+", mount, cluster)
    command = ["crabstick", "up", "--config", "/etc/crabstick/bot.yaml"]
    cluster = spoiled(f"{HEAD}.{CONTAINER}.command", command, cluster)
    for group in (HEAD, GAME):
        cluster = spoiled(f"{group}.{CONTAINER}.env.3", None, cluster)
    metadata = {"name": "settings", "namespace": "crabstick"}
    settings = {"kind": "ConfigMap", "metadata": metadata, "data": {"bot.yaml": text}}
    found = said("Lichess token", cluster, settings)
    assert [each.split(" mounts nothing at ")[0] for each in found] == ["the head", "game"]
    assert not any("lacks" in each for each in problems(cluster, settings))


def test_a_token_in_the_text_is_named_and_not_repeated() -> None:
    cluster = spoiled(f"{GAME}.{CONTAINER}.env.3", {"name": TOKEN["name"], "value": "lip_abc"})
    (found,) = problems(cluster)
    assert "for everybody to read" in found
    assert "lip_abc" not in found
    store = {**REDIS, "redisPassword": {"value": "hush"}}
    (found,) = problems(a_cluster(gcsFaultToleranceOptions=store))
    assert "redisPassword.value stands there for everybody to read" in found
    assert "hush" not in found


def test_what_the_text_has_wrong_is_a_wrong_wish() -> None:
    found: dict[str, Any] = dict(told(spoiled("spec.authOptions", None)))
    assert isinstance(found["authentication"], ConfigError)
