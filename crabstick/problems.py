"""Pydantic's findings in words that a person can act on, for every file that a user writes.

No sentence repeats what may be a secret.
"""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from reprlib import Repr
from typing import Final

from pydantic_core import ErrorDetails

from crabstick.near_miss import nearest

__all__ = ["and_more", "expectation", "neighbours", "own_words", "public", "shown"]

_TOKEN = re.compile(r"lip_\w+")
_SECRET = re.compile(r"@|\b(?=\w*[0-9])(?=\w*[A-Za-z])\w{12,}")
"""A user name in a URL, or a long word of letters and digits."""
_WORDS: Final = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping",
    "list_type": "must be a list",
    "model_type": "must be a mapping of keys to values",
    "string_type": "must be text",
}
_REPR = Repr()
_REPR.maxstring = _REPR.maxother = 80


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


def expectation(finding: ErrorDetails) -> str:
    """What would be right, to follow "<key> is <value>; it"."""
    if finding["type"] == "value_error":
        return public(own_words(finding))
    return _WORDS.get(finding["type"]) or finding["msg"].replace("Input should be", "must be")


def own_words(finding: ErrorDetails) -> str:
    """What a validator of ours said."""
    context: Mapping[str, object] = finding.get("ctx", {})
    return str(context.get("error", finding["msg"]))


def neighbours(word: str, known: Collection[str]) -> str:
    """The advice about a word that is none of `known`: the nearest one, else all."""
    near = nearest(word, known)
    return f"did you mean {near}?" if near else f"known there: {', '.join(known)}"


def and_more(first: str, findings: int) -> str:
    """The first of so many findings, and how many more there are."""
    more = findings - 1
    return f"{first} (and {more} more problem{'s' * (more > 1)})" if more else first
