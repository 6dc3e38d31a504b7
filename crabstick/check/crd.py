"""The RayCluster held against KubeRay's definition of one, whose schema ships with this package.

The API server drops a field that it does not know; here such a field is a mistake, for it is a slip
of the pen. `tests/contract/kuberay/crd_schema.py` makes the schema.
"""

import gzip
import json
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from crabstick.check.documents import Manifest
from crabstick.check.finding import Finding
from crabstick.check.ray_cluster import Manifests
from crabstick.errors import ConfigError
from crabstick.explain import neighbours, public, shown

__all__ = ["KUBERAY", "SCHEMA", "fields", "schema"]

KUBERAY: Final = "KubeRay 1.7.0"
SCHEMA: Final = files(__package__) / "raycluster.json.gz"
_SHAPES: Final = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "object": "a mapping of fields to values",
    "string": "text",
}


@cache
def schema() -> Manifest:
    """The JSON schema of a RayCluster that knows its fields and no others."""
    made: Manifest = json.loads(gzip.decompress(SCHEMA.read_bytes()))
    return made


def fields(manifests: Manifests) -> Iterator[Finding]:
    """KubeRay knows each field of the RayCluster, and each value fits."""
    errors = Draft7Validator(schema()).iter_errors(manifests.cluster)
    found = dict(each for error in errors for each in _mistakes(error))  # one for each place
    for place, words in found.items():
        yield Finding(public(f"{place} {words}"), ConfigError)


def _mistakes(error: ValidationError) -> Iterator[tuple[str, str]]:
    """Place and words of each."""
    value: Any = error.instance
    rules: Manifest = dict(error.schema)  # type: ignore[arg-type]  # none is a bare flag
    match error.validator:
        case "additionalProperties":
            for name in sorted(set(value) - set(rules["properties"])):
                advice = neighbours(name, rules["properties"])
                words = f"is no field of {KUBERAY}; {advice}"
                yield _dotted((*error.absolute_path, name)), words
        case "required":
            for name in sorted(set(rules["required"]) - set(value)):
                yield _dotted((*error.absolute_path, name)), "is missing"
        case _:
            right = _right(str(error.validator), rules, value)
            yield _dotted(error.absolute_path), f"is {shown(value)}; it must be {right}"


def _right(rule: str, rules: Manifest, value: object) -> str:
    wanted: str | list[str] = rules["type"]
    if rule == "enum":
        return " or ".join(rules["enum"])
    if isinstance(wanted, list):
        return "an amount such as 500m, 2 or 2Gi" if "pattern" in rules else "a port or its name"
    if rule != "type":
        return f"of {rule} {rules[rule]}"
    is_number = wanted == "integer" and str(value).isdecimal()
    if is_number or (wanted == "boolean" and value in {"true", "false"}):
        return f"{_SHAPES[wanted]}: write it without quotes"
    is_bare = wanted == "string" and isinstance(value, bool | int | float)
    return f"{_SHAPES[wanted]}{': write it in quotes' * is_bare}"


def _dotted(route: Iterable[str | int]) -> str:
    """`spec.workerGroupSpecs[0].maxReplicas`; a key with dots of its own stands in brackets."""
    text = ""
    for step in route:
        is_plain = isinstance(step, str) and "." not in step and "/" not in step
        text += f".{step}" if is_plain else f"[{step}]"
    return text.removeprefix(".")
