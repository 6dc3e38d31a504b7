"""Parses the form of a new challenge: the clocks, variants and rules that Lichess allows.

Pure. Every mistake is a *double* form error: the field appears twice in the response.
Source: Lichess API, "Create a challenge".
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, TypeVar

import chess

from crabstick.sandbox.errors import form_error
from crabstick.sandbox.vocabulary import VARIANTS, Speed, TimeControl, Variant

_T = TypeVar("_T")
ColorWish: TypeAlias = Literal["white", "black", "random"]

_SHORT_LIMITS_S = frozenset({0, 15, 30, 45, 60, 90})
_LONGEST_LIMIT_S = 10_800
_LONGEST_INCREMENT_S = 60
_DAYS = frozenset({1, 2, 3, 5, 7, 10, 14})
_RULES = ("noAbort", "noRematch", "noGiveTime", "noClaimWin", "noEarlyDraw")
_BAD_FEN = "Invalid FEN"
_COLORS: dict[str, ColorWish] = {"white": "white", "black": "black", "random": "random"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of a game; without clock and days it is unlimited."""

    variant: Variant
    rated: bool = False
    color: ColorWish = "random"
    clock: TimeControl | None = None
    days: int | None = None
    initial_fen: str | None = None
    rules: tuple[str, ...] = ()
    keep_alive: bool = False
    """Whether the challenger holds a stream open, so that the challenge does not expire."""

    @property
    def speed(self) -> Speed:
        """The speed by Lichess's formula; correspondence without a clock."""
        return "correspondence" if self.clock is None else self.clock.speed

    @property
    def perf(self) -> str:
        """The rating category of the game."""
        return self.speed if self.variant.key in {"standard", "fromPosition"} else self.variant.key


def read_terms(form: Mapping[str, str]) -> Terms:
    """Parses a challenge form.

    Raises:
        ApiError: 400, with the field.
    """
    variant, fen = _variant(form)
    clock = _clock(form)
    terms = Terms(
        variant=variant,
        rated=_flag(form, "rated"),
        color=_choice(form, "color", _COLORS, "random"),
        clock=clock,
        days=_days(form) if clock is None else None,
        initial_fen=fen,
        rules=_rules(form),
        keep_alive=_flag(form, "keepAliveStream"),
    )
    exotic = variant.key != "standard"
    if terms.rated and (variant.key == "fromPosition" or (exotic and clock is None)):
        raise form_error("global", "can't be rated")
    if exotic and clock is not None and not clock.can_rate_variants:
        terms = replace(terms, rated=False)
    if "{game}" not in form.get("message", "{game}"):
        raise form_error("message", "The message must contain {game}")
    return terms


def _clock(form: Mapping[str, str]) -> TimeControl | None:
    limit_s = _number(form, "clock.limit")
    increment_s = _number(form, "clock.increment")
    if limit_s is None and increment_s is None:
        return None
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
    return TimeControl(limit_s, increment_s)


def _days(form: Mapping[str, str]) -> int | None:
    days = _number(form, "days")
    if days is not None and days not in _DAYS:
        raise form_error("days", "Must be one of 1, 2, 3, 5, 7, 10, 14")
    return days


def _variant(form: Mapping[str, str]) -> tuple[Variant, str | None]:
    """Returns variant and start position: a FEN turns standard into `fromPosition`.

    The other variants ignore a FEN. Their own start is None if the pieces stand as in standard.
    """
    variant = _choice(form, "variant", VARIANTS, "standard")
    fen = form.get("fen", "").strip()
    if variant.key == "chess960":
        return variant, _fen_of_960(fen)
    if variant.key not in {"standard", "fromPosition"}:
        start = variant.board()
        return variant, None if start.board_fen() == chess.STARTING_BOARD_FEN else start.fen()
    if not fen and variant.key == "fromPosition":
        raise form_error("global", _BAD_FEN)
    if not fen:
        return variant, None
    board = _board(fen, VARIANTS["fromPosition"])
    if board.fen() == chess.STARTING_FEN:
        return VARIANTS["standard"], None
    return VARIANTS["fromPosition"], board.fen()


def _fen_of_960(fen: str) -> str | None:
    """Keeps the FEN only if it is one of the 960; otherwise a position is drawn later."""
    if not fen:
        return None
    board = _board(fen, VARIANTS["chess960"])
    number = board.chess960_pos()
    return None if number is None else chess.Board.from_chess960_pos(number).fen()


def _board(fen: str, variant: Variant) -> chess.Board:
    try:
        board = variant.board(fen)
    except ValueError:
        raise form_error("global", _BAD_FEN) from None
    if not board.is_valid() or board.is_game_over():
        raise form_error("global", _BAD_FEN)
    return board


def _choice(form: Mapping[str, str], field: str, choices: Mapping[str, _T], default: str) -> _T:
    try:
        return choices[form.get(field) or default]
    except KeyError:
        raise form_error(field, f"Invalid {field}") from None


def _rules(form: Mapping[str, str]) -> tuple[str, ...]:
    wished = tuple(rule.strip() for rule in form.get("rules", "").split(",") if rule.strip())
    if any(rule not in _RULES for rule in wished):
        raise form_error("rules", "Invalid rules")
    return wished


def _flag(form: Mapping[str, str], field: str) -> bool:
    word = form.get(field, "").lower()
    if word not in {"true", "false", ""}:
        raise form_error(field, "Must be true or false")
    return word == "true"


def _number(form: Mapping[str, str], field: str) -> int | None:
    text = form.get(field, "").strip()
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise form_error(field, "Numeric value expected") from None
