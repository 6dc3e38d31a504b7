"""Each check of manifests fires at its own mistake in the base of our overlays."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from crabstick.check.documents import read_objects
from crabstick.check.kubectl import Answers
from crabstick.check.ray_cluster import amount, open_manifests
from crabstick.check.secrets import wanted
from crabstick.check.table import MANIFESTS, of_manifests
from crabstick.errors import ConfigError
from crabstick.settings import TOKEN_VARIABLE as TOKEN
from crabstick.settings import Settings
from tests.contract.manifests import REPOSITORY, Manifest, spoiled

BASE = REPOSITORY / "kuberay" / "base"
FILES = ("ray-cluster.yaml", "network-policies.yaml", "http-service.yaml", "keeper.yaml")
TOKENS = ("crabstick", "crabstick-tokens")
READY = Answers(secrets=frozenset({TOKENS}))
HEAD = "spec.headGroupSpec"
GAME = "spec.workerGroupSpecs.0"
POD = "template.spec"
CONTAINER = f"{POD}.containers.0"
DRAIN = "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"
REDIS = {"redisAddress": "redis.example:6380"}


@cache
def _shipped() -> list[Any]:
    return [
        thing
        for name in FILES
        for thing in read_objects((BASE / name).read_text(encoding="utf-8"), name)
    ]


def base(settings: str = "http: {host: 0.0.0.0}\ncluster: {autoscaling: true}") -> list[Manifest]:
    """The RayCluster comes first."""
    config = {"kind": "ConfigMap", "metadata": {"name": "crabstick-config"}}
    things: list[Any] = deepcopy([*_shipped(), {**config, "data": {"bot.yaml": settings}}])
    for thing in things:
        thing["metadata"]["namespace"] = "crabstick"
    return things


def with_cluster(path: str, value: object) -> list[Manifest]:
    cluster, *others = base()
    return [spoiled(cluster, path, value), *others]


def with_variable(group: str, name: str, entry: Manifest | None) -> list[Manifest]:
    """The variable of that group is another one, or gone."""
    things = base()
    env = things[0]["spec"]
    env = env["headGroupSpec"] if group == HEAD else env["workerGroupSpecs"][0]
    env = env["template"]["spec"]["containers"][0]["env"]
    env[:] = [each for each in env if each["name"] != name]
    env += [{"name": name, **entry}] if entry else []
    return things


def said(
    things: Sequence[Mapping[str, Any]],
    answers: Answers = READY,
    settings: Settings | None = None,
    *,
    is_named: bool = False,
) -> tuple[list[str], list[str]]:
    """What is well or good to know, and what is wrong."""
    opened = open_manifests(things, "x.yaml", settings or Settings(), is_named=is_named)
    found = list(of_manifests(replace(opened, answers=answers)))
    lines = [(f"{subject}: {each.words}", each.problem) for subject, each in found]
    return [line for line, bad in lines if not bad], [line for line, bad in lines if bad]


def problem(things: list[Manifest], answers: Answers = READY) -> str:
    """The only one."""
    (line,) = said(things, answers)[1]
    return line


def test_the_base_has_no_problem_and_each_check_says_so() -> None:
    well, wrong = said(base())
    assert wrong == []
    assert [line.partition(":")[0] for line in well] == [each.subject for each in MANIFESTS]
    assert "room: 8 slots at most, for 4 games and a standby of 1" in well


def test_only_what_was_seen_is_said_to_be_there() -> None:
    """The operator makes the Secret `crabstick`, which the keeper mounts."""
    assert "Secrets: crabstick-tokens: there" in said(base())[0]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (f"{GAME}.maxReplica", 4, "[0].maxReplica is no field of KubeRay 1.7.0; did you mean max"),
        (f"{HEAD}.{POD}.nodeSelektor", {}, "did you mean nodeSelector?"),
        (f"{HEAD}.rayStartParams.num-cpus", 0, "num-cpus is 0; it must be text: write it in quot"),
        ("spec.rayVersion", 2.6, "it must be text: write it in quotes"),
        (f"{GAME}.minReplicas", "0", "it must be a whole number: write it without quotes"),
        ("spec.enableInTreeAutoscaling", "true", "true or false: write it without quotes"),
        ("spec.autoscalerOptions.version", "v3", "version is 'v3'; it must be v1 or v2"),
        (f"{HEAD}.{CONTAINER}.resources.limits.memory", "3GB", "an amount such as"),
        (f"{HEAD}.{CONTAINER}.resources.limits.cpu", 0.5, "an amount such as"),
        (f"{HEAD}.{CONTAINER}.startupProbe.httpGet.port", [], "a port or its name"),
        (f"{HEAD}.{CONTAINER}.name", None, "containers[0].name is missing"),
        (f"{HEAD}.{CONTAINER}.args", "x", "is 'x'; it must be a list"),
        (f"{GAME}.template.metadata", {"labels": {"a/b": 1}}, "labels[a/b] is 1; it must be text"),
        ("spec.gcsFaultToleranceOptions", {"storage": {"size": ""}}, "size is ''; it must be "),
        ("metadata", "crabstick", "metadata is 'crabstick'; it must be a mapping"),
    ],
)
def test_a_field_that_kuberay_does_not_know_is_the_only_sentence(
    path: str, value: object, words: str
) -> None:
    well, wrong = said(with_cluster(path, value))
    assert len(wrong) == 1
    assert wrong[0].startswith("fields: ")
    assert words in wrong[0]
    assert well == ["all else: to be judged when the fields are right"]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("spec.rayVersion", None, "Ray: spec.rayVersion is missing"),
        ("spec.rayVersion", "2.59.1", "is '2.59.1', and this crabstick runs on Ray 2.60.0"),
        (f"{GAME}.{CONTAINER}.image", "rayproject/ray:2.60.0", "which holds Ray and no crabstick"),
        (f"{GAME}.{CONTAINER}.image", "a.example/ray:1", "is a.example/ray:1, and the head's is c"),
        (f"{HEAD}.rayStartParams.num-cpus", "1", "gives the head 1 CPU for games"),
        (f"{HEAD}.rayStartParams", None, "gives the head 1 CPU for games"),
        (f"{HEAD}.{CONTAINER}.resources.limits.memory", "512Mi", "head: spec.headGroupSpec.templa"),
        ("spec.enableInTreeAutoscaling", None, "autoscaler: spec.enableInTreeAutoscaling is not"),
        ("spec.autoscalerOptions.version", None, "autoscalerOptions.version is missing: write v2"),
        ("spec.autoscalerOptions.version", "v1", "version is v1: write v2"),
        ("spec.authOptions", None, "authentication: spec.authOptions.mode is missing"),
        (f"{GAME}.{CONTAINER}.resources", {"limits": {"cpu": "2", "memory": "9Mi"}}, "a game asks"),
        (f"{GAME}.{CONTAINER}.resources", None, "gives Ray no number of CPUs, and a game asks for"),
        (f"{GAME}.maxReplicas", 2, "has room for 4, and challenges.max_games (4) and cluster.stan"),
        (f"{GAME}.maxReplicas", 0, "has room for 0"),
        ("spec.workerGroupSpecs", [], "the largest cluster has room for 0"),
        (f"{GAME}.{POD}.terminationGracePeriodSeconds", 120, "would be killed in mid-game"),
        (f"{HEAD}.{POD}.terminationGracePeriodSeconds", 0, "would be killed before it has left"),
        ("spec.suspend", True, "Pods: spec.suspend is true"),
        ("spec.upgradeStrategy", {"type": "Recreate"}, "would end all Pods and every game"),
        (f"{GAME}.suspend", True, "which the autoscaler does not allow"),
    ],
)
def test_one_mistake_is_one_sentence(path: str, value: object, words: str) -> None:
    assert words in problem(with_cluster(path, value))


@pytest.mark.parametrize(
    ("group", "name", "entry", "words"),
    [
        (GAME, TOKEN, None, "of game lacks the Lichess token"),
        (HEAD, TOKEN, None, "of the head lacks the Lichess token"),
        (HEAD, TOKEN, {"value": "lip_x"}, "for everybody to read"),
        (GAME, "RAY_worker_niceness", {"value": "15"}, "niceness=15, and the head has RAY_work"),
        (GAME, "RAY_worker_niceness", None, "of game has no RAY_worker_niceness"),
        (GAME, DRAIN, {"value": "150"}, "gives 150 s to leave game"),
    ],
)
def test_one_variable_that_is_wrong_is_one_sentence(
    group: str, name: str, entry: Manifest | None, words: str
) -> None:
    assert words in problem(with_variable(group, name, entry))


def test_a_flag_that_is_alike_and_wrong_is_named_once() -> None:
    text = (BASE / FILES[0]).read_text(encoding="utf-8").replace('"600"', '"60"')
    assert "=60, and so everywhere: set it to 600" in said(read_objects(text, "x"))[1][0]


def test_a_token_that_is_optional_or_in_a_file() -> None:
    source = {"name": "crabstick-tokens", "key": "lichess", "optional": True}
    optional = with_variable(GAME, TOKEN, {"valueFrom": {"secretKeyRef": source}})
    assert "lacks the Lichess token" in problem(optional)
    settings = Settings.model_validate({"lichess": {"token_file": "/home/crabstick/t"}})
    cluster, *_ = with_variable(GAME, TOKEN, None)
    assert said([cluster], settings=settings)[1] == []


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (f"{GAME}.replicas", 3, "replicas of game is the autoscaler's"),
        (f"{HEAD}.{CONTAINER}.image", "registry.example/crabstick:1", "is a placeholder"),
    ],
)
def test_what_is_good_to_know_is_said(path: str, value: object, words: str) -> None:
    assert any(words in line for line in said(with_cluster(path, value))[0])


def test_an_operator_that_deletes_pods_at_random_is_named() -> None:
    answers = replace(READY, operator=frozenset({"A=b", "ENABLE_RANDOM_POD_DELETE=true"}))
    assert "resets replicas to 0, so it would end Pods with games" in problem(base(), answers)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("challenges: {max_game: 3}", "bot.yaml of the ConfigMap crabstick-config: challenges.max"),
        ("http: [", "bot.yaml of the ConfigMap crabstick-config, line 1"),
        ("{}", "http.host of the bot's settings is 127.0.0.1, where the Service crabstick-http"),
        ("http: {host: 0.0.0.0, port: 9000}", "port of the bot's settings is 9000, and the Servic"),
    ],
)
def test_settings_that_do_not_fit_are_named(text: str, words: str) -> None:
    (line,) = said(base(text))[1]
    assert line.startswith("settings: ")
    assert words in line


def test_the_settings_in_the_config_map_hold_unless_others_are_named() -> None:
    many = Settings.model_validate({"challenges": {"max_games": 99}})
    assert said(base(), settings=many)[1] == []
    assert "challenges.max_games (99)" in said(base(), settings=many, is_named=True)[1][-1]
    assert "settings: those of this command; --config names the bot's" in said(base()[:1])[0]


def test_an_autoscaler_and_an_engine_of_the_settings_are_told() -> None:
    well, _ = said(base("http: {host: 0.0.0.0}\nengine: {kind: uci, path: /opt/lc0}"))
    assert any("whether the image holds /opt/lc0" in line for line in well)
    assert any("autoscaling of the bot's settings is false" in line for line in well)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://lichess.example:9663", "lets the head not reach Lichess at port 9663"),
        ("https://lichess.org", ""),
        ("https://lichess.example", ""),
    ],
)
def test_the_way_to_lichess_must_be_open(url: str, words: str) -> None:
    wrong = said(base(f"http: {{host: 0.0.0.0}}\nlichess: {{url: '{url}'}}"))[1]
    assert len(wrong) == (2 if words else 0), wrong
    assert all("spec.egress lets" in line for line in wrong)
    assert words in "".join(wrong)


def test_the_way_to_a_proxy_must_be_open_unless_it_is_not_used() -> None:
    things = with_variable(GAME, "HTTPS_PROXY", {"value": "http://proxy.example:3128"})
    assert "lets game not reach the proxy at port 3128" in problem(things)
    env = things[0]["spec"]["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]["env"]
    env.append({"name": "no_proxy", "value": "localhost,.lichess.org"})
    assert said(things)[1] == []


def test_the_way_to_redis_must_be_open() -> None:
    things = with_cluster("spec.gcsFaultToleranceOptions", REDIS)
    assert "lets the head not reach Redis at port 6380" in problem(things)
    rule = {"to": [{"podSelector": {"matchLabels": {"app": "redis"}}}], "ports": [{"port": 6380}]}
    policy = next(each for each in things if each["metadata"]["name"] == "crabstick-head")
    policy["spec"]["egress"].append(rule)
    assert said(things)[1] == []
    rule["ports"] = [{"port": 6380, "protocol": "UDP"}]
    assert said(things)[1] != []
    rule["ports"] = [{"port": 6000, "endPort": 6500}]
    assert said(things)[1] == []
    rule["ports"] = [{"port": "redis"}]
    assert said(things)[1] == []
    rule["to"] = [{"podSelector": {"matchLabels": {"ray.io/cluster": "crabstick"}}}]
    assert said(things)[1] != []


@pytest.mark.parametrize(
    ("operator", "values", "binds"),
    [
        ("In", ["head"], True),
        ("NotIn", ["head"], False),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
        ("In", "head", False),
    ],
)
def test_a_policy_binds_the_pods_that_it_selects(
    operator: str, values: object, *, binds: bool
) -> None:
    wish = {"key": "ray.io/node-type", "operator": operator, "values": values}
    cluster = base()[0]
    spec = {"policyTypes": ["Egress"], "podSelector": {"matchExpressions": [wish]}}
    metadata = {"name": "x", "namespace": "crabstick"}
    policy = {"kind": "NetworkPolicy", "metadata": metadata, "spec": spec}
    wrong = said([cluster, policy])[1]
    assert any("lets the head not reach Lichess" in line for line in wrong) is binds


@pytest.mark.parametrize("spec", [None, "x", {"podSelector": "x", "egress": [{"to": "x"}, "x"]}])
def test_a_policy_that_kubernetes_would_refuse_ends_no_check(spec: object) -> None:
    policy = {"kind": "NetworkPolicy", "metadata": {"namespace": "crabstick"}, "spec": spec}
    said([base()[0], policy])


def test_variables_from_elsewhere_are_not_judged() -> None:
    things = with_cluster(f"{GAME}.{CONTAINER}.envFrom", [{"configMapRef": {"name": "x"}}])
    assert any("not looked at: some come from" in line for line in said(things)[0])
    source = {"configMapKeyRef": {"name": "x", "key": "y"}}
    assert said(with_variable(HEAD, DRAIN, {"valueFrom": source}))[1] == []


def test_a_secret_that_is_nowhere_is_named_with_what_makes_it() -> None:
    line = problem(base(), Answers())
    assert "the Secret crabstick-tokens (key lichess) is neither in these" in line
    assert (
        "--namespace crabstick create secret generic crabstick-tokens --from-file=lichess" in line
    )


def test_a_secret_that_could_not_be_looked_for_is_no_problem() -> None:
    well, wrong = said(base(), Answers(silence="kubectl reaches no cluster"))
    assert wrong == []
    assert any("was not looked at (kubectl reaches no cluster)" in line for line in well)


@pytest.mark.parametrize("kind", ["Secret", "SealedSecret", "ExternalSecret"])
def test_a_secret_that_the_manifests_bring_is_not_asked_for(kind: str) -> None:
    metadata = {"name": "crabstick-tokens", "namespace": "crabstick"}
    things = [*base(), {"kind": kind, "metadata": metadata}]
    assert wanted(open_manifests(things, "x", Settings(), is_named=False)) == {}


@pytest.mark.parametrize(
    ("path", "value", "name", "keys"),
    [
        (f"{HEAD}.{POD}.imagePullSecrets", [{"name": "login"}], "login", {".dockerconfigjson"}),
        (f"{HEAD}.{CONTAINER}.envFrom", [{"secretRef": {"name": "more"}}], "more", set()),
        (f"{HEAD}.{POD}.volumes.+", {"name": "v", "secret": {"secretName": "s"}}, "s", set()),
        (
            f"{HEAD}.{POD}.volumes.+",
            {"name": "v", "projected": {"sources": [{"secret": {"name": "p", "items": [
                {"key": "a", "path": "b"}]}}]}},
            "p",
            {"a"},
        ),
        ("spec.authOptions.secretName", "ours", "ours", {"auth_token"}),
    ],
)  # fmt: skip
def test_a_secret_is_found_wherever_it_is_named(
    path: str, value: object, name: str, keys: set[str]
) -> None:
    opened = open_manifests(with_cluster(path, value), "x", Settings(), is_named=False)
    assert wanted(opened)["crabstick", name] == keys


@pytest.mark.parametrize(
    ("things", "words"),
    [
        (lambda: [base()[0], base()[0]], "x.yaml holds 2 RayClusters (crabstick, crabstick)"),
        (lambda: base()[1:2], "holds no RayCluster, only NetworkPolicy: name the manifest"),
        (lambda: [{"kind": "RayService"}], "a RayService starts a second cluster"),
        (lambda: [{"kind": "RayJob"}], "a RayJob runs once"),
        (list, "holds no object of Kubernetes"),
    ],
)
def test_there_must_be_one_ray_cluster(things: Any, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        said(things())
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "number"),
    [("500m", 0.5), (2, 2), ("2Gi", 2**31), ("1.5k", 1500), ("1e3", 1000), ("x", None)],
)
def test_amounts_are_read_as_kubernetes_writes_them(text: object, number: float | None) -> None:
    assert amount(text) == number
