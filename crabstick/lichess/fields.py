"""Reading one untrusted JSON object: each field is checked for type and size, or is `Odd`.

No I/O here. Only `events.py` and `answers.py` hold raw JSON; what leaves them is typed.
"""

import math
import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias, TypeVar

from crabstick.rules.model import GameId, Unexpected

__all__ = ["UNLIMITED_MS", "Fields", "JsonObject", "Odd", "attempt", "by_type", "quote"]

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


class Odd(ValueError):
    """A field that is not as the API documents promise; it never leaves this package."""


def quote(value: object) -> str:
    """The value as a log may show it: escaped, and 120 characters at most."""
    return _brief.repr(value)[:_QUOTE_LIMIT]


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object whose fields are read by type.

    Args:
        raw: the object as it was parsed.
        name: what to call it in a complaint.
    """

    raw: JsonObject
    name: str

    @classmethod
    def of(cls, value: object, name: str) -> "Fields":
        """The reader of a value that ought to be an object.

        Raises:
            Odd: it is something else.
        """
        if not isinstance(value, dict):
            raise Odd(f"{name} is no object but {quote(value)}")
        return cls(value, name)

    def has(self, key: str) -> bool:
        """Whether the field is there and not null."""
        return self.raw.get(key) is not None

    def child(self, key: str) -> "Fields":
        """The object in this field.

        Raises:
            Odd: it is missing or no object.
        """
        return Fields.of(self.raw.get(key), key)

    def text(self, key: str, default: str | None = None, *, limit: int = _TEXT_LIMIT) -> str:
        """A printable text of at most `limit` characters.

        Raises:
            Odd: no text, too long, unprintable; or missing without a default.
        """
        value = self.raw.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or len(value) > limit or not value.isprintable():
            raise self.odd(key, "a short text")
        return value

    def speech(self, key: str, *, limit: int) -> str:
        """What a person wrote: cut at `limit`, unprintable characters replaced.

        Raises:
            Odd: no text.
        """
        value = self.raw.get(key)
        if not isinstance(value, str):
            raise self.odd(key, "a text")
        return "".join(c if c.isprintable() else "\ufffd" for c in value[:limit])

    def game_id(self, *keys: str) -> GameId:
        """The first of the fields that is there, as an id safe to write into an address.

        Raises:
            Odd: not eight letters and digits.
        """
        key = next((key for key in keys if self.has(key)), keys[0])
        value = self.raw.get(key)
        if not isinstance(value, str) or not _GAME_ID.fullmatch(value):
            raise self.odd(key, "an id of eight letters and digits")
        return GameId(value)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """A boolean; Lichess leaves most false ones out.

        Raises:
            Odd: something else.
        """
        value = self.raw.get(key, default)
        if not isinstance(value, bool):
            raise self.odd(key, "true or false")
        return value

    def number(self, key: str) -> int:
        """A whole number, held within 0 and 2147483647.

        Lichess computes times as differences, so a few are below zero for an instant.

        Raises:
            Odd: no finite number.
        """
        value = self.raw.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.odd(key, "a number")
        if isinstance(value, float) and not math.isfinite(value):
            raise self.odd(key, "a finite number")
        return int(max(0, min(value, UNLIMITED_MS)))

    def milliseconds(self, key: str) -> timedelta:
        """A duration that Lichess writes in ms.

        Raises:
            Odd: no finite number.
        """
        return timedelta(milliseconds=self.number(key))

    def seconds(self, key: str) -> timedelta:
        """A duration that Lichess writes in whole seconds.

        Raises:
            Odd: no finite number.
        """
        return timedelta(seconds=self.number(key))

    def odd(self, key: str, wanted: str) -> Odd:
        """The complaint about a field that is not what was wanted."""
        found = quote(self.raw[key]) if key in self.raw else "missing"
        return Odd(f"{self.name}.{key} is not {wanted}: {found}")


def attempt(parse: Callable[[object], _Parsed], raw: object) -> _Parsed | Unexpected:
    """What `parse` makes of the value; `Unexpected` when it is `Odd`, or was so from the start."""
    if isinstance(raw, Unexpected):
        return raw
    try:
        return parse(raw)
    except Odd as odd:
        return Unexpected(why=str(odd)[:_WHY_LIMIT])


def by_type(
    raw: object, parsers: Mapping[str, Callable[[Fields], _Parsed]]
) -> _Parsed | Unexpected:
    """What the parser for the object's `type` makes of it; an unknown type is `Unexpected`."""

    def parse(value: object) -> _Parsed | Unexpected:
        line = Fields.of(value, "line")
        parser = parsers.get(line.text("type"))
        if parser is None:
            why = f"unknown type {quote(line.raw['type'])}"
            return Unexpected(why=why[:_WHY_LIMIT], is_harmless=True)
        return parser(line)

    return attempt(parse, raw)
