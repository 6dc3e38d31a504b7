"""Parses the untrusted lines of a game stream into `rules.lichess_types`, field by field.

No I/O here, and no exception leaves the functions that parse a line: what we cannot read becomes
`Unexpected`. Every time in a game stream is in ms, in `gameFull.state` and in `gameState` alike.
Source: Lichess API, "Stream Bot game state".
"""

import math
import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias, TypeVar

import chess

from crabstick.rules.lichess_types import (
    ChatLine,
    Clock,
    GameFull,
    GameId,
    GameLine,
    GameState,
    LichessPlayer,
    OpponentGone,
    Unexpected,
)

JsonObject: TypeAlias = dict[str, object]
_Parsed = TypeVar("_Parsed")

FEN_LIMIT = 200  # full pockets make a crazyhouse FEN longer than any other
UNLIMITED_MS: Final = 2_147_483_647
"""Lichess's clock value for "no clock" (a 32-bit maximum), in ms."""

_TEXT_LIMIT = 100  # names, keys, statuses; Lichess's longest are about 30
_CHAT_LIMIT = 500  # Lichess allows 140; its own notices may be longer
_GAME_ID = re.compile(r"[A-Za-z0-9]{8}", re.ASCII)
_UCI = r"(?:(?:[a-h][1-8]){2}[a-z]?|[A-Z]@[a-h][1-8])"
_MOVES = re.compile(f"(?:{_UCI}(?: {_UCI})*)?", re.ASCII)
_COLORS = {"white": chess.WHITE, "black": chess.BLACK}


class InvalidField(ValueError):
    """A field differs from the API documents; never raised outside this package."""


