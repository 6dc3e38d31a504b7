"""From pydantic's findings to one sentence: which key, which value, what would be right.

No sentence repeats what may be a secret.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from reprlib import Repr
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from crabstick.near_miss import nearest_key

__all__ = ["PREFIX", "known_keys", "public", "sentence", "shown", "unknown_key", "variable_of"]

PREFIX: Final = "CRABSTICK__"
"""How our environment variables begin: CRABSTICK__HTTP__PORT is http.port."""
_TOKEN = re.compile(r"lip_\w+")
_SECRET = re.compile(r"@|\b(?=\w*[0-9])(?=\w*[A-Za-z])\w{12,}")
"""A user name in a URL, or a long word of letters and digits."""
_WORDS: Final = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
}
_REPR = Repr()
_REPR.maxstring = _REPR.maxother = 80


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


def public(text: str) -> str:
    """`text` without anything that looks like a Lichess token."""
    return _TOKEN.sub("lip_(hidden)", text)


def shown(value: object) -> str:
    """`value` as a short quotation; what may be a secret, or hold one, is only described."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple) and any(isinstance(item, Mapping | list) for item in value):
        return "a list"
    text = _REPR.repr(str(value) if isinstance(value, Path) else value)
    return "(not shown)" if _SECRET.search(text) else public(text)


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
    first = _finding(findings[0], model, source, variables)
    more = len(findings) - 1
    return f"{first} (and {more} more problem{'s' * (more > 1)})" if more else first


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
        return public(f"{source}{also}: {_own_words(finding)}")
    name = variable_of(key) if is_variable else f"{source}: {key}" if key else source
    if key in sections or not key:
        return f"{name} must be a mapping of keys to values"
    return f"{name} is {shown(finding['input'])}; it {_expectation(finding)}"


def _expectation(finding: ErrorDetails) -> str:
    if finding["type"] == "value_error":
        return public(_own_words(finding))
    return _WORDS.get(finding["type"]) or finding["msg"].replace("Input should be", "must be")


def _own_words(finding: ErrorDetails) -> str:
    context: Mapping[str, object] = finding.get("ctx", {})
    return str(context.get("error", finding["msg"]))
