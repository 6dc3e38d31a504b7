"""The manifests of `kuberay/` as they are shipped, with the patches of `overlays/`."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import yaml

from tests.kube.objects import Manifest

OVERLAYS: Final = Path(__file__).parent / "overlays"
LIMIT_S: Final = 60
SETTINGS: Final = "bot.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifests:
    """What is applied to Kubernetes."""

    cluster: Manifest
    settings: str
    """The bot's, as the ConfigMap holds them."""

    @classmethod
    def rendered(cls, overlay: str) -> Self:
        """As `kubectl kustomize` renders them."""
        command = ["kubectl", "kustomize", str(OVERLAYS / overlay)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LIMIT_S)
        things = list(yaml.safe_load_all(done.stdout))
        (cluster,) = (thing for thing in things if thing["kind"] == "RayCluster")
        (settings,) = (
            thing["data"][SETTINGS]
            for thing in things
            if thing["kind"] == "ConfigMap" and SETTINGS in thing["data"]
        )
        return cls(cluster=cluster, settings=settings)
