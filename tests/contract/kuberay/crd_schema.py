"""KubeRay's CustomResourceDefinitions as JSON schemas, stricter than the API server.

The server only prunes what it does not know; here an unknown field is a problem, for it is a typo.
The files are those of KubeRay 1.7.0, `ray-operator/config/crd/bases/` in its repository. They are
looked for in the directory that `KUBERAY_CRDS` names, else beside the checkout.
"""

import os
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.contract.manifests import REPOSITORY, Manifest

__all__ = ["cluster_problems", "pod_template_problems"]

BESIDE_THE_CHECKOUT = REPOSITORY.parent / "shared" / "kuberay-crds"
NOT_FOR_VALIDATION = frozenset({"description", "default", "nullable", "format"})


def cluster_problems(cluster: Manifest) -> list[str]:
    """What the CRD has against this RayCluster, after the API server's defaults."""
    return _problems(_ray_cluster_schema(), _cluster_checker(), {**cluster, "metadata": {}})


def pod_template_problems(template: Manifest) -> list[str]:
    """What Kubernetes has against a Pod template; the CRD holds the schema of one."""
    return _problems(_template_schema(), _template_checker(), {**template, "metadata": {}})


def _problems(schema: Manifest, checker: jsonschema.Draft7Validator, value: Manifest) -> list[str]:
    errors = checker.iter_errors(_with_defaults(schema, value))
    return [f"{'.'.join(map(str, error.path))}: {error.message}" for error in errors]


@cache
def _cluster_checker() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(_strict(_ray_cluster_schema()))


@cache
def _template_checker() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(_strict(_template_schema()))


def _template_schema() -> Manifest:
    head = _ray_cluster_schema()["properties"]["spec"]["properties"]["headGroupSpec"]
    template: Manifest = head["properties"]["template"]
    return template


@cache
def _ray_cluster_schema() -> Manifest:
    folder = Path(os.environ.get("KUBERAY_CRDS", BESIDE_THE_CHECKOUT))
    file = folder / "ray.io_rayclusters.yaml"
    if not file.exists():
        pytest.skip(f"KubeRay's CRDs are not in {folder}; set KUBERAY_CRDS to where they are")
    definition = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    versions = {version["name"]: version for version in definition["spec"]["versions"]}
    schema: Manifest = versions["v1"]["schema"]["openAPIV3Schema"]
    schema["properties"]["metadata"] = {"type": "object"}
    return schema


def _strict(schema: Any) -> Any:
    """The schema without the words of Kubernetes, refusing fields that it does not name."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    kept: Manifest = {}
    for word, part in schema.items():
        if word == "properties":
            kept[word] = {name: _strict(inner) for name, inner in part.items()}
        elif not word.startswith("x-kubernetes-") and word not in NOT_FOR_VALIDATION:
            kept[word] = _strict(part)
    is_open = schema.get("x-kubernetes-preserve-unknown-fields")
    if "properties" in kept and not is_open:
        kept.setdefault("additionalProperties", False)
    return kept


def _with_defaults(schema: Manifest, value: Any) -> Any:
    """The value as the API server would store it."""
    if isinstance(value, list):
        return [_with_defaults(schema.get("items", {}), part) for part in value]
    if not isinstance(value, dict):
        return value
    known = schema.get("properties", {})
    missing = {name: part for name, part in known.items() if "default" in part}
    filled = {name: deepcopy(part["default"]) for name, part in missing.items()} | value
    return {name: _with_defaults(known.get(name, {}), part) for name, part in filled.items()}
