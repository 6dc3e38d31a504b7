"""What an image is built from without a network: the wheels of the lock, fetched beforehand."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from crabstick.errors import EnvironmentProblem

ROOT: Final = Path(__file__).parents[2]
VARIABLE: Final = "CRABSTICK_WHEELS"
INSIDE: Final = "/wheels"
LIMIT_S: Final = 900


def fetch_wheels(folder: Path) -> Path:
    """Downloads them as pip is set up here, or takes a folder of an earlier time.

    Raises:
        EnvironmentProblem: the package index is out of reach.
    """
    if given := os.environ.get(VARIABLE):
        return Path(given)
    folder.mkdir()
    tool = re.findall(
        r"UV_VERSION=(\S+)", (ROOT / "kuberay/Dockerfile").read_text(encoding="utf-8")
    )
    lock = str(ROOT / "requirements.lock")
    for wanted in (
        ["--no-deps", "--require-hashes", "--requirement", lock],
        [f"uv=={tool[0]}", "setuptools", "wheel"],  # the last two build what has no wheel
    ):
        done = subprocess.run(
            [*(sys.executable, "-m", "pip", "download", "--quiet", "--dest"), str(folder), *wanted],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        if done.returncode:
            said = (done.stderr.strip() or "no word").splitlines()[-1]
            raise EnvironmentProblem(
                f"no wheels to build an image of ({said}): {VARIABLE} may name a folder with them"
            )
    return folder


def build_options(wheels: Path, folder: Path) -> list[str]:
    """For `podman build`: pip and uv look nowhere else, and the image keeps nothing of it."""
    pip, uv = folder / "pip.conf", folder / "uv.toml"
    pip.write_text(f"[global]\nno-index = true\nfind-links = {INSIDE}\n", encoding="utf-8")
    uv.write_text(f'no-index = true\nfind-links = ["{INSIDE}"]\n', encoding="utf-8")
    return [
        f"--volume={wheels.resolve()}:{INSIDE}:ro",
        f"--volume={pip}:/etc/pip.conf:ro",
        f"--volume={uv}:/etc/uv/uv.toml:ro",
    ]
