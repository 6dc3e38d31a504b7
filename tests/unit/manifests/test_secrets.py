"""Which Secrets are needed, who has them, and what is said when nobody does or nobody can tell."""

from typing import Any

import pytest

from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.manifests.bundle import Answers
from crabstick.manifests.rules.secret import unseen
from tests.unit.manifests.clusters import (
    ANSWERS,
    Manifest,
    a_cluster,
    opened,
    problems,
    said,
    spoiled,
    told,
)

SILENT = Answers(silence="kubectl reaches no cluster")
CONTAINER = "spec.workerGroupSpecs.0.template.spec.containers.0"
POD = "spec.workerGroupSpecs.0.template.spec"
PLACE = ("crabstick", "crabstick-tokens")


def a_secret(name: str = "crabstick-tokens", **changes: Any) -> Manifest:
    metadata = {"name": name, "namespace": "crabstick"}
    return {"kind": "Secret", "metadata": metadata, "data": {"lichess": "eA=="}, **changes}


def test_a_secret_that_is_nowhere_is_named_with_what_makes_it() -> None:
    (_, error), *_ = [line for line in told(a_cluster(), answers=Answers()) if line[0] == "Secrets"]
    assert isinstance(error, EnvironmentProblem)
    assert str(error) == (
        "spec.headGroupSpec.template.spec.containers[0].env[3] wants the Secret crabstick-tokens "
        "(key lichess), which is neither in these manifests nor in the namespace crabstick of the "
        "cluster: `kubectl --namespace crabstick create secret generic crabstick-tokens "
        "--from-file=lichess=FILE` makes it"
    )


@pytest.mark.parametrize("answers", [ANSWERS, SILENT])
def test_a_login_for_pulling_images_is_made_in_its_own_way(answers: Answers) -> None:
    cluster = spoiled(f"{POD}.imagePullSecrets", [{"name": "regcred"}])
    words = " ".join(said("Secrets", cluster, answers=answers))
    assert (
        "`kubectl --namespace crabstick create secret docker-registry regcred "
        "--docker-server=REGISTRY --docker-username=USER --docker-password=PASSWORD`"
    ) in words
    assert "generic regcred" not in words
    as_files = spoiled(f"{CONTAINER}.envFrom", [{"secretRef": {"name": "regcred"}}], cluster)
    words = " ".join(said("Secrets", as_files, answers=answers))
    assert "create secret generic regcred --from-file=KEY=FILE`" in words


def test_without_a_cluster_it_is_said_that_nobody_looked() -> None:
    assert problems(a_cluster(), answers=SILENT) == []
    (line,) = said("Secrets", a_cluster(), answers=SILENT)
    assert line.startswith("crabstick-tokens (key lichess): not in these manifests, and whether ")
    assert "was not looked at (kubectl reaches no cluster)" in line


@pytest.mark.parametrize(
    "secret",
    [
        a_secret(),
        a_secret(data=None, stringData={"lichess": "x"}),
        a_secret(kind="SealedSecret", data=None),
        a_secret("other", kind="ExternalSecret", spec={"target": {"name": "crabstick-tokens"}}),
        a_secret(kind="ExternalSecret", spec={}),
        a_secret("other", kind="Certificate", spec={"secretName": "crabstick-tokens"}),
    ],
)
def test_a_secret_that_comes_with_the_manifests_is_there(secret: Manifest) -> None:
    assert said("Secrets", a_cluster(), secret, answers=Answers()) == [
        "crabstick-tokens: there, with all keys"
    ]


def test_a_secret_of_another_namespace_is_another_secret() -> None:
    secret = a_secret(metadata={"name": "crabstick-tokens", "namespace": "elsewhere"})
    assert len(problems(a_cluster(), secret, answers=Answers())) == 1


@pytest.mark.parametrize(
    ("things", "answers", "kind", "where"),
    [
        ([a_secret(data={"lichess-token": "eA=="})], Answers(), ConfigError, "which has no"),
        (
            [],
            Answers(secrets={PLACE: frozenset({"lichess-token"})}),
            EnvironmentProblem,
            "which in the cluster has no",
        ),
    ],
)
def test_a_key_that_is_missing_is_named_once(
    things: list[Manifest], answers: Answers, kind: type, where: str
) -> None:
    found = [words for subject, words in told(a_cluster(), *things, answers=answers)]
    (error,) = [words for words in found if isinstance(words, kind)]
    assert f"wants the key lichess of the Secret crabstick-tokens, {where} such key" in str(error)
    assert str(error).endswith("did you mean lichess-token?")


