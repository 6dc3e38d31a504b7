"""One version of Ray, of Python and of crabstick, wherever a file names it."""

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
    "kuberay/ray-cluster.yaml": r'rayVersion: "([\w.]+)"',
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
    "kuberay/kustomization.yaml": r'newTag: "([\w.]+)"',
    "kuberay/Dockerfile": r"registry.example/crabstick:([\w.]+) ",
}


def versions(root: Path, places: dict[str, str]) -> set[str]:
    """Every version found; each place must name exactly one."""
    found: set[str] = set()
    for name, pattern in places.items():
        (match,) = re.finditer(pattern, (root / name).read_text(encoding="utf-8"), re.MULTILINE)
        found.add(".".join(match.groups()))
    return found


@pytest.mark.parametrize("places", [RAY, PYTHON, CRABSTICK], ids=["ray", "python", "crabstick"])
def test_all_files_name_one_version(places: dict[str, str]) -> None:
    assert len(versions(REPOSITORY, places)) == 1


@pytest.mark.parametrize("changed", RAY)
def test_another_version_of_ray_in_any_one_file_is_seen(changed: str, tmp_path: Path) -> None:
    for name in RAY:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)
    (ray,) = versions(tmp_path, RAY)
    text = (tmp_path / changed).read_text(encoding="utf-8")
    (tmp_path / changed).write_text(text.replace(ray, "2.59.1"), encoding="utf-8")
    assert versions(tmp_path, RAY) == {ray, "2.59.1"}


def test_the_image_installs_the_lock_and_nothing_else() -> None:
    text = (REPOSITORY / "kuberay" / "Dockerfile").read_text(encoding="utf-8")
    installs = re.findall(r"pip install (.*)", text)
    assert installs == ["--no-cache-dir --require-hashes --requirement requirements.lock"]