def quote(value: object) -> str:
    """The value for a log: escaped, 120 characters at most."""
    return reprlib.repr(value)[:120]


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object whose fields are read by type; each reader may raise InvalidField.

    Args:
        raw: the parsed object.
        name: the object's name in error messages.
    """

    raw: JsonObject
    name: str

    @classmethod
    def of(cls, value: object, name: str) -> "Fields":
        """Wraps a value that should be an object."""
        if not isinstance(value, dict):
            raise InvalidField(f"{name} is not an object: {quote(value)}")
        return cls(value, name)

    def has(self, key: str) -> bool:
        """Whether the field is present and not null."""
        return self.raw.get(key) is not None

    def child(self, key: str) -> "Fields":
        """The object in a field."""
        return Fields.of(self.raw.get(key), key)

    def text(self, key: str, default: str | None = None, *, limit: int = _TEXT_LIMIT) -> str:
        """A printable text of at most `limit` characters; invalid when missing, or longer."""
        value = self.raw.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or len(value) > limit or not value.isprintable():
            raise self.invalid(key, "a short text")
        return value

    def free_text(self, key: str, *, limit: int) -> str:
        """Text written by a person: cut at `limit`, unprintable characters replaced."""
        value = self.raw.get(key)
        if not isinstance(value, str):
            raise self.invalid(key, "a text")
        return "".join(c if c.isprintable() else "\ufffd" for c in value[:limit])

    def game_id(self, *keys: str) -> GameId:
        """The first of the fields that is present, as an id that is safe in a URL."""
        key = next((key for key in keys if self.has(key)), keys[0])
        value = self.raw.get(key)
        if not isinstance(value, str) or not _GAME_ID.fullmatch(value):
            raise self.invalid(key, "an id of eight letters and digits")
        return GameId(value)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """A boolean; Lichess omits most that are false."""
        value = self.raw.get(key, default)
        if not isinstance(value, bool):
            raise self.invalid(key, "true or false")
        return value

    def number(self, key: str) -> int:
        """A whole number, clamped to 0..2147483647.

        Lichess computes times as differences, so a time can be negative for an instant.
        """
        value = self.raw.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.invalid(key, "a number")
        if isinstance(value, float) and not math.isfinite(value):
            raise self.invalid(key, "a finite number")
        return int(max(0, min(value, UNLIMITED_MS)))

    def milliseconds(self, key: str) -> timedelta:
        """A duration that Lichess sends in ms."""
        return timedelta(milliseconds=self.number(key))

    def seconds(self, key: str) -> timedelta:
        """A duration that Lichess sends in whole seconds."""
        return timedelta(seconds=self.number(key))

    def color(self, key: str) -> chess.Color:
        """White or black."""
        color = _COLORS.get(self.text(key))
        if color is None:
            raise self.invalid(key, "white or black")
        return color

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
        return Unexpected(why=str(odd)[:200])


def parse_by_type(
    raw: object, parsers: Mapping[str, Callable[[Fields], _Parsed]]
) -> _Parsed | Unexpected:
    """Parses an object by its `type`; an unknown type is `Unexpected`."""

    def parse(value: object) -> _Parsed | Unexpected:
        line = Fields.of(value, "line")
        parser = parsers.get(line.text("type"))
        if parser is None:
            return Unexpected(why=f"unknown type {quote(line.raw['type'])}", is_harmless=True)
        return parser(line)

    return parse_or_unexpected(parse, raw)


def parse_line(raw: object) -> GameLine:
    """Parses one line of a game stream; an unknown type is `Unexpected`.

    The moves have the form of UCI moves; the caller checks that they are legal.
    """
    return parse_by_type(raw, _LINES)


def _game_full(line: Fields) -> GameFull:
    return GameFull(
        id=line.game_id("id"),
        variant=line.child("variant").text("key"),
        rated=line.flag("rated"),
        speed=line.text("speed"),
        white=player(line.child("white")),
        black=player(line.child("black")),
        initial_fen=line.text("initialFen", "startpos", limit=FEN_LIMIT),
        clock=_clock(line.child("clock")) if line.has("clock") else None,
        state=_game_state(line.child("state")),
        is_tournament=line.has("tournamentId"),
    )


def _clock(clock: Fields) -> Clock:
    return Clock(initial=clock.milliseconds("initial"), increment=clock.milliseconds("increment"))


def _game_state(fields: Fields) -> GameState:
    moves = fields.raw.get("moves")
    if not isinstance(moves, str) or not _MOVES.fullmatch(moves):
        raise fields.invalid("moves", "a list of UCI moves")
    return GameState(
        moves=tuple(moves.split()),
        white_time=_clock_time(fields, "wtime"),
        black_time=_clock_time(fields, "btime"),
        white_increment=fields.milliseconds("winc"),
        black_increment=fields.milliseconds("binc"),
        status=fields.text("status"),
        winner=fields.color("winner") if fields.has("winner") else None,
        white_draw=fields.flag("wdraw"),
        black_draw=fields.flag("bdraw"),
    )


def _clock_time(fields: Fields, key: str) -> timedelta | None:
    time_ms = fields.number(key)
    return None if time_ms >= UNLIMITED_MS else timedelta(milliseconds=time_ms)


def _opponent_gone(line: Fields) -> OpponentGone:
    counting = line.has("claimWinInSeconds")
    return OpponentGone(
        gone=line.flag("gone"),
        claim_win_in=line.seconds("claimWinInSeconds") if counting else None,
    )


def _chat_line(line: Fields) -> ChatLine:
    return ChatLine(
        username=line.text("username"),
        text=line.free_text("text", limit=_CHAT_LIMIT),
        room=line.text("room"),
    )


def player(fields: Fields) -> LichessPlayer:
    """Parses one side of a game: a user, `{"aiLevel": n}`, or `{}` for an anonymous player."""
    if fields.has("aiLevel"):
        return LichessPlayer(name=f"Stockfish level {fields.number('aiLevel')}")
    rating = fields.number("rating") if fields.has("rating") else None
    return LichessPlayer(
        name=fields.text("name", ""), title=fields.text("title", "") or None, rating=rating
    )


_LINES: Mapping[str, Callable[[Fields], GameLine]] = {
    "gameFull": _game_full,
    "gameState": _game_state,
    "opponentGone": _opponent_gone,
    "chatLine": _chat_line,
}