def test_an_empty_secret_has_no_key_at_all() -> None:
    (line,) = problems(a_cluster(), answers=Answers(secrets={PLACE: frozenset()}))
    assert line.endswith("; it is empty")


@pytest.mark.parametrize(
    ("path", "value", "needs"),
    [
        (f"{CONTAINER}.envFrom", [{"secretRef": {"name": "new"}}], True),
        (f"{CONTAINER}.envFrom", [{"secretRef": {"name": "new", "optional": True}}], False),
        (f"{POD}.volumes.+", {"name": "v", "secret": {"secretName": "new"}}, True),
        (f"{POD}.volumes.+", {"name": "v", "secret": {"secretName": "n", "optional": True}}, False),
        (
            f"{POD}.volumes.+",
            {"name": "v", "projected": {"sources": [{"secret": {"name": "new"}}]}},
            True,
        ),
        (f"{POD}.imagePullSecrets", [{"name": "new"}], True),
        (
            f"{POD}.initContainers",
            [{"name": "i", "envFrom": [{"secretRef": {"name": "new"}}]}],
            True,
        ),
        ("spec.authOptions.secretName", "new", True),
        ("spec.autoscalerOptions.envFrom", [{"secretRef": {"name": "new"}}], True),
        (
            "spec.gcsFaultToleranceOptions",
            {
                "redisAddress": "r:1",
                "redisPassword": {"valueFrom": {"secretKeyRef": {"name": "new", "key": "k"}}},
            },
            True,
        ),
    ],
)
def test_a_secret_is_found_wherever_it_is_named(path: str, value: object, *, needs: bool) -> None:
    cluster = spoiled(path, value)
    assert (("crabstick", "new") in unseen(opened(cluster))) == needs
    named = [line for line in problems(cluster, answers=ANSWERS) if "wants the Secret new" in line]
    assert len(named) == needs


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"data": {"lichess": ""}}, "Secret crabstick-tokens, data.lichess is empty"),
        ({"data": {"lichess": None}}, "data.lichess is empty"),
        ({"data": {"lichess": "no base64!!"}}, "data.lichess is not in base64"),
        ({"data": {"lichess": "eA==", "other": "lip_abc"}}, "data.other is not in base64"),
        ({"data": {}, "stringData": {"lichess": ""}}, "stringData.lichess is empty"),
    ],
)
def test_what_nobody_can_use_in_a_secret_is_named(content: Manifest, words: str) -> None:
    (found,) = problems(a_cluster(), a_secret(**content))
    assert found.startswith("Secrets: ")
    assert words in found
    assert "lip_abc" not in found


def test_an_empty_value_that_nobody_wants_is_nobody_s_matter() -> None:
    assert problems(a_cluster(), a_secret(data={"lichess": "eA\n==\n", "admin": ""})) == []


def test_a_reference_without_a_name_is_named() -> None:
    reference = {"name": "X", "valueFrom": {"secretKeyRef": {"key": "lichess"}}}
    (found,) = problems(spoiled(f"{CONTAINER}.env.+", reference))
    assert found.startswith("Pods: spec.workerGroupSpecs[0]")
    assert "env[4] names no Secret: write its name" in found


def test_each_secret_that_may_be_missing_comes_with_what_makes_it() -> None:
    cluster = spoiled(f"{CONTAINER}.envFrom", [{"secretRef": {"name": "registry"}}])
    (line,) = said("Secrets", cluster, answers=SILENT)
    assert "create secret generic crabstick-tokens --from-file=lichess=FILE` and `kubectl" in line
    assert line.endswith(
        "create secret generic registry --from-file=KEY=FILE` make what is missing"
    )


def test_the_login_of_an_account_is_wanted_too() -> None:
    metadata = {"name": "crabstick-worker", "namespace": "crabstick"}
    logins = [{"name": "registry-login"}]
    account = {"kind": "ServiceAccount", "metadata": metadata, "imagePullSecrets": logins}
    (found,) = problems(a_cluster(), account)
    assert found.startswith(
        "Secrets: ServiceAccount crabstick-worker, imagePullSecrets[0] wants the Secret registry-lo"
    )
    assert "create secret docker-registry registry-login" in found


