"""Our tables of fields against KubeRay's schema: no right field is refused, no wrong one known."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from crabstick.manifests.fields import RAY_CLUSTER
from crabstick.manifests.shapes import Choice, Kind, ListOf, MapOf, Part, Plain
from tests.contract.manifests import REPOSITORY, Manifest

Place = tuple[str, str]
"""A dotted path, and what may stand there."""

OF_THE_API_SERVER = ("metadata", "status")
DEFAULTED = frozenset({"maxReplicas", "minReplicas"})
"""The schema requires them and fills them in as well."""
NEEDED_LATER = frozenset({"containers"})
"""A rule of ours tells it better: Ray runs in the first."""
OF_KUBERNETES = ("imagePullPolicy", "protocol")
"""Any text to KubeRay, one of few words to Kubernetes."""
WIDER = {Plain.PORT: "amount", Plain.PORT_NUMBER: "number"}
CREATED = "creationTimestamp"
"""Written by many tools, as null; the API server drops it."""


@pytest.fixture(scope="module")
def schema() -> Manifest:
    beside = REPOSITORY.parent / "shared" / "kuberay-crds"
    file = Path(os.environ.get("KUBERAY_CRDS", beside)) / "ray.io_rayclusters.yaml"
    if not file.exists():
        pytest.skip(f"KubeRay's CRDs are not at {file}; set KUBERAY_CRDS to their folder")
    definition = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    (found,) = [each for each in definition["spec"]["versions"] if each["name"] == "v1"]
    read: Manifest = found["schema"]["openAPIV3Schema"]
    return read


def ours(kind: Kind, path: str = "") -> Iterator[Place]:
    match kind:
        case Part(name="StartParameters"):  # free words to KubeRay
            yield path, "map"
            yield f"{path}{{}}", "text"
        case Part():
            yield path, "part"
            for name, below in kind.fields.items():
                yield from ours(below, f"{path}.{name}")
        case ListOf():
            yield path, "list"
            yield from ours(kind.item, f"{path}[]")
        case MapOf():
            yield path, "map"
            yield from ours(kind.value, f"{path}{{}}")
        case Choice():
            is_told = path.rpartition(".")[2] in OF_KUBERNETES
            yield path, "text" if is_told else "|".join(kind.words)
        case Plain():
            yield path, WIDER.get(kind, kind.value)


def theirs(schema: Any, path: str = "") -> Iterator[Place]:
    if schema.get("x-kubernetes-int-or-string") or "anyOf" in schema:
        yield path, "amount"
    elif "properties" in schema:
        yield path, "part"
        for name, below in schema["properties"].items():
            yield from theirs(below, f"{path}.{name}")
    elif schema.get("items"):
        yield path, "list"
        yield from theirs(schema["items"], f"{path}[]")
    elif schema.get("additionalProperties"):
        yield path, "map"
        yield from theirs(schema["additionalProperties"], f"{path}{{}}")
    elif "enum" in schema and schema["type"] == "string":
        yield path, "|".join(schema["enum"])
    else:
        words = {"string": "text", "integer": "number", "boolean": "flag", "object": "anything"}
        yield path, words[schema["type"]]


def of_the_spec(places: Iterator[Place]) -> dict[str, str]:
    return {path: kind for path, kind in places if path.startswith(".spec")}


def is_open(path: str, known: dict[str, str]) -> bool:
    """Whether it lies in something that we do not look into."""
    parts = path.replace("[]", ".[]").replace("{}", ".{}").split(".")
    around = (".".join(parts[:end]).replace(".[]", "[]") for end in range(len(parts), 0, -1))
    return any(known.get(place) == "anything" for place in around)


def test_every_field_of_kuberay_is_known_as_what_it_is(schema: Manifest) -> None:
    known = of_the_spec(ours(RAY_CLUSTER))
    wanted = of_the_spec(theirs(schema))
    assert len(wanted) > 2000
    wrong = {
        path: (kind, known.get(path))
        for path, kind in wanted.items()
        if known.get(path) != kind and not is_open(path, known)
    }
    assert wrong == {}


def test_no_field_is_known_that_kuberay_has_not(schema: Manifest) -> None:
    wanted = of_the_spec(theirs(schema))
    more = [path for path in of_the_spec(ours(RAY_CLUSTER)) if path not in wanted]
    assert [path for path in more if not path.endswith(f".{CREATED}")] == []


def required(kind: Kind, path: str = "") -> Iterator[str]:
    if isinstance(kind, ListOf):
        yield from required(kind.item, f"{path}[]")
    if isinstance(kind, Part):
        for name, below in kind.fields.items():
            if name in kind.required:
                yield f"{path}.{name}"
            yield from required(below, f"{path}.{name}")


def required_there(schema: Any, path: str = "") -> Iterator[str]:
    if "items" in schema:
        yield from required_there(schema["items"], f"{path}[]")
    for name, below in schema.get("properties", {}).items():
        if name in schema.get("required", ()):
            yield f"{path}.{name}"
        yield from required_there(below, f"{path}.{name}")


def test_what_must_be_there_is_what_kuberay_requires(schema: Manifest) -> None:
    known = of_the_spec(ours(RAY_CLUSTER))
    mine = {path for path in required(RAY_CLUSTER) if path.startswith(".spec.")}
    needed = {
        path
        for path in required_there(schema)
        if path.startswith(".spec.")
        and path.rpartition(".")[2] not in DEFAULTED | NEEDED_LATER
        and not is_open(path, known)
    }
    assert mine == needed
