"""Parses the form of a new challenge: the clocks, variants and rules that Lichess allows.

Pure. Every mistake is a *double* form error: the field appears twice in the response.
Source: Lichess API, "Create a challenge".
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal, TypeAlias

import chess

from crabstick.sandbox.errors import form_error
from crabstick.sandbox.vocabulary import VARIANTS, Speed, Variant, speed_of

ColorWish: TypeAlias = Literal["white", "black", "random"]

_SHORT_LIMITS_S = frozenset({0, 15, 30, 45, 60, 90})
_LONGEST_LIMIT_S = 10_800
_LONGEST_INCREMENT_S = 60
_DAYS = frozenset({1, 2, 3, 5, 7, 10, 14})
_RULES = ("noAbort", "noRematch", "noGiveTime", "noClaimWin", "noEarlyDraw")
_BAD_FEN = "Invalid FEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of a game; without limit, increment and days it has no clock."""

    variant: Variant
    rated: bool = False
    color: ColorWish = "random"
    limit: timedelta | None = None
    increment: timedelta | None = None
    days: int | None = None
    initial_fen: str | None = None
    rules: tuple[str, ...] = ()
    keep_alive: bool = False
    """Whether the challenger holds a stream open, so that the challenge does not expire."""

    @property
    def speed(self) -> Speed:
        """The speed by Lichess's formula; correspondence without a clock."""
        if self.limit is None or self.increment is None:
            return "correspondence"
        return speed_of(self.limit, self.increment)

    @property
    def perf(self) -> str:
        """The rating category of the game."""
        return self.speed if self.variant.key in {"standard", "fromPosition"} else self.variant.key

    @property
    def is_real_time(self) -> bool:
        """Whether the game has a clock; only such challenges expire."""
        return self.limit is not None

    def starting_from(self, fen: str) -> "Terms":
        """The same terms with a start position."""
        return replace(self, initial_fen=fen)


def read_terms(form: Mapping[str, str]) -> Terms:
    """Parses a challenge form.

    Raises:
        ApiError: 400, with the field.
    """
    variant, fen = _variant(form)
    limit, increment = _clock(form)
    terms = Terms(
        variant=variant,
        rated=_flag(form, "rated"),
        color=_color(form),
        limit=limit,
        increment=increment,
        days=_days(form) if limit is None else None,
        initial_fen=fen,
        rules=_rules(form),
        keep_alive=_flag(form, "keepAliveStream"),
    )
    _check_rated(terms)
    if "{game}" not in form.get("message", "{game}"):
        raise form_error("message", "The message must contain {game}")
    return terms


def _clock(form: Mapping[str, str]) -> tuple[timedelta | None, timedelta | None]:
    limit_s = _number(form, "clock.limit")
    increment_s = _number(form, "clock.increment")
    if limit_s is None and increment_s is None:
        return None, None
    if limit_s is None:
        raise form_error("clock.limit", "This field is required")
    if increment_s is None:
        raise form_error("clock.increment", "This field is required")
    minutes = limit_s % 60 == 0 and 0 < limit_s <= _LONGEST_LIMIT_S
    if limit_s not in _SHORT_LIMITS_S and not minutes:
        raise form_error("clock.limit", "Invalid limit")
    if not 0 <= increment_s <= _LONGEST_INCREMENT_S:
        raise form_error("clock.increment", "Must be between 0 and 60")
    if limit_s == increment_s == 0:
        raise form_error("clock", "Invalid clock")
    return timedelta(seconds=limit_s), timedelta(seconds=increment_s)


def _days(form: Mapping[str, str]) -> int | None:
    days = _number(form, "days")
    if days is not None and days not in _DAYS:
        raise form_error("days", "Must be one of 1, 2, 3, 5, 7, 10, 14")
    return days


def _variant(form: Mapping[str, str]) -> tuple[Variant, str | None]:
    """Returns variant and start position: a FEN turns standard into `fromPosition`."""
    variant = VARIANTS.get(form.get("variant") or "standard")
    if variant is None:
        raise form_error("variant", "Invalid variant")
    if not variant.playable:
        raise form_error("variant", f"The sandbox does not play {variant.key}")
    fen = form.get("fen", "").strip()
    if variant.key == "chess960":
        return variant, _fen_of_960(fen)
    if not fen and variant.key == "fromPosition":
        raise form_error("global", _BAD_FEN)
    if not fen:
        return variant, None
    board = _board(fen)
    if board.fen() == chess.STARTING_FEN:
        return VARIANTS["standard"], None
    return VARIANTS["fromPosition"], board.fen()


def _fen_of_960(fen: str) -> str | None:
    """Keeps the FEN only if it is one of the 960; otherwise a position is drawn later."""
    if not fen:
        return None
    board = _board(fen, chess960=True)
    number = board.chess960_pos()
    return None if number is None else chess.Board.from_chess960_pos(number).fen()


def _board(fen: str, *, chess960: bool = False) -> chess.Board:
    try:
        board = chess.Board(fen, chess960=chess960)
    except ValueError:
        raise form_error("global", _BAD_FEN) from None
    if not board.is_valid() or board.is_game_over():
        raise form_error("global", _BAD_FEN)
    return board


def _check_rated(terms: Terms) -> None:
    exotic = terms.variant.key != "standard"
    timeless = terms.limit is None
    if terms.rated and (terms.variant.key == "fromPosition" or (timeless and exotic)):
        raise form_error("global", "can't be rated")


def _color(form: Mapping[str, str]) -> ColorWish:
    match form.get("color") or "random":
        case "white":
            return "white"
        case "black":
            return "black"
        case "random":
            return "random"
        case _:
            raise form_error("color", "Invalid color")


def _rules(form: Mapping[str, str]) -> tuple[str, ...]:
    wished = tuple(rule.strip() for rule in form.get("rules", "").split(",") if rule.strip())
    if any(rule not in _RULES for rule in wished):
        raise form_error("rules", "Invalid rules")
    return wished


def _flag(form: Mapping[str, str], field: str) -> bool:
    match form.get(field, "").lower():
        case "true":
            return True
        case "false" | "":
            return False
        case _:
            raise form_error(field, "Must be true or false")


def _number(form: Mapping[str, str], field: str) -> int | None:
    text = form.get(field, "").strip()
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise form_error(field, "Numeric value expected") from None
