"""The other kinds of object that we ship, as closed schemas: an unknown field is a typo.

They know only what we use; a field that is new here is to be added after a look at Kubernetes's own
reference (v1.36). A Pod template is open: `crd_schema` has the real schema of it.
"""

from typing import Any, Final

import jsonschema

from tests.contract.manifests import Manifest

__all__ = ["KINDS", "object_problems"]

TEXT: Final = {"type": "string"}
NUMBER: Final = {"type": "integer", "minimum": 0}
SWITCH: Final = {"type": "boolean"}
PORT: Final = {"type": "integer", "minimum": 1, "maximum": 65_535}
OPEN: Final = {"type": "object"}
TEXTS: Final = {"type": "object", "additionalProperties": TEXT}
LONGEST_NAME: Final = 253


def _closed(required: str = "", **fields: Any) -> Manifest:
    return {
        "type": "object",
        "properties": {name.rstrip("_"): schema for name, schema in fields.items()},
        "required": required.split(),
        "additionalProperties": False,
    }


def _each(schema: Manifest, at_least: int = 1) -> Manifest:
    return {"type": "array", "items": schema, "minItems": at_least}


def _one_of(*words: str) -> Manifest:
    return {"enum": list(words)}


NAME: Final = {
    "type": "string",
    "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    "maxLength": LONGEST_NAME,
}
METADATA: Final = _closed(
    "name namespace", name=NAME, namespace=NAME, labels=TEXTS, annotations=TEXTS
)
EXPRESSION: Final = _closed(
    "key operator",
    key=TEXT,
    operator=_one_of("In", "NotIn", "Exists", "DoesNotExist"),
    values=_each(TEXT),
)
SELECTOR: Final = _closed(matchLabels=TEXTS, matchExpressions=_each(EXPRESSION))
BLOCK: Final = _closed("cidr", cidr=TEXT, except_=_each(TEXT))
PEER: Final = {
    **_closed(podSelector=SELECTOR, namespaceSelector=SELECTOR, ipBlock=BLOCK),
    "minProperties": 1,
}
POLICY_PORT: Final = _closed("port", port=PORT, protocol=_one_of("TCP", "UDP"))
CLAIM: Final = _closed(
    "metadata spec",
    metadata=_closed("name", name=NAME),
    spec=_closed(
        "accessModes resources",
        accessModes=_each(_one_of("ReadWriteOnce", "ReadWriteOncePod")),
        resources=_closed("requests", requests=_closed("storage", storage=TEXT)),
        storageClassName=NAME,
    ),
)


def _with_spec(api_version: str, spec: Manifest) -> Manifest:
    return _kind(api_version, "spec", spec=spec)


def _kind(api_version: str, required: str = "", **fields: Manifest) -> Manifest:
    return _closed(
        f"apiVersion kind metadata {required}",
        apiVersion=_one_of(api_version),
        kind=TEXT,
        metadata=METADATA,
        **fields,
    )


KINDS: Final = {
    "ConfigMap": _kind("v1", "data", data=TEXTS),
    "ServiceAccount": _kind("v1", automountServiceAccountToken=SWITCH),
    "Service": _with_spec(
        "v1",
        _closed(
            "selector ports",
            selector={**TEXTS, "minProperties": 1},
            ports=_each(_closed("name port", name=NAME, port=PORT, targetPort=PORT)),
            clusterIP=_one_of("None"),
        ),
    ),
    "Deployment": _with_spec(
        "apps/v1",
        _closed(
            "selector template",
            replicas=NUMBER,
            selector=SELECTOR,
            strategy=_closed("type", type=_one_of("Recreate", "RollingUpdate")),
            template=OPEN,
        ),
    ),
    "StatefulSet": _with_spec(
        "apps/v1",
        _closed(
            "selector serviceName template",
            replicas=NUMBER,
            selector=SELECTOR,
            serviceName=NAME,
            template=OPEN,
            volumeClaimTemplates=_each(CLAIM),
        ),
    ),
    "PodDisruptionBudget": _with_spec(
        "policy/v1",
        _closed(
            "minAvailable selector",
            minAvailable=NUMBER,  # a share would need a scale subresource, which no RayCluster has
            selector=SELECTOR,
            unhealthyPodEvictionPolicy=_one_of("AlwaysAllow", "IfHealthyBudget"),
        ),
    ),
    "NetworkPolicy": _with_spec(
        "networking.k8s.io/v1",
        _closed(
            "podSelector policyTypes",
            podSelector=SELECTOR,
            policyTypes=_each(_one_of("Ingress", "Egress")),
            ingress=_each(_closed(from_=_each(PEER), ports=_each(POLICY_PORT))),
            egress=_each(_closed(to=_each(PEER), ports=_each(POLICY_PORT))),
        ),
    ),
}


def object_problems(thing: Manifest) -> list[str]:
    """What is wrong with an object of one of `KINDS`."""
    errors = jsonschema.Draft7Validator(KINDS[thing["kind"]]).iter_errors(thing)
    return [f"{'.'.join(map(str, error.path))}: {error.message}" for error in errors]
