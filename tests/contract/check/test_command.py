"""`crabstick check --cluster MANIFEST` as people type it: lines, one sentence, a status."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.contract.check.kubernetes import Kubernetes, serving
from tests.contract.kuberay.rendered import KUBERAY, rendered
from tests.contract.manifests import REPOSITORY, spoiled

FINE, ENVIRONMENT, USAGE = 0, 1, 2
GAME = "spec.workerGroupSpecs.0"
MINIMAL = KUBERAY / "overlays" / "minimal"

needs_kubectl = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="kubectl is not installed"
)


def check(
    *words: str, folder: Path, text: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """The command, with no Kubernetes cluster to ask unless `variables` name one."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CRABSTICK", "RAY_", "LICHESS", "KUBE"))
    }
    nowhere = {"KUBECONFIG": str(folder / "no-cluster"), "HOME": str(folder)}
    return subprocess.run(
        [sys.executable, "-m", "crabstick", "check", *words],
        cwd=folder,
        env={**inherited, **nowhere, "PYTHONPATH": str(REPOSITORY), **variables},
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def refused(done: "subprocess.CompletedProcess[str]", status: int, words: str) -> None:
    assert words in done.stderr
    assert (done.returncode, done.stderr.count("\n")) == (status, 1), done.stderr


def a_file(folder: Path, path: str = "", value: object = None) -> Path:
    """The RayCluster of the base in a file, spoiled if a path is given."""
    (cluster,) = [thing for thing in rendered("base") if thing["kind"] == "RayCluster"]
    file = folder / "cluster.yaml"
    text = yaml.safe_dump(spoiled(cluster, path, value) if path else cluster)
    file.write_text(text, encoding="utf-8")
    return file


@needs_kubectl
def test_an_overlay_is_rendered_and_each_check_has_a_line(tmp_path: Path) -> None:
    done = check("--cluster", str(MINIMAL), folder=tmp_path)
    assert (done.returncode, done.stderr) == (FINE, "")
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert said["manifests"].startswith("the RayCluster crabstick, with ")
    assert said["settings"] == "bot.yaml of the ConfigMap crabstick-config"
    assert said["head"] == "plays no games"
    assert "not checked (kubectl" in said["Secrets"]


@needs_kubectl
def test_what_kubectl_rendered_may_come_through_a_pipe(tmp_path: Path) -> None:
    text = yaml.safe_dump_all(rendered("minimal"))
    by_pipe = check("--cluster", "-", folder=tmp_path, text=text)
    by_name = check("--cluster", str(MINIMAL / "kustomization.yaml"), folder=tmp_path)
    assert by_pipe.returncode == FINE
    assert by_pipe.stdout == by_name.stdout


def test_a_pipe_without_manifests_is_refused(tmp_path: Path) -> None:
    done = check("--cluster", "-", folder=tmp_path, text="kind: Deployment")
    refused(done, USAGE, "standard input holds no RayCluster, only Deployment")


def test_all_mistakes_are_marked_and_the_first_decides(tmp_path: Path) -> None:
    file = a_file(tmp_path, "spec.enableInTreeAutoscaling", value=False)
    text = file.read_text(encoding="utf-8").replace("num-cpus: '0'", "num-cpus: '2'")
    done = check("--cluster", "-", folder=tmp_path, text=text)
    refused(done, USAGE, "head offers 2 CPUs for games")
    assert "autoscaler: PROBLEM: spec.enableInTreeAutoscaling is false" in done.stdout
    assert "authentication: by token" in done.stdout


@needs_kubectl
def test_a_secret_that_the_cluster_lacks_is_the_cluster_s_fault(tmp_path: Path) -> None:
    with serving(Kubernetes(), tmp_path) as config:
        done = check("--cluster", str(a_file(tmp_path)), folder=tmp_path, KUBECONFIG=str(config))
    refused(done, ENVIRONMENT, "the Secret crabstick-tokens is neither")


@needs_kubectl
def test_a_kustomization_that_cannot_be_rendered_is_refused_in_kubectl_s_words(
    tmp_path: Path,
) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [missing.yaml]", encoding="utf-8")
    done = check("--cluster", str(tmp_path), folder=tmp_path)
    refused(done, USAGE, "cannot be rendered: accumulating resources")
    assert "missing.yaml" in done.stderr


def test_without_kubectl_a_folder_is_refused_with_the_way_round(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: []", encoding="utf-8")
    done = check("--cluster", str(tmp_path), folder=tmp_path, PATH=str(tmp_path / "bin"))
    refused(done, ENVIRONMENT, "cannot be rendered here (kubectl is not installed)")
    assert "crabstick check --cluster -" in done.stderr
