"""One version of Ray, of Python, of crabstick and of KubeRay, wherever a file names it."""

import re
import shutil
from pathlib import Path

import pytest

from tests.contract.manifests import REPOSITORY

# file -> how it writes the version of Ray
RAY = {
    "pyproject.toml": r'"ray\[serve\]==([\w.]+)"',
    "requirements.lock": r"^ray==([\w.]+)",
    "requirements-dev.lock": r"^ray==([\w.]+)",
    "kuberay/base/ray-cluster.yaml": r'rayVersion: "([\w.]+)"',
    "kuberay/Dockerfile": r"ARG RAY_VERSION=([\w.]+)",
    "ray-cluster.yaml": r"image: rayproject/ray:([\w.]+)-py",
}
PYTHON = {
    "pyproject.toml": r'target-version = "py(\d)(\d+)"',
    "kuberay/Dockerfile": r"ARG PYTHON_IMAGE=python:([\d.]+)-slim",
    "ray-cluster.yaml": r"image: rayproject/ray:[\w.]+-py(\d)(\d+)",
}
CRABSTICK = {
    "pyproject.toml": r'^version = "([\w.]+)"',
    "kuberay/overlays/minimal/kustomization.yaml": r'newTag: "([\w.]+)"',
    "kuberay/overlays/production/kustomization.yaml": r'newTag: "([\w.]+)"',
    "kuberay/Dockerfile": r"registry.example/crabstick:([\w.]+) ",
}
KUBERAY = {"docs/kubernetes.md": r"--version ([\d.]+)"}


def versions(root: Path, places: dict[str, str]) -> set[str]:
    """Every version found; each place must name at least one."""
    found: set[str] = set()
    for name, pattern in places.items():
        matches = [*re.finditer(pattern, (root / name).read_text(encoding="utf-8"), re.MULTILINE)]
        assert matches, name
        found |= {".".join(filter(None, match.groups())) for match in matches}
    return found


@pytest.mark.parametrize(
    "places",
    [RAY, PYTHON, CRABSTICK, KUBERAY],
    ids=["ray", "python", "crabstick", "kuberay"],
)
def test_all_files_name_one_version(places: dict[str, str]) -> None:
    assert len(versions(REPOSITORY, places)) == 1


@pytest.mark.parametrize("changed", RAY)
def test_another_version_of_ray_in_any_one_file_is_seen(changed: str, tmp_path: Path) -> None:
    for name in RAY:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)
    (ray,) = versions(tmp_path, RAY)
    text = (tmp_path / changed).read_text(encoding="utf-8")
    (tmp_path / changed).write_text(text.replace(ray, "2.59.1"), encoding="utf-8")
    assert versions(tmp_path, RAY) == {ray, "2.59.1"}
