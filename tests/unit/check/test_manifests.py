"""Each check of manifests fires at its own mistake in the base of our overlays.

Manifests are read as Kubernetes reads them.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from functools import cache
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from crabstick.check import secrets
from crabstick.check.all_checks import findings
from crabstick.check.manifest_checks import MANIFESTS
from crabstick.check.manifests import (
    amount,
    open_manifests,
    read_manifests,
    read_objects,
)
from crabstick.check.secrets import wanted
from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.settings import TOKEN_VARIABLE as TOKEN
from crabstick.settings import Settings
from tests.contract.manifests import REPOSITORY, Manifest, spoiled

BASE = REPOSITORY / "kuberay" / "base"
FILES = ("ray-cluster.yaml", "network-policies.yaml", "http-service.yaml", "keeper.yaml")
TOKENS = ("crabstick", "crabstick-tokens")
HEAD = "spec.headGroupSpec"
GAME = "spec.workerGroupSpecs.0"
POD = "template.spec"
CONTAINER = f"{POD}.containers.0"
DRAIN = "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"
RECONNECT = "RAY_gcs_rpc_server_reconnect_timeout_s"


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


@pytest.fixture(autouse=True)
def _all_secrets_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "ask", frozenset)


def said(
    things: Sequence[Mapping[str, Any]],
    settings: Settings | None = None,
    *,
    is_named: bool = False,
) -> tuple[list[str], list[str]]:
    """What is well or good to know, and what is wrong."""
    opened = open_manifests(things, "x.yaml", settings or Settings(), is_named=is_named)
    found = findings(MANIFESTS, opened)
    lines = [(f"{subject}: {each.words}", each.problem) for subject, each in found]
    return [line for line, bad in lines if not bad], [line for line, bad in lines if bad]


def problem(things: list[Manifest]) -> str:
    """The only one."""
    (line,) = said(things)[1]
    return line


def test_the_base_has_no_problem_and_each_check_says_so() -> None:
    well, wrong = said(base())
    assert wrong == []
    assert [line.partition(":")[0] for line in well] == [each.subject for each in MANIFESTS]
    assert "room: 8 slots at most, for 4 games and a standby of 1" in well


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (f"{GAME}.maxReplica", 4, "[0].maxReplica is no field of KubeRay 1.7.0; did you mean max"),
        (f"{HEAD}.rayStartParams.num-cpus", 0, "num-cpus is 0; it must be text, in quotes"),
        (f"{GAME}.minReplicas", "0", "it must be a whole number, without quotes"),
        ("spec.autoscalerOptions.version", "v3", "version is 'v3'; it must be v1 or v2"),
        (f"{HEAD}.{CONTAINER}.resources.limits.memory", "3GB", "an amount such as"),
        (f"{HEAD}.{CONTAINER}.startupProbe.httpGet.port", [], "a port or its name"),
        (f"{HEAD}.{CONTAINER}.name", None, "containers[0].name is missing"),
        (f"{HEAD}.{CONTAINER}.env", ["x", {"a": 1}], "env[0] is 'x'; it must be a mapping"),
        (f"{GAME}.template.metadata", {"labels": {"a/b": 1}}, "labels.a/b is 1; it must be text"),
        ("spec.gcsFaultToleranceOptions", {"storage": {"size": ""}}, "size is ''; it must be "),
        ("metadata", "crabstick", "metadata is 'crabstick'; it must be a mapping"),
    ],
)
def test_a_field_that_kuberay_does_not_know_hides_the_rest(
    path: str, value: object, words: str
) -> None:
    well, wrong = said(with_cluster(path, value))
    assert all(line.startswith("fields: ") for line in wrong)
    assert words in wrong[0]
    assert well == ["everything else: not checked until the fields are right"]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("spec.rayVersion", None, "Ray: spec.rayVersion is missing"),
        ("spec.rayVersion", "2.59.1", "is '2.59.1': write '2.60.0'"),
        (f"{GAME}.{CONTAINER}.image", "rayproject/ray:2.60.0", "with Ray and no crabstick"),
        (f"{GAME}.{CONTAINER}.image", "a.example/ray:1", "a.example/ray:1, and the head has c"),
        (f"{HEAD}.rayStartParams.num-cpus", "1", "head offers 1 CPU for games"),
        (f"{HEAD}.rayStartParams", None, "head offers 1 CPU for games"),
        (f"{HEAD}.{CONTAINER}.resources.limits.memory", "512Mi", "the head is 512Mi, and Ray's"),
        ("spec.enableInTreeAutoscaling", None, "autoscaler: spec.enableInTreeAutoscaling is"),
        ("spec.autoscalerOptions.version", None, "autoscalerOptions.version is missing: write v2"),
        ("spec.autoscalerOptions.version", "v1", "version is 'v1': write v2"),
        ("spec.authOptions", None, "authentication: spec.authOptions.mode is missing"),
        (f"{GAME}.{CONTAINER}.resources", {"limits": {"cpu": "2", "memory": "9Mi"}}, "no room for"),
        (
            f"{GAME}.{CONTAINER}.resources",
            None,
            "the group game has no room for the 1 CPUs and 256 MB that a",
        ),
        (f"{GAME}.maxReplicas", 2, "has 4 slots at most, and challenges.max_games (4) and clus"),
        ("spec.workerGroupSpecs", [], "has 0 slots at most"),
        (f"{GAME}.{POD}.terminationGracePeriodSeconds", 120, "would be killed in mid-game"),
        (f"{HEAD}.{POD}.terminationGracePeriodSeconds", 0, "would be killed too early"),
        ("spec.suspend", True, "Pods: spec.suspend is true, which ends every game"),
        ("spec.upgradeStrategy", {"type": "Recreate"}, "a change ends every game"),
        (f"{GAME}.suspend", True, "which the autoscaler forbids"),
    ],
)
def test_one_mistake_is_one_sentence(path: str, value: object, words: str) -> None:
    assert words in problem(with_cluster(path, value))


LEELA = "http: {host: 0.0.0.0}\ncluster: {autoscaling: true}\nengines: {human: {gpus: 0.25%s}}"
CARDS: Manifest = {"limits": {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "1"}}


def with_second_group(asks: str = "", **changes: Any) -> list[Manifest]:
    """A bot with an engine for a GPU, and beside the shipped group another one."""
    things = base(LEELA % asks)
    groups = things[0]["spec"]["workerGroupSpecs"]
    second = deepcopy(groups[0]) | {"groupName": "gpu"} | changes
    second["template"]["spec"]["containers"][0]["resources"] = changes.pop("limits", CARDS)
    second.pop("limits", None)
    groups.append(second)
    return things


@pytest.mark.parametrize(
    ("asks", "changes"),
    [
        ("", {}),
        ("", {"limits": {"limits": {"cpu": "4"}}, "rayStartParams": {"num-gpus": "1"}}),
        (", resources: {card: 1}", {"resources": {"card": "2"}}),
        (", labels: {accelerator: a10}", {"labels": {"accelerator": "a10"}}),
    ],
)
def test_a_group_may_have_what_an_engine_asks_for(asks: str, changes: Manifest) -> None:
    assert said(with_second_group(asks, **changes))[1] == []


@pytest.mark.parametrize(
    ("asks", "changes", "words"),
    [
        ("", {"limits": {"limits": {"cpu": "4", "memory": "8Gi"}}}, "8192 MB and 0 GPUs"),
        (", resources: {card: 1}", {}, "1 GPUs and 0 card"),
        (", labels: {accelerator: a10}", {}, "1 GPUs and label accelerator="),
        (", memory_mb: 9000", {}, "engines: no group of workers has the 1 CPUs, 9000 MB and 0.25"),
    ],
)
def test_an_engine_that_fits_no_group_is_named_with_what_the_groups_have(
    asks: str, changes: Manifest, words: str
) -> None:
    line = problem(with_second_group(asks, **changes))
    assert "that engines.human asks for: those for games are 1 with 2 CPUs, 2048 MB, 0 GPUs" in (
        line.replace("2048 MB and 0 GPUs", "2048 MB, 0 GPUs")
    )
    assert words in line


@pytest.mark.parametrize(
    ("group", "name", "entry", "words"),
    [
        (GAME, TOKEN, None, "game has no Lichess token"),
        (HEAD, TOKEN, None, "head has no Lichess token"),
        (HEAD, TOKEN, {"value": "lip_x"}, "where anyone can read it"),
        (GAME, "RAY_worker_niceness", {"value": "15"}, "niceness=15, and the head has RAY_work"),
        (GAME, "RAY_worker_niceness", None, "game has no RAY_worker_niceness"),
        (GAME, DRAIN, {"value": "150"}, f"{DRAIN} is 150"),
    ],
)
def test_one_variable_that_is_wrong_is_one_sentence(
    group: str, name: str, entry: Manifest | None, words: str
) -> None:
    assert words in problem(with_variable(group, name, entry))


def test_a_flag_that_is_alike_and_wrong_is_named_once() -> None:
    text = (BASE / FILES[0]).read_text(encoding="utf-8").replace('"600"', '"60"')
    assert "=60: set 600" in said(read_objects(text, "x"))[1][0]


def test_beside_a_store_kuberay_gives_the_workers_their_reconnect_time() -> None:
    cluster = with_variable(GAME, RECONNECT, None)[0]
    assert f"game has no {RECONNECT}" in problem([cluster])
    cluster["spec"]["gcsFaultToleranceOptions"] = {"redisAddress": "redis.example:6379"}
    assert said([cluster])[1] == []


def test_a_token_that_is_optional_or_in_a_file() -> None:
    source = {"name": "crabstick-tokens", "key": "lichess", "optional": True}
    optional = with_variable(GAME, TOKEN, {"valueFrom": {"secretKeyRef": source}})
    assert "no Lichess token" in problem(optional)
    settings = Settings.model_validate({"lichess": {"token_file": "/home/crabstick/t"}})
    for cluster, *_ in (optional, with_variable(GAME, TOKEN, None)):
        assert said([cluster], settings=settings)[1] == []


def test_what_is_not_a_problem_is_said_as_such() -> None:
    well, wrong = said(with_cluster(f"{GAME}.replicas", 3))
    assert "replicas of the group game belong to the autoscaler" in " ".join(well)
    assert wrong == []


@pytest.mark.parametrize("text", ["challenges: {max_game: 3}", "http: ["])
def test_settings_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"bot\.yaml of the ConfigMap crabstick-config"):
        said(base(text))


@pytest.mark.parametrize("text", ["{}", "http: {host: 0.0.0.0, port: 9000}"])
def test_settings_that_the_service_does_not_lead_to_are_named(text: str) -> None:
    line = problem(base(text))
    assert line.startswith("settings: the bot's settings have http.host ")
    assert "the Service leads to port 8000 of the Pod: write 0.0.0.0 and 8000" in line


@pytest.mark.parametrize(
    ("aim", "port", "words"),
    [("serve", 8000, ""), ("serve", 9000, "leads to port 8000"), ("unknown", 9000, "")],
)
def test_a_service_may_lead_to_a_port_by_its_name(aim: str, port: int, words: str) -> None:
    things = base(f"http: {{host: 0.0.0.0, port: {port}}}")
    service = next(each for each in things if each["kind"] == "Service")
    service["spec"]["ports"][0]["targetPort"] = aim
    wrong = said(things)[1]
    assert len(wrong) == bool(words)
    assert words in "".join(wrong)


def test_the_variables_of_the_head_are_settings_too() -> None:
    things = with_variable(HEAD, "CRABSTICK__CHALLENGES__MAX_GAMES", {"value": "99"})
    assert "challenges.max_games (99)" in problem(things)
    well, wrong = said(things[:-1])  # without a ConfigMap
    assert "settings: the variables of the head" in well
    assert [line.partition(":")[0] for line in wrong] == ["settings", "room"]


def test_a_variable_of_the_head_with_a_value_from_elsewhere_is_not_read() -> None:
    source = {"valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}}}
    assert said(with_variable(HEAD, "CRABSTICK__HTTP__PORT", source))[1] == []


def test_the_settings_in_the_config_map_hold_unless_others_are_named() -> None:
    many = Settings.model_validate({"challenges": {"max_games": 99}})
    assert said(base(), settings=many)[1] == []
    assert "challenges.max_games (99)" in said(base(), settings=many, is_named=True)[1][-1]
    assert "settings: those of this command; --config names the bot's" in said(base()[:1])[0]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "http://lichess.example:9663",
            "the group game have no way to Lichess: add port 9663",
        ),
        ("https://lichess.org", ""),
        ("https://lichess.example", ""),
    ],
)
def test_the_way_to_lichess_must_be_open(url: str, words: str) -> None:
    wrong = said(base(f"http: {{host: 0.0.0.0}}\nlichess: {{url: '{url}'}}"))[1]
    assert len(wrong) == bool(words)
    assert words in "".join(wrong)


def test_the_way_to_a_proxy_must_be_open_unless_it_is_not_used() -> None:
    things = with_variable(GAME, "HTTPS_PROXY", {"value": "http://proxy.example:3128"})
    assert "no way to the proxy: add port 3128" in problem(things)
    env = things[0]["spec"]["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]["env"]
    env.append({"name": "no_proxy", "value": "localhost,.lichess.org"})
    assert said(things)[1] == []


NODE_TYPE = {"key": "ray.io/node-type"}
APP = [{"podSelector": {"matchLabels": {"app": "redis"}}}]
RAY = [{"podSelector": {"matchLabels": {"ray.io/cluster": "crabstick"}}}]


@pytest.mark.parametrize(
    ("rule", "is_open"),
    [
        ({}, True),
        ({"to": APP, "ports": [{"port": 6380}]}, True),
        ({"to": APP, "ports": [{"port": 6380, "protocol": "UDP"}]}, False),
        ({"to": APP, "ports": [{"port": 6000, "endPort": 6500}]}, True),
        ({"to": APP, "ports": [{"port": "redis"}]}, True),
        ({"to": RAY, "ports": [{"port": "redis"}]}, False),
    ],
)
def test_the_way_to_redis_must_be_open(rule: Manifest, *, is_open: bool) -> None:
    things = with_cluster("spec.gcsFaultToleranceOptions", {"redisAddress": "redis.example:6380"})
    assert "the head has no way to Redis: add port 6380" in problem(things)
    policy = next(each for each in things if each["metadata"]["name"] == "crabstick-head")
    policy["spec"]["egress"].append(rule)
    assert (said(things)[1] == []) is is_open


@pytest.mark.parametrize(
    ("selector", "binds"),
    [
        ({}, True),
        ({"matchLabels": {"ray.io/node-type": "head"}}, True),
        ({"matchLabels": {"ray.io/node-type": "worker"}}, False),
        ({"matchExpressions": [{**NODE_TYPE, "operator": "In", "values": ["head"]}]}, True),
        ({"matchExpressions": [{**NODE_TYPE, "operator": "In", "values": "head"}]}, False),
        ({"matchExpressions": [{**NODE_TYPE, "operator": "Exists"}]}, False),
    ],
)
def test_a_policy_binds_the_pods_that_it_selects_by_labels(
    selector: Manifest, *, binds: bool
) -> None:
    cluster = base()[0]
    spec = {"policyTypes": ["Egress"], "podSelector": selector}
    metadata = {"name": "x", "namespace": "crabstick"}
    policy = {"kind": "NetworkPolicy", "metadata": metadata, "spec": spec}
    wrong = said([cluster, policy])[1]
    assert any(line.startswith("network: the head") for line in wrong) is binds


@pytest.mark.parametrize("spec", [None, "x", {"podSelector": "x", "egress": [{"to": "x"}, "x"]}])
def test_a_policy_that_kubernetes_would_refuse_ends_no_check(spec: object) -> None:
    policy = {"kind": "NetworkPolicy", "metadata": {"namespace": "crabstick"}, "spec": spec}
    said([base()[0], policy])


def test_variables_from_elsewhere_are_not_judged() -> None:
    things = with_cluster(f"{GAME}.{CONTAINER}.envFrom", [{"configMapRef": {"name": "x"}}])
    assert any("not looked at: some come from" in line for line in said(things)[0])
    source = {"configMapKeyRef": {"name": "x", "key": "y"}}
    assert said(with_variable(HEAD, DRAIN, {"valueFrom": source}))[1] == []


def test_a_secret_that_is_nowhere_is_named_with_what_makes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "Secrets: crabstick-tokens: found" in said(base())[0]
    monkeypatch.setattr(secrets, "ask", lambda _: frozenset())
    line = problem(base())
    assert "the Secret crabstick-tokens is neither in these" in line
    assert "in the namespace crabstick of the cluster: create it there, with lichess" in line


def test_a_secret_that_could_not_be_looked_for_is_no_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def silent(_places: Iterable[object]) -> None:
        raise EnvironmentProblem("kubectl reaches no cluster")

    monkeypatch.setattr(secrets, "ask", silent)
    well, wrong = said(base())
    assert wrong == []
    assert any("not checked (kubectl reaches no cluster)" in line for line in well)


@pytest.mark.parametrize(
    ("kind", "name", "spec"),
    [
        ("Secret", "crabstick-tokens", {}),
        ("SealedSecret", "crabstick-tokens", {}),
        ("ExternalSecret", "crabstick-tokens", {}),
        ("ExternalSecret", "other", {"target": {"name": "crabstick-tokens"}}),
        ("Certificate", "other", {"secretName": "crabstick-tokens"}),
    ],
)
def test_a_secret_that_the_manifests_bring_is_not_asked_for(
    kind: str, name: str, spec: Manifest
) -> None:
    metadata = {"name": name, "namespace": "crabstick"}
    things = [*base(), {"kind": kind, "metadata": metadata, "spec": spec}]
    assert "Secrets: none is wanted" in said(things)[0]


@pytest.mark.parametrize(
    ("path", "value", "name", "keys"),
    [
        (f"{HEAD}.{POD}.imagePullSecrets", [{"name": "login"}], "login", set()),
        (f"{HEAD}.{CONTAINER}.envFrom", [{"secretRef": {"name": "more"}}], "more", set()),
        (f"{HEAD}.{POD}.volumes.+", {"name": "v", "secret": {"secretName": "s"}}, "s", set()),
        (
            f"{HEAD}.{POD}.volumes.+",
            {"name": "v", "projected": {"sources": [{"secret": {"name": "p", "items": [
                {"key": "a", "path": "b"}]}}]}},
            "p",
            {"a"},
        ),
        ("spec.authOptions.secretName", "ours", "ours", set()),
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
        (lambda: [base()[0], base()[0]], "x.yaml holds 2 RayClusters"),
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


def test_several_objects_and_those_of_a_list_are_read_one_by_one() -> None:
    text = "kind: A\n---\n---\nkind: List\nitems: [{kind: B}, {kind: C}]\n"
    assert read_objects(text, "x") == [{"kind": "A"}, {"kind": "B"}, {"kind": "C"}]


def test_nulls_are_not_there_and_dates_are_text() -> None:
    assert read_objects("a: [{b: null, c: 2026-01-02}]\n", "x") == [{"a": [{"c": "2026-01-02"}]}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1", "x.yaml, line 1, column 6: "),
        ("a: {{ .Values.a }}\nb: [", "this is a template; render it first"),
        ("- a", "a manifest must be a mapping"),
        ("a: \0", "holds something that YAML cannot read"),
        ("a: &a [*a]", "within their own anchor"),
    ],
)
def test_what_is_no_manifest_is_refused_in_one_sentence(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_objects(text, "x.yaml")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: [1", "standard input, line 1, column 6: "),
        (b"\xff", "standard input is not UTF-8 text"),
        (b"a: 34567", "standard input is larger than 7 bytes"),
    ],
)
def test_what_is_no_manifest_on_standard_input_is_refused(
    monkeypatch: pytest.MonkeyPatch, content: bytes, words: str
) -> None:
    monkeypatch.setattr("crabstick.check.manifests._LARGEST", 7)
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(content)))
    with pytest.raises(ConfigError, match=words):
        read_manifests("-")


def test_a_place_where_nothing_is_is_refused(tmp_path: Path) -> None:
    for place, words in {
        str(tmp_path / "nowhere.yaml"): "there is no such file",
        str(tmp_path): "is a folder without kustomization.yaml",
        "": "is a folder without kustomization.yaml",
    }.items():
        with pytest.raises(ConfigError, match=words):
            read_manifests(place)
