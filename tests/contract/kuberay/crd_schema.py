"""KubeRay's CustomResourceDefinition as the JSON schema that ships with `crabstick.check`.

    KUBERAY_CRDS=... python -m tests.contract.kuberay.crd_schema    # writes it anew

The definition is that of KubeRay 1.7.0, `ray-operator/config/crd/bases/` in its repository. It is
looked for in the directory that `KUBERAY_CRDS` names, else beside the checkout.
"""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from crabstick.check import raycluster_schema
from tests.contract.manifests import REPOSITORY, Manifest

BESIDE_THE_CHECKOUT = REPOSITORY.parent / "shared" / "kuberay-crds"
DEFINITION = Path(os.environ.get("KUBERAY_CRDS", BESIDE_THE_CHECKOUT)) / "ray.io_rayclusters.yaml"
NOT_FOR_VALIDATION = frozenset({"description", "default", "nullable", "format"})


def cluster_problems(cluster: Manifest) -> list[str]:
    """What the definition has against this RayCluster."""
    return _problems(dict(raycluster_schema.schema()), cluster)


def pod_template_problems(template: Manifest) -> list[str]:
    """What Kubernetes has against a Pod template; the definition holds the schema of one."""
    head = raycluster_schema.schema()["properties"]["spec"]["properties"]["headGroupSpec"]
    return _problems(head["properties"]["template"], {**template, "metadata": {}})


def _problems(schema: Manifest, value: Manifest) -> list[str]:
    errors = jsonschema.Draft7Validator(schema).iter_errors(value)
    return [f"{'.'.join(map(str, error.path))}: {error.message}" for error in errors]


def made() -> bytes:
    """What the schema's file holds, uncompressed."""
    definition = yaml.load(DEFINITION.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    versions = {version["name"]: version for version in definition["spec"]["versions"]}
    schema: Manifest = versions["v1"]["schema"]["openAPIV3Schema"]
    schema["properties"]["metadata"] = {"type": "object"}
    return json.dumps(_strict(schema), separators=(",", ":"), sort_keys=True).encode()


def _strict(schema: Any) -> Any:
    """The schema without the words of Kubernetes, refusing fields that it does not name.

    What the API server fills in is not required.
    """
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        pattern = {key: schema[key] for key in ("pattern",) if key in schema}
        return {"type": ["integer", "string"], **pattern}
    kept: Manifest = {}
    for word, part in schema.items():
        if word == "properties":
            kept[word] = {name: _strict(inner) for name, inner in part.items()}
        elif word == "required":
            fields = schema["properties"]
            kept[word] = [name for name in part if "default" not in fields.get(name, {})]
        elif not word.startswith("x-kubernetes-") and word not in NOT_FOR_VALIDATION:
            kept[word] = _strict(part)
    if "properties" in kept and not schema.get("x-kubernetes-preserve-unknown-fields"):
        kept.setdefault("additionalProperties", False)
    return kept


if __name__ == "__main__":
    Path(str(raycluster_schema.SCHEMA)).write_bytes(gzip.compress(made(), 9, mtime=0))
