"""JSON Patch as Kubernetes' API server applies it: a document and operations make another.

Pure. `move` and `copy` are left out: nobody here sends them.

Source: RFC 6902, and evanphx/json-patch v4, which the API server uses: there `replace` adds a
member that is missing. Ray's autoscaler relies on that for `scaleStrategy`.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

__all__ = ["Unpatchable", "patched"]

END = "-"
"""The place after the last one of a list."""


class Unpatchable(Exception):
    """An operation does not fit the document."""


def patched(document: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """A changed copy, in which all operations were carried out.

    Raises:
        Unpatchable: one of them cannot be.
    """
    changed = deepcopy(document)
    for operation in operations:
        try:
            _carry_out(changed, operation)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise Unpatchable(f"{dict(operation)} does not apply: {error!r}") from None
    return changed


def _carry_out(document: Any, operation: Mapping[str, Any]) -> None:
    *way, last = _steps(operation["path"])
    place = document
    for step in way:
        place = place[_key(place, step)]
    match operation["op"]:
        case "test":
            if place[_key(place, last)] != operation["value"]:
                raise ValueError("there is something else")
        case "remove":
            del place[_key(place, last)]
        case "add" if isinstance(place, list):
            place.insert(_position(last, len(place)), deepcopy(operation["value"]))
        case "add" | "replace":
            place[_key(place, last)] = deepcopy(operation["value"])
        case other:
            raise ValueError(f"{other} is not supported")


def _steps(path: str) -> list[str]:
    """The parts of a JSON Pointer (RFC 6901)."""
    root, *steps = path.split("/")
    if root or not steps:
        raise ValueError("a path begins with a slash")
    return [step.replace("~1", "/").replace("~0", "~") for step in steps]


def _key(place: Any, step: str) -> Any:
    return _index(step) if isinstance(place, list) else step


def _position(step: str, length: int) -> int:
    position = length if step == END else _index(step)
    if position > length:
        raise IndexError(step)
    return position


def _index(step: str) -> int:
    if not (step.isascii() and step.isdigit()):  # Python would take -1, too
        raise IndexError(step)
    return int(step)
