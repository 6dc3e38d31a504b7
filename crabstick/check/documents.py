"""Kubernetes objects as plain values: from a file, a kustomize folder, or standard input."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from crabstick.check.kubectl import rendered
from crabstick.errors import ConfigError
from crabstick.read_text import read_text
from crabstick.yaml_file import read_documents

__all__ = [
    "STANDARD_INPUT",
    "Manifest",
    "below",
    "items",
    "metadata",
    "read_manifests",
    "read_objects",
]

Manifest = Mapping[str, Any]
"""Fields of an object, or of a part of one, as YAML has them."""
STANDARD_INPUT: Final = "-"
KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_LARGEST: Final = 10_000_000


def below(value: Any, *route: str) -> Any:  # noqa: ANN401 -- a value of YAML
    """What stands there; None when nothing does."""
    for step in route:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def items(value: object, *route: str) -> list[Any]:
    """What the list there holds; nothing when there is no list."""
    found = below(value, *route)
    return found if isinstance(found, list) else []


def metadata(thing: Manifest, field: str) -> str:
    """Name or namespace of the object; empty when it does not say."""
    return str(below(thing, "metadata", field) or "")


def read_manifests(place: str) -> list[Manifest]:
    """The objects at `place`: a path, or `-` for standard input.

    Raises:
        ConfigError: nothing of that kind is there, or it cannot be read or rendered.
        EnvironmentProblem: it is a folder, and there is no program to render it.
    """
    if not place:
        raise ConfigError("the manifest has an empty name: name a file, a folder, or - for a pipe")
    path = Path("/dev/stdin" if place == STANDARD_INPUT else place)
    if path.name in KUSTOMIZATIONS:
        path = path.parent
    if not path.is_dir():
        return read_objects(read_text(path, named_by="the manifest", limit=_LARGEST), str(path))
    if not any((path / name).is_file() for name in KUSTOMIZATIONS):
        raise ConfigError(
            f"{place} is a folder without {KUSTOMIZATIONS[0]}: name a file, or a folder that "
            "kustomize can render"
        )
    return read_objects(rendered(path), place)


def read_objects(text: str, source: str) -> list[Manifest]:
    """The objects of YAML or JSON, those of a List one by one; `source` names it in sentences.

    Raises:
        ConfigError: the text holds no YAML, or something else than objects.
    """
    values = read_documents(text, source)
    return [each for value in values for each in _objects(value, source)]


def _objects(value: object, source: str) -> Iterator[Manifest]:
    if value is not None and not isinstance(value, dict):
        raise ConfigError(f"{source}: a manifest must be a mapping with kind and metadata")
    if below(value, "kind") == "List":
        for item in items(value, "items"):
            yield from _objects(item, source)
    elif value is not None:
        yield _bare(value)


def _bare(value: Any) -> Any:  # noqa: ANN401 -- a value of YAML
    """As Kubernetes reads it: a field that is null is not there."""
    if isinstance(value, dict):
        return {str(key): _bare(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_bare(each) for each in value]
    return value
