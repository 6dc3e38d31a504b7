"""Builds the image, plays the story, and writes the facts into the named file."""

import asyncio
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from crabstick.errors import EnvironmentProblem
from tests.containers.base import lay_base
from tests.containers.podman import Podman, apart
from tests.containers.story import Cluster, play
from tests.containers.wheels import ROOT, build_options

BASE: Final = "localhost/crabstick-base"
IMAGE: Final = "localhost/crabstick"
UNABLE: Final = 77
"""The exit status when containers cannot run here; the file says what is missing."""


def main(out: Path, wheels: Path) -> int:
    """Tells everything as JSON; `wheels` is what the image is built from."""
    with TemporaryDirectory(prefix="crab-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        podman = Podman(folder=folder / "podman")
        try:
            podman = _with_base(podman, folder)
        except EnvironmentProblem as problem:
            out.write_text(json.dumps({"unable": str(problem)}), encoding="utf-8")
            return UNABLE
        try:
            podman.build(
                *(IMAGE, ROOT, f"--file={ROOT / 'kuberay/Dockerfile'}"),
                *(f"--build-arg=PYTHON_IMAGE={BASE}", "--build-arg=ENGINES="),
                *build_options(wheels, folder),
            )
            size = json.loads(podman("inspect", IMAGE))[0]["Size"]
            config = folder / "config"
            config.mkdir()
            cluster = Cluster(podman=podman, image=IMAGE, folder=config)
            facts = {"image_bytes": size} | cluster.start() | asyncio.run(play(cluster))
        finally:
            podman("rm", "--all", "--force", "--time=0")
            podman("rmi", "--all", "--force")
    out.write_text(json.dumps(facts), encoding="utf-8")
    return 0


def _with_base(podman: Podman, folder: Path) -> Podman:
    context = folder / "base"
    lay_base(context)
    podman.build(BASE, context)
    return podman.able(BASE)


if __name__ == "__main__":
    if (status := apart(sys.argv[1:])) is None:
        status = main(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.exit(status)
