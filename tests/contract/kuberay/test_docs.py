"""What docs/kubernetes.md tells people to type fits the manifests, and kubectl knows the words."""

import math
import re
import shutil
import subprocess
from functools import cache

import pytest
import yaml
from ray.autoscaler._private.kuberay.utils import parse_quantity

from tests.contract.kuberay.pods import pods
from tests.contract.kuberay.rendered import OVERLAYS, of_kind, rendered, settings_of
from tests.contract.kuberay.selectors import matches
from tests.contract.manifests import REPOSITORY, containers
from tests.contract.test_docs_commands import code, text

PAGE = "kubernetes.md"
MADE_BY_THE_OPERATOR = {("svc", "crabstick-head-svc"), ("secret", "crabstick")}
CONTAINERS_OF_THE_OPERATOR = {"autoscaler", "wait-gcs-ready"}
KINDS = {
    "deployment": "Deployment",
    "svc": "Service",
    "raycluster": "RayCluster",
    "secret": "Secret",
    "serviceaccount": "ServiceAccount",
}
GLOBAL_OPTIONS = {"--namespace"}


def lines(program: str) -> list[str]:
    """Every call of a program, without what comes after a pipe or for the program in a Pod."""
    found = re.findall(rf"(?:^|\(|; |until ){program} ([^\n|;)]*)", code(PAGE), re.MULTILINE)
    return [line.partition(" -- ")[0] for line in found]


def names() -> set[tuple[str, str]]:
    """Kind and name of what kubectl is told to look at or to change."""
    there = {(thing["kind"], thing["metadata"]["name"]) for thing in rendered("production")}
    kinds = {kind: short for short, kind in KINDS.items()}
    return {(kinds[kind], name) for kind, name in there if kind in kinds} | MADE_BY_THE_OPERATOR


def test_the_page_has_commands() -> None:
    assert len(lines("kubectl")) > 30
    assert len(lines("helm")) >= 3


def test_every_object_that_a_command_names_is_there() -> None:
    words = "|".join(KINDS)
    told = {
        pair
        for line in lines("kubectl")
        for pair in re.findall(rf"(?<![\w-])({words})[/ ](crabstick[\w-]*)", line)
    }
    assert ("deployment", "crabstick-keeper") in told
    assert told - names() == set()


def test_every_folder_that_is_applied_can_be_rendered() -> None:
    folders = {
        match[1] for line in lines("kubectl") if (match := re.search(r" -k (\S+)", f" {line}"))
    }
    local = {folder for folder in folders if "github.com" not in folder}
    assert local == {"kuberay/overlays/minimal", "kuberay/overlays/production"}
    assert all((REPOSITORY / folder / "kustomization.yaml").exists() for folder in local)


def test_make_knows_what_the_page_has_it_make() -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed, so its targets cannot be looked up")
    (target,) = lines("make")
    command = ["make", "--dry-run", target.removesuffix(" && . .venv/bin/activate")]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_every_label_that_a_command_selects_by_means_one_kind_of_pod() -> None:
    everybody = pods(rendered("production"))
    selectors = {match[1] for line in lines("kubectl") if (match := re.search(r" -l (\S+)", line))}
    assert selectors
    for selector in selectors:
        labels = dict(pair.split("=") for pair in selector.split(","))
        meant = {pod.role for pod in everybody if matches({"matchLabels": labels}, pod.labels)}
        assert meant in ({"head"}, {"game", "spot"})


def test_every_container_that_a_command_names_is_there() -> None:
    named = {name for line in lines("kubectl") for name in re.findall(r" -c (\S+)", line)}
    there = {each["name"] for thing in rendered("base") for each in containers(thing)}
    assert named - there == CONTAINERS_OF_THE_OPERATOR


def test_the_secrets_that_are_made_have_the_keys_that_pods_ask_for() -> None:
    made: dict[str, set[str]] = {}
    for line in lines("kubectl"):
        match = re.search(r"create secret generic (\S+)", line)
        if match:
            made.setdefault(match[1], set()).update(re.findall(r"--from-file=(\w+)=", line))
    asked: dict[str, set[str]] = {}
    for thing in rendered("production"):
        for container in containers(thing):
            for variable in container.get("env", ()):
                secret = variable.get("valueFrom", {}).get("secretKeyRef")
                if secret:
                    asked.setdefault(secret["name"], set()).add(secret["key"])
    del asked["crabstick"]  # the operator's own
    assert made == asked


def test_the_image_that_is_built_is_the_one_that_the_overlays_name() -> None:
    built = set(re.findall(r"docker build -f kuberay/Dockerfile -t (\S+) \.", text(PAGE)))
    asked = {
        container["image"]
        for case in OVERLAYS
        for thing in rendered(case)
        for container in containers(thing)
        if container["name"] != "redis"
    }
    assert built == asked


