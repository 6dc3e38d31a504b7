"""Checks the RayCluster against KubeRay's definition, whose schema ships with this package.

The API server drops a field that it does not know. Such a field is a typo, and a mistake here.
`tests/contract/kuberay/crd_schema.py` makes the schema.
"""

import gzip
import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from crabstick.check.finding import Finding, mistake
from crabstick.check.manifests import Manifest, Manifests
from crabstick.explain import dotted, neighbours, public, shown

KUBERAY: Final = "KubeRay 1.7.0"
SCHEMA: Final = files(__package__) / "raycluster.json.gz"
_SHAPES: Final = {
    "array": "a list",
    "boolean": "true or false, without quotes",
    "integer": "a whole number, without quotes",
    "object": "a mapping of fields to values",
    "string": "text, in quotes",
}


@cache
def schema() -> Manifest:
    """The JSON schema of a RayCluster that knows its fields and no others."""
    made: Manifest = json.loads(gzip.decompress(SCHEMA.read_bytes()))
    return made


def fields(manifests: Manifests) -> Iterator[Finding]:
    """Checks that KubeRay knows each field of the RayCluster, and that each value fits."""
    errors = Draft7Validator(schema()).iter_errors(manifests.cluster)
    found = dict(each for error in errors for each in _problems(error))  # one for each place
    yield from (mistake(public(f"{place} {words}")) for place, words in found.items())


def _problems(error: ValidationError) -> Iterator[tuple[str, str]]:
    """The place and the words of each problem."""
    value: Any = error.instance
    rules: Manifest = dict(error.schema)  # type: ignore[arg-type]  # none is a bare flag
    match error.validator:
        case "additionalProperties":
            for name in sorted(set(value) - set(rules["properties"])):
                advice = neighbours(name, rules["properties"])
                yield dotted((*error.absolute_path, name)), f"is no field of {KUBERAY}; {advice}"
        case "required":
            for name in sorted(set(rules["required"]) - set(value)):
                yield dotted((*error.absolute_path, name)), "is missing"
        case rule:
            right = _right(str(rule), rules)
            yield dotted(error.absolute_path), f"is {shown(value)}; it must be {right}"


def _right(rule: str, rules: Manifest) -> str:
    if rule == "enum":
        return " or ".join(rules["enum"])
    if isinstance(rules["type"], list):
        return "an amount such as 500m, 2 or 2Gi" if "pattern" in rules else "a port or its name"
    return _SHAPES[rules["type"]] if rule == "type" else f"of {rule} {rules[rule]}"
