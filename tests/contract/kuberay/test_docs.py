"""What docs/kubernetes.md tells people to type fits the manifests, and kubectl knows the words."""

import math
import re
import shutil
import subprocess
from functools import cache

import pytest
from ray.autoscaler._private.kuberay.utils import parse_quantity

from tests.contract.kuberay.pods import pods
from tests.contract.kuberay.rendered import OVERLAYS, of_kind, rendered, settings_of
from tests.contract.kuberay.selectors import matches
from tests.contract.manifests import containers
from tests.contract.test_docs_commands import code, text

PAGE = "kubernetes.md"
MADE_BY_THE_OPERATOR = {("svc", "crabstick-head-svc"), ("secret", "crabstick")}
KINDS = {
    "deployment": "Deployment",
    "svc": "Service",
    "raycluster": "RayCluster",
    "secret": "Secret",
    "serviceaccount": "ServiceAccount",
}
GLOBAL_OPTIONS = {"--namespace"}
SLOTS_OF_A_WORKER = 2


def lines(program: str) -> list[str]:
    """Every call of a program, without what comes after a pipe or for the program in a Pod."""
    found = re.findall(rf"(?:^|\(|; |until ){program} ([^\n|;)]*)", code(PAGE), re.MULTILINE)
    return [line.partition(" -- ")[0] for line in found]


def in_lines(pattern: str) -> set[str]:
    """What follows these words in calls of kubectl."""
    return {found for line in lines("kubectl") for found in re.findall(pattern, f" {line}")}


def test_every_object_that_a_command_names_is_there() -> None:
    short = {kind: name for name, kind in KINDS.items()}
    there = MADE_BY_THE_OPERATOR | {
        (short[thing["kind"]], thing["metadata"]["name"])
        for thing in rendered("production")
        if thing["kind"] in short
    }
    words = "|".join(KINDS)
    named = {
        pair
        for line in lines("kubectl")
        for pair in re.findall(rf"(?<![\w-])({words})[/ ](crabstick[\w-]*)", line)
    }
    assert ("deployment", "crabstick-keeper") in named
    assert named - there == set()


def test_every_folder_that_is_applied_can_be_rendered() -> None:
    local = {folder for folder in in_lines(r" -k (\S+)") if "github.com" not in folder}
    assert local == {f"kuberay/overlays/{case}" for case in OVERLAYS}


def test_every_label_that_a_command_selects_by_means_one_kind_of_pod() -> None:
    everybody = pods(rendered("production"))
    selectors = in_lines(r" -l (\S+)")
    assert selectors
    for selector in selectors:
        labels = dict(pair.split("=") for pair in selector.split(","))
        meant = {pod.role for pod in everybody if matches({"matchLabels": labels}, pod.labels)}
        assert meant in ({"head"}, {"game", "spot"})


def test_every_container_that_a_command_names_is_there() -> None:
    there = {each["name"] for thing in rendered("base") for each in containers(thing)}
    assert in_lines(r" -c (\S+)") - there == {"autoscaler"}  # the operator's own


def test_the_secrets_that_are_made_have_the_keys_that_pods_ask_for() -> None:
    made = {
        (match[1], key)
        for line in lines("kubectl")
        if (match := re.search(r"create secret generic (\S+)", line))
        for key in re.findall(r"--from-file=(\w+)=", line)
    }
    asked = {
        (secret["name"], secret["key"])
        for thing in rendered("production")
        for container in containers(thing)
        for variable in container.get("env", ())
        if (secret := variable.get("valueFrom", {}).get("secretKeyRef"))
    }
    assert made == {(name, key) for name, key in asked if name != "crabstick"}  # the operator's own


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


def test_the_times_that_the_page_names_are_those_of_the_manifests() -> None:
    (cluster,) = of_kind("production", "RayCluster")
    drains = [
        group["template"]["spec"]["containers"][0]["env"][0]["value"]
        for group in cluster["spec"]["workerGroupSpecs"]
    ]
    assert [f"{drain} s" in " ".join(text(PAGE).split()) for drain in drains] == [True, True]


def asked_for(case: str, what: str) -> float:
    """What everything but the workers requests, in CPUs or GiB, rounded up to a tenth."""
    spec = of_kind(case, "RayCluster")[0]["spec"]
    head = spec["headGroupSpec"]["template"]["spec"]["containers"][0]
    parts = [head["resources"], spec["autoscalerOptions"]["resources"]]
    for thing in rendered(case):
        if thing["kind"] in ("Deployment", "StatefulSet"):
            parts += [container["resources"] for container in containers(thing)]
    total = float(sum(parse_quantity(each["requests"][what]) for each in parts))
    return math.ceil(total / (1 if what == "cpu" else 2**30) * 10) / 10


@pytest.mark.parametrize("case", OVERLAYS)
def test_the_page_says_what_an_overlay_asks_for(case: str) -> None:
    words = f"asks for {asked_for(case, 'cpu')} CPUs and {asked_for(case, 'memory')} GiB"
    assert f"`{case}` {words}" in " ".join(text(PAGE).split())


def test_the_games_of_the_smaller_machine_are_those_that_its_workers_hold() -> None:
    told = re.search(r"`maxReplicas: (\d)` and `challenges.max_games: (\d)`", text(PAGE))
    assert told is not None
    workers, games = (int(number) for number in told.groups())
    assert games + settings_of("minimal").cluster.standby == workers * SLOTS_OF_A_WORKER


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