def a_keeper(**changes: Any) -> Manifest:
    reference = {"secretKeyRef": {"name": "crabstick", "key": "auth_token"}}
    container = {
        "name": "keeper",
        "image": "x",
        "env": [{"name": "RAY_AUTH_TOKEN", "valueFrom": reference}],
    }
    return {
        "kind": "Deployment",
        "metadata": {"name": "keeper", "namespace": "crabstick"},
        "spec": {"template": {"spec": {"containers": [container]}}},
        **changes,
    }


def test_the_secret_that_the_operator_makes_is_there() -> None:
    assert problems(a_cluster(), a_keeper()) == []


def test_without_token_authentication_nobody_is_told_to_make_it_by_hand() -> None:
    cluster = spoiled("spec.authOptions", {"mode": "disabled"})
    (found,) = problems(cluster, a_keeper())
    assert found.startswith("authentication: ")


def test_with_a_secret_of_one_s_own_the_operator_makes_none() -> None:
    options = {"mode": "token", "secretName": "crabstick-tokens"}
    other, missing = problems(spoiled("spec.authOptions", options), a_keeper())
    assert other == (
        "jobs: Deployment keeper, spec.template.spec.containers[0].env[0] names the Secret "
        "crabstick, and the token of this cluster is in crabstick-tokens: name that one"
    )
    assert missing.startswith("Secrets: spec.authOptions.secretName wants the key auth_token")


def test_the_pods_of_other_objects_are_read_as_well() -> None:
    template = {"spec": {"containers": [{"name": "x", "imag": "y"}]}}
    (line,) = problems(a_cluster(), a_keeper(spec={"template": template}))
    assert line == (
        "fields: Deployment keeper, spec.template.spec.containers[0].imag is no field of "
        "Kubernetes; did you mean image?"
    )


def test_a_secret_in_a_cron_job_and_a_pod_is_found_too() -> None:
    pod = {"containers": [{"name": "x", "envFrom": [{"secretRef": {"name": "new"}}]}]}
    metadata = {"name": "x", "namespace": "crabstick"}
    job = {"jobTemplate": {"spec": {"template": {"spec": pod}}}}
    for thing in (
        {"kind": "CronJob", "metadata": metadata, "spec": job},
        {"kind": "Pod", "metadata": metadata, "spec": pod},
    ):
        assert unseen(opened(a_cluster(), thing))[-1] == ("crabstick", "new")


def a_redis(command: str, name: str = "redis") -> list[Manifest]:
    metadata, labels = {"name": name, "namespace": "crabstick"}, {"app": name}
    reference = {"secretKeyRef": {"name": "own", "key": "password"}}
    container = {
        "name": "redis",
        "image": "redis:7",
        "command": ["sh", "-c", command],
        "env": [{"name": "PASS", "valueFrom": reference}],
    }
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return [
        {
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": labels, "ports": [{"port": 6379}]},
        },
        {"kind": "Deployment", "metadata": metadata, "spec": {"template": pod}},
        a_secret("own", data={"password": "eA==", "other": "eA=="}),
    ]


@pytest.mark.parametrize(
    ("command", "key", "count"),
    [
        ("redis-server --requirepass $(PASS)", "other", 1),
        ("echo requirepass ${PASS}", "other", 1),
        ('redis-server --requirepass "$PASS"', "other", 1),
        ("redis-server --requirepass $PASS", "password", 0),
        ("redis-server --requirepass $(cat /pass)", "other", 0),
        ("redis-server /etc/redis.conf", "other", 0),
    ],
)
@pytest.mark.parametrize("host", ["redis:6379", "rediss://redis.crabstick.svc:6379"])
def test_a_password_that_is_not_the_redis_s_own_is_named(
    command: str, key: str, count: int, host: str
) -> None:
    password = {"valueFrom": {"secretKeyRef": {"name": "own", "key": key}}}
    store = {"redisAddress": host, "redisPassword": password}
    cluster = a_cluster(gcsFaultToleranceOptions=store)
    found = problems(cluster, *a_redis(command), *a_redis("redis-server", "other")[:2])
    assert len(found) == count
    words = (
        "redisPassword.valueFrom.secretKeyRef is the key other of the Secret own, and Deployment "
        "redis takes its password from the key password of own: name that one"
    )
    assert all(words in line for line in found)
