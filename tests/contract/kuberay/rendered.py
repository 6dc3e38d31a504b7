"""What `kubectl apply` would send: every overlay of `kuberay/` as objects.

`base` is read from its files, so that its tests need no kubectl.
"""

import json
import shutil
import subprocess
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path

import pytest
import yaml

from crabstick.settings import Settings
from tests.contract.manifests import REPOSITORY, Manifest

KUBERAY = REPOSITORY / "kuberay"
NAMESPACE = "crabstick"
OVERLAYS = ("minimal", "production")
CASES = ("base", *OVERLAYS)
LIMIT_S = 60


def rendered(case: str) -> list[Manifest]:
    """All objects of an overlay; skips where there is no kubectl."""
    return deepcopy(_files_of_the_base() if case == "base" else _kustomized(f"overlays/{case}"))


def of_kind(case: str, kind: str) -> list[Manifest]:
    """The objects of that kind."""
    return [thing for thing in rendered(case) if thing["kind"] == kind]


def named(case: str, kind: str, name: str) -> Manifest:
    """The one object of that kind and name."""
    (found,) = [thing for thing in of_kind(case, kind) if thing["metadata"]["name"] == name]
    return found


def ray_cluster(case: str) -> Manifest:
    """The one RayCluster."""
    (cluster,) = of_kind(case, "RayCluster")
    return cluster


def settings_of(case: str) -> Settings:
    """The bot's settings, as its ConfigMap holds them."""
    text = named(case, "ConfigMap", "crabstick-config")["data"]["bot.yaml"]
    return Settings.model_validate(yaml.safe_load(text))


def changed(
    folder: Path, change: Callable[[Manifest], None], overlay: str = "production"
) -> list[Manifest]:
    """A copy of an overlay, changed and rendered."""
    rendered("minimal")  # skips without kubectl
    shutil.copytree(KUBERAY, folder / "kuberay")
    mine = folder / "kuberay/overlays" / overlay
    kustomization = yaml.safe_load((mine / "kustomization.yaml").read_text(encoding="utf-8"))
    change(kustomization)
    (mine / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    command = ["kubectl", "kustomize", str(mine)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@cache
def _files_of_the_base() -> list[Manifest]:
    folder = KUBERAY / "base"
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    things = []
    for name in listed["resources"]:
        for thing in yaml.safe_load_all((folder / name).read_text(encoding="utf-8")):
            thing["metadata"]["namespace"] = listed["namespace"]
            things.append(thing)
    alone: list[Manifest] = json.loads(json.dumps(things))  # anchors make one object of several
    return alone


@cache
def _kustomized(folder: str) -> list[Manifest]:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed, so the overlays cannot be rendered")
    command = ["kubectl", "kustomize", str(KUBERAY / folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))