def test_files_that_are_named_exist() -> None:
    named = re.findall(r"(?<![\w/])(kuberay/[\w./-]+\.yaml|kuberay/Dockerfile)", text(PAGE))
    assert named
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


def test_the_gate_and_the_events_are_called_as_the_operator_calls_them() -> None:
    values = REPOSITORY / "kuberay/overlays/embedded-gcs/operator-values.yaml"
    (gate,) = yaml.safe_load(values.read_text(encoding="utf-8"))["featureGates"]
    assert gate["name"] == "GCSFaultToleranceEmbeddedStorage"
    assert "InvalidRayClusterSpec" in text(PAGE)


def test_the_times_that_the_page_names_are_those_of_the_manifests() -> None:
    (cluster,) = of_kind("production", "RayCluster")
    steady, spot = cluster["spec"]["workerGroupSpecs"]
    drains = [
        group["template"]["spec"]["containers"][0]["env"][0]["value"] for group in (steady, spot)
    ]
    assert drains == ["120", "12"]
    assert "after 120 s at the latest" in " ".join(text(PAGE).split())
    assert "12 s there to hand its games over" in " ".join(text(PAGE).split())


BESIDES = {"cpu": 0.95 + 0.1, "memory": (290 + 512) * 2**20}
"""What else is requested: by kind's own Pods, and by the operator as its Helm chart sets it up."""
SLOTS_OF_A_WORKER = 2


def asked_for(case: str, what: str, workers: int = 0) -> float:
    """What everything with so many workers requests, in CPUs or bytes."""
    spec = of_kind(case, "RayCluster")[0]["spec"]
    head = spec["headGroupSpec"]["template"]["spec"]["containers"][0]
    worker = spec["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]
    parts = [head["resources"], spec["autoscalerOptions"]["resources"]]
    parts += [worker["resources"]] * workers
    for thing in rendered(case):
        if thing["kind"] in ("Deployment", "StatefulSet"):
            parts += [container["resources"] for container in containers(thing)]
    return float(sum(parse_quantity(each["requests"][what]) for each in parts))


def shown(case: str, what: str) -> float:
    """In CPUs or GiB, rounded up to a tenth."""
    return math.ceil(asked_for(case, what) / (1 if what == "cpu" else 2**30) * 10) / 10


@pytest.mark.parametrize("case", ["minimal", "production"])
def test_the_page_says_what_an_overlay_asks_for(case: str) -> None:
    words = f"asks for {shown(case, 'cpu')} CPUs and {shown(case, 'memory')} GiB"
    assert f"`{case}` {words}" in " ".join(text(PAGE).split())


@pytest.mark.parametrize(
    ("cpus", "gib", "workers", "words"),
    [
        (4, 8, 4, "a machine with 4 CPUs and 8 GiB holds it with all four workers"),
        (2, 6, 2, "One with 2 CPUs and 6 GiB holds it with two"),
    ],
)
def test_the_machines_that_the_page_names_hold_what_it_says(
    cpus: int, gib: int, workers: int, words: str
) -> None:
    assert words in " ".join(text(PAGE).split())
    assert asked_for("minimal", "cpu", workers) + BESIDES["cpu"] <= cpus
    assert asked_for("minimal", "memory", workers) + BESIDES["memory"] <= gib * 2**30


def test_the_games_of_the_smaller_machine_are_those_that_its_workers_hold() -> None:
    told = re.search(r"`maxReplicas: (\d)` and `challenges.max_games: (\d)`", text(PAGE))
    assert told is not None
    workers, games = (int(number) for number in told.groups())
    standby = settings_of("minimal").cluster.standby
    assert games + standby == workers * SLOTS_OF_A_WORKER
    (cluster,) = of_kind("minimal", "RayCluster")
    assert cluster["spec"]["workerGroupSpecs"][0]["maxReplicas"] == 4  # "all four workers"


@cache
def help_of(*verb: str) -> str:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed, so its words cannot be looked up")
    command = ["kubectl", *verb, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def verb_of(line: str) -> tuple[str, ...]:
    words = re.sub(r"--namespace \S+ ", "", line).split()
    if words[:2] == ["create", "secret"]:
        return ("create", "secret", words[2])
    return tuple(words[:2]) if words[0] in ("config", "create", "rollout") else (words[0],)


@pytest.mark.parametrize("line", sorted(set(lines("kubectl"))))
def test_kubectl_knows_the_verb_and_its_options(line: str) -> None:
    known = help_of(*verb_of(line))
    long = set(re.findall(r"(?<!\S)--[a-z-]+", line)) - GLOBAL_OPTIONS
    short = set(re.findall(r"(?<!\S)-[a-z]\b", line))
    assert [option for option in long if f"{option}=" not in known] == []
    assert [option for option in short if f"{option}, --" not in known] == []
