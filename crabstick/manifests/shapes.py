"""The shapes of manifests, read from tables of fields that people can read as well.

    EnvVar: name!, value, valueFrom: EnvVarSource
    Container: name!, command: [text], env: [EnvVar], tty: flag, ...

A field is text unless something else stands behind it; `!` marks one that must be there. There are
text, number (a whole one), flag, amount (500m, 2Gi), portnumber, port (or its name), lists `[...]`,
maps `{...}`, words to choose from `a|b`, `anything`, and the other parts by their names.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

__all__ = ["Choice", "Kind", "ListOf", "MapOf", "Part", "Plain", "read_tables"]

_FIELD = re.compile(r"([\w-]+)(!?)(?::\s*(\S+))?")


class Plain(Enum):
    """A value without parts."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    AMOUNT = "amount"
    PORT = "port"
    PORT_NUMBER = "portnumber"
    ANYTHING = "anything"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of these words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list whose items are all of one kind."""

    item: "Kind"


@dataclass(frozen=True, slots=True)
class MapOf:
    """Any keys, with values of one kind."""

    value: "Kind"


@dataclass(frozen=True, slots=True)
class Part:
    """A mapping with these fields and no others."""

    name: str
    fields: "Mapping[str, Kind]"
    required: frozenset[str]


Kind = Plain | Choice | ListOf | MapOf | Part


def read_tables(*tables: str) -> dict[str, Part]:
    """The parts that the tables describe, by their names."""
    lines: dict[str, str] = {}
    for table in tables:
        lines.update(_lines(table))
    return {name: _Reader(lines).part(name) for name in lines}


def _lines(table: str) -> Iterator[tuple[str, str]]:
    """A name and its fields; indented lines go on with what the line above began."""
    for line in re.sub(r"\n\s+", " ", table).strip().splitlines():
        name, _, fields = line.partition(":")
        yield name, fields


class _Reader:
    def __init__(self, lines: Mapping[str, str]) -> None:
        self._lines = lines
        self._parts: dict[str, Part] = {}

    def part(self, name: str) -> Part:
        if name not in self._parts:
            found = [_FIELD.fullmatch(field.strip()) for field in self._lines[name].split(",")]
            fields = [match.groups() for match in found if match]
            self._parts[name] = Part(
                name,
                {field: self._kind(kind or Plain.TEXT.value) for field, _, kind in fields},
                frozenset(field for field, mark, _ in fields if mark),
            )
        return self._parts[name]

    def _kind(self, word: str) -> Kind:
        if word[0] == "[":
            return ListOf(self._kind(word[1:-1]))
        if word[0] == "{":
            return MapOf(self._kind(word[1:-1]))
        if "|" in word:
            return Choice(tuple(word.split("|")))
        return self.part(word) if word in self._lines else Plain(word)
