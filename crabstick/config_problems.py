"""From what is wrong with a setting to one sentence: which key, which value, what would be right.

No sentence repeats what may be a secret.
"""

import re
from collections.abc import Collection, Iterator
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from crabstick.near_miss import nearest_key
from crabstick.problems import and_more, expectation, own_words, public, shown

__all__ = ["PREFIX", "known_keys", "meant_variable", "sentence", "unknown_key", "variable_of"]

PREFIX: Final = "CRABSTICK__"
"""How our environment variables begin: CRABSTICK__HTTP__PORT is http.port."""


def known_keys(model: type[BaseModel]) -> tuple[str, ...]:
    """All dotted keys of `model` that hold a value, in the order of the model."""
    return tuple(key for key, is_section in _keys(model, "") if not is_section)


def _keys(model: type[BaseModel], parent: str) -> Iterator[tuple[str, bool]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        is_section = isinstance(kind, type) and issubclass(kind, BaseModel)
        yield parent + name, is_section
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _keys(kind, f"{parent}{name}.")


def variable_of(key: str) -> str:
    """The environment variable that sets the dotted `key`."""
    return PREFIX + key.replace(".", "__").upper()


def meant_variable(name: str, model: type[BaseModel], open_keys: Collection[str]) -> str | None:
    """The variable that sets a key of `model` and differs from `name` in nothing but underscores.

    Args:
        name: an environment variable.
        model: the settings.
        open_keys: the keys below which any key may stand.
    """
    single = _single(name)
    for key in known_keys(model):
        variable = variable_of(key)
        start = _single(variable)
        if single == start:
            return variable
        if key in open_keys and single.startswith(f"{start}_"):
            return f"{variable}__{single.removeprefix(f'{start}_')}"
    return None


def _single(name: str) -> str:
    return re.sub("_+", "_", name.upper())


def unknown_key(key: str, model: type[BaseModel], *, source: str, is_variable: bool) -> str:
    """The sentence about a key that no section has, with the nearest one that exists.

    Args:
        key: the dotted key.
        model: the settings.
        source: the file to blame when it is not a variable.
        is_variable: True when the environment brought it.
    """
    every = [name for name, _ in _keys(model, "")]
    near = nearest_key(key, every)
    if near is not None:
        advice = f"did you mean {variable_of(near) if is_variable else near}?"
    else:
        parent = key.rpartition(".")[0]
        beside = [name for name in every if name.rpartition(".")[0] == parent]
        advice = f"known there: {', '.join(beside) if beside else 'nothing below ' + parent}"
    name = variable_of(key) if is_variable else f"{source}: {key}"
    return public(f"{name} is not a known key; {advice}")


def sentence(
    error: ValidationError,
    model: type[BaseModel],
    *,
    source: str,
    variables: Collection[str] = (),
) -> str:
    """The first finding in words, and how many more there are.

    Args:
        error: what pydantic found.
        model: the settings.
        source: the file or message that holds the values.
        variables: the dotted keys that the environment set instead.
    """
    findings = error.errors(include_url=False)
    return and_more(_finding(findings[0], model, source, variables), len(findings))


def _finding(
    finding: ErrorDetails, model: type[BaseModel], source: str, variables: Collection[str]
) -> str:
    key = ".".join(str(part) for part in finding["loc"])
    is_variable = any(f"{key}.".startswith(f"{name}.") for name in variables)
    kind = finding["type"]
    if kind == "extra_forbidden":
        return unknown_key(key, model, source=source, is_variable=is_variable)
    if kind == "invalid_key":
        return f"{source}: {public(key)} is not a known key; keys are text"
    sections = {name for name, is_section in _keys(model, "") if is_section}
    if kind == "value_error" and key in sections:
        also = " and the environment" if any(name.startswith(key) for name in variables) else ""
        return public(f"{source}{also}: {own_words(finding)}")
    name = variable_of(key) if is_variable else f"{source}: {key}" if key else source
    if key in sections or not key:
        return f"{name} must be a mapping of keys to values"
    return f"{name} is {shown(finding['input'])}; it {expectation(finding)}"
