"""The YAML file as plain values, with the complaints that YAML itself does not make.

A key that stands twice is an error (PyYAML takes the last), so are aliases (a small file can
grow without bound through them), and a token that was written into the file.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import yaml

from crabstick.errors import ConfigError
from crabstick.problems import public
from crabstick.small_files import read_small

__all__ = ["misplaced_secret", "read_file"]

_UNREADABLE: Final = (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError)
"""What PyYAML raises over values that are not what their tags promise."""
_LARGEST_FILE = 1_000_000
_DEEPEST = 20
_LICHESS_ADVICE = (
    "a token does not belong into the configuration; put it into the environment variable "
    "LICHESS_BOT_TOKEN, or into a file of its own that lichess.token_file names"
)
_ADMIN_ADVICE = (
    "a token does not belong into the configuration; put it into the environment variable "
    "CRABSTICK_ADMIN_TOKEN, or into a file of its own that http.admin_token_file names"
)


def read_file(path: Path) -> dict[str, object]:
    """The sections of the file at `path`; an empty section is an empty mapping.

    Raises:
        ConfigError: no file, no YAML, no mapping, a key twice, or a token inside.
    """
    text = read_small(path, named_by="the configuration file", limit=_LARGEST_FILE)
    try:
        values = _parse(text, path)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = public(error.problem or "this is no YAML")
        raise ConfigError(f"{path}, line {line}: {problem}") from None
    except _UNREADABLE:  # control characters; a date such as 2026-99-99; !!bool maybe
        raise ConfigError(f"{path} holds something that YAML cannot read") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must be a mapping of sections such as lichess: and engine:")
    secret = misplaced_secret(values)
    if secret:
        raise ConfigError(f"{path}: {secret}")
    return {key: {} if value is None else value for key, value in values.items()}


def _parse(text: str, path: Path) -> object:
    _refuse_bombs(text, path)
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        for key, first, second in _twice(root, "") if root else ():
            lines = f"line {first}" if first == second else f"lines {first} and {second}"
            problem = f"{key} stands twice, in {lines}; keep one of them"
            raise ConfigError(public(f"{path}: {problem}"))
        values: object = root and loader.construct_document(root)
        return {} if values is None else values
    finally:
        loader.dispose()


def _refuse_bombs(text: str, path: Path) -> None:
    """Stops at the first event that makes a small file costly, before anything is built of it."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        problem = "aliases (*name) are not read" if isinstance(event, yaml.AliasEvent) else None
        if depth > _DEEPEST:
            problem = "this is nested too deeply for a configuration"
        if problem:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise ConfigError(f"{path}, line {line}: {problem}")


def _twice(node: yaml.Node, parent: str) -> Iterator[tuple[str, int, int]]:
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        name = str(key.value)
        line = key.start_mark.line + 1
        if name in lines:
            yield parent + name, lines[name], line
        lines[name] = line
        yield from _twice(value, f"{parent}{name}.")


def misplaced_secret(values: Mapping[str, object]) -> str | None:
    """The sentence about a token among the values, without the token; None when there is none."""
    for key in _all_keys(values, ""):
        folded = key.casefold()
        if folded == "token" or (folded.startswith("lichess.") and folded.endswith(".token")):
            return f"{key}: {_LICHESS_ADVICE}"
        if folded in {"admin_token", "http.admin_token"}:
            return f"{key}: {_ADMIN_ADVICE}"
    return None


def _all_keys(values: object, parent: str) -> Iterator[str]:
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield f"{parent}{key}"
            yield from _all_keys(value, f"{parent}{key}.")
    elif isinstance(values, list):
        for value in values:
            yield from _all_keys(value, parent)
