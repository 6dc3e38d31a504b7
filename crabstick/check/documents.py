"""Kubernetes objects as plain values: from a file, a kustomize folder, or standard input."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from crabstick.check.kubectl import rendered
from crabstick.errors import ConfigError
from crabstick.read_text import read_text
from crabstick.yaml_file import read_documents

Manifest = Mapping[str, Any]
"""Fields of an object, or of a part of one, as YAML has them."""
STANDARD_INPUT: Final = "-"
KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_LARGEST: Final = 10_000_000


def at(value: Any, route: str, default: Any = None) -> Any:  # noqa: ANN401 -- a value of YAML
    """What stands at the dotted route, such as `spec.containers.0.image`.

    The default stands for what is not there, and for what is of another type than the default.
    """
    try:
        for step in route.split("."):
            value = value[int(step) if isinstance(value, list) else step]
    except (LookupError, TypeError, ValueError):
        return default
    return value if default is None or isinstance(value, type(default)) else default


def read_manifests(place: str) -> list[Manifest]:
    """The objects at `place`: a path, or `-` for standard input.

    Raises:
        ConfigError: nothing of that kind is there, or it cannot be read or rendered.
        EnvironmentProblem: it is a folder, and there is no program to render it.
    """
    path = Path("/dev/stdin" if place == STANDARD_INPUT else place)
    if path.name in KUSTOMIZATIONS:
        path = path.parent
    if not path.is_dir():
        return read_objects(read_text(path, named_by="the manifest", limit=_LARGEST), str(path))
    if not any((path / name).is_file() for name in KUSTOMIZATIONS):
        raise ConfigError(
            f"{path} is a folder without {KUSTOMIZATIONS[0]}: name a file or a kustomize folder"
        )
    return read_objects(rendered(path), place)


def read_objects(text: str, source: str) -> list[Manifest]:
    """The objects of YAML or JSON, those of a List one by one; `source` names it in sentences.

    Raises:
        ConfigError: the text holds no YAML, or something else than objects.
    """
    try:
        values = [_bare(value) for value in read_documents(text, source) if value is not None]
    except RecursionError:
        raise ConfigError(f"{source}: an alias (*name) stands within its own anchor") from None
    lists = [at(value, "items", []) if at(value, "kind") == "List" else [value] for value in values]
    objects = [each for several in lists for each in several]
    if not all(isinstance(each, dict) for each in objects):
        raise ConfigError(f"{source}: a manifest must be a mapping with kind and metadata")
    return objects


def _bare(value: Any) -> Any:  # noqa: ANN401 -- a value of YAML
    """As Kubernetes reads it: a field that is null is not there."""
    if isinstance(value, dict):
        return {str(key): _bare(each) for key, each in value.items() if each is not None}
    return [_bare(each) for each in value] if isinstance(value, list) else value
