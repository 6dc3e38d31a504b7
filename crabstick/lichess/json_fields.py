"""Reads one untrusted JSON object: each field is checked for type and size.

No I/O here. Only the two parsers and `responses.py` hold raw JSON; they return typed values.
"""

import math
import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias, TypeVar

from crabstick.rules.lichess_types import GameId, Unexpected

JsonObject: TypeAlias = dict[str, object]
_Parsed = TypeVar("_Parsed")

UNLIMITED_MS: Final = 2_147_483_647
"""Lichess's clock value for "no clock" (a 32-bit maximum), in ms."""

_TEXT_LIMIT = 100  # names, keys, statuses; Lichess's longest are about 30
_QUOTE_LIMIT = 120
_WHY_LIMIT = 200
_GAME_ID = re.compile(r"[A-Za-z0-9]{8}", re.ASCII)

_brief = reprlib.Repr()
_brief.maxstring = 60
_brief.maxother = 60
_brief.maxlong = 30
_brief.maxdict = _brief.maxlist = _brief.maxlevel = 3


class InvalidField(ValueError):
    """A field differs from the API documents; never raised outside this package."""


def quote(value: object) -> str:
    """The value for a log: escaped, 120 characters at most."""
    return _brief.repr(value)[:_QUOTE_LIMIT]


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object whose fields are read by type.

    Args:
        raw: the parsed object.
        name: the object's name in error messages.
    """

    raw: JsonObject
    name: str

    @classmethod
    def of(cls, value: object, name: str) -> "Fields":
        """Wraps a value that should be an object.

        Raises:
            InvalidField: the value is something else.
        """
        if not isinstance(value, dict):
            raise InvalidField(f"{name} is not an object: {quote(value)}")
        return cls(value, name)

    def has(self, key: str) -> bool:
        """Whether the field is present and not null."""
        return self.raw.get(key) is not None

    def child(self, key: str) -> "Fields":
        """The object in a field.

        Raises:
            InvalidField: missing, or not an object.
        """
        return Fields.of(self.raw.get(key), key)

    def text(self, key: str, default: str | None = None, *, limit: int = _TEXT_LIMIT) -> str:
        """A printable text of at most `limit` characters.

        Raises:
            InvalidField: not text, too long, unprintable; or missing without a default.
        """
        value = self.raw.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or len(value) > limit or not value.isprintable():
            raise self.invalid(key, "a short text")
        return value

    def free_text(self, key: str, *, limit: int) -> str:
        """Text written by a person: cut at `limit`, unprintable characters replaced.

        Raises:
            InvalidField: not text.
        """
        value = self.raw.get(key)
        if not isinstance(value, str):
            raise self.invalid(key, "a text")
        return "".join(c if c.isprintable() else "\ufffd" for c in value[:limit])

    def game_id(self, *keys: str) -> GameId:
        """The first of the fields that is present, as an id that is safe in a URL.

        Raises:
            InvalidField: not eight letters and digits.
        """
        key = next((key for key in keys if self.has(key)), keys[0])
        value = self.raw.get(key)
        if not isinstance(value, str) or not _GAME_ID.fullmatch(value):
            raise self.invalid(key, "an id of eight letters and digits")
        return GameId(value)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """A boolean; Lichess omits most that are false.

        Raises:
            InvalidField: not a boolean.
        """
        value = self.raw.get(key, default)
        if not isinstance(value, bool):
            raise self.invalid(key, "true or false")
        return value

    def number(self, key: str) -> int:
        """A whole number, clamped to 0..2147483647.

        Lichess computes times as differences, so a time can be negative for an instant.

        Raises:
            InvalidField: not a finite number.
        """
        value = self.raw.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.invalid(key, "a number")
        if isinstance(value, float) and not math.isfinite(value):
            raise self.invalid(key, "a finite number")
        return int(max(0, min(value, UNLIMITED_MS)))

    def milliseconds(self, key: str) -> timedelta:
        """A duration that Lichess sends in ms.

        Raises:
            InvalidField: not a finite number.
        """
        return timedelta(milliseconds=self.number(key))

    def seconds(self, key: str) -> timedelta:
        """A duration that Lichess sends in whole seconds.

        Raises:
            InvalidField: not a finite number.
        """
        return timedelta(seconds=self.number(key))

    def invalid(self, key: str, wanted: str) -> InvalidField:
        """The error for a field that does not match `wanted`."""
        found = quote(self.raw[key]) if key in self.raw else "missing"
        return InvalidField(f"{self.name}.{key} is not {wanted}: {found}")


def parse_or_unexpected(parse: Callable[[object], _Parsed], raw: object) -> _Parsed | Unexpected:
    """The parsed value; `Unexpected` for an invalid field, or when `raw` already is one."""
    if isinstance(raw, Unexpected):
        return raw
    try:
        return parse(raw)
    except InvalidField as odd:
        return Unexpected(why=str(odd)[:_WHY_LIMIT])


def parse_by_type(
    raw: object, parsers: Mapping[str, Callable[[Fields], _Parsed]]
) -> _Parsed | Unexpected:
    """Parses an object by its `type`; an unknown type is `Unexpected`."""

    def parse(value: object) -> _Parsed | Unexpected:
        line = Fields.of(value, "line")
        parser = parsers.get(line.text("type"))
        if parser is None:
            why = f"unknown type {quote(line.raw['type'])}"
            return Unexpected(why=why[:_WHY_LIMIT], is_harmless=True)
        return parser(line)

    return parse_or_unexpected(parse, raw)
