"""Lichess's words for variants, speeds, statuses and reasons, as tables.

No I/O here. Source: the public API documents; every string is a value of the API.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

import chess
import chess.variant

Speed = Literal["ultraBullet", "bullet", "blitz", "rapid", "classical", "correspondence"]


class Status(Enum):
    """The statuses of a game, by their names and numbers in the API."""

    started = 20
    aborted = 25
    mate = 30
    resign = 31
    stalemate = 32
    timeout = 33
    draw = 34
    outoftime = 35
    insufficientMaterialClaim = 39  # noqa: N815 -- Lichess's own name
    variantEnd = 60  # noqa: N815


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A chess variant, played by the rules of python-chess."""

    key: str
    name: str
    short: str

    def board(self, fen: str | None = None) -> chess.Board:
        """A new board at a position; without one, at the variant's own start."""
        is_960 = self.key == "chess960"
        rules = chess.Board if is_960 else chess.variant.find_variant(self.name)
        board = rules(fen or rules.starting_fen, chess960=is_960)
        board.chess960 = board.chess960 or board.has_chess960_castling_rights()
        return board


VARIANTS = {
    variant.key: variant
    for variant in (
        Variant(key="standard", name="Standard", short="Std"),
        Variant(key="chess960", name="Chess960", short="960"),
        Variant(key="fromPosition", name="From Position", short="FEN"),
        Variant(key="kingOfTheHill", name="King of the Hill", short="KotH"),
        Variant(key="threeCheck", name="Three-check", short="3check"),
        Variant(key="antichess", name="Antichess", short="Anti"),
        Variant(key="atomic", name="Atomic", short="Atom"),
        Variant(key="horde", name="Horde", short="Horde"),
        Variant(key="racingKings", name="Racing Kings", short="Racing"),
        Variant(key="crazyhouse", name="Crazyhouse", short="Crazy"),
    )
}

DECLINE_REASONS = {
    "generic": "I'm not accepting challenges at the moment.",
    "later": "This is not the right time for me, please ask again later.",
    "tooFast": "This time control is too fast for me, please challenge again with a slower game.",
    "tooSlow": "This time control is too slow for me, please challenge again with a faster game.",
    "timeControl": "I'm not accepting challenges with this time control.",
    "rated": "Please send me a rated challenge instead.",
    "casual": "Please send me a casual challenge instead.",
    "standard": "I'm not accepting variant challenges right now.",
    "variant": "I'm not willing to play this variant right now.",
    "noBot": "I'm not accepting challenges from bots.",
    "onlyBot": "I'm only accepting challenges from bots.",
}

SPEED_ICONS: dict[Speed, str] = {
    "ultraBullet": "{",
    "bullet": "T",
    "blitz": ")",
    "rapid": "#",
    "classical": "+",
    "correspondence": "\ue019",
}

_SCOPES = """
preference:read preference:write email:read challenge:read challenge:write challenge:bulk
study:read study:write tournament:write racer:write puzzle:read puzzle:write team:read
team:write team:lead follow:read follow:write msg:write board:play bot:play engine:read
engine:write web:mod web:mobile
"""
KNOWN_SCOPES = frozenset(_SCOPES.split())
"""Every scope that a token can hold."""

_SLOWEST_SECONDS: tuple[tuple[int, Speed], ...] = (
    (30, "ultraBullet"),
    (180, "bullet"),
    (480, "blitz"),
    (1500, "rapid"),
)
_FRACTIONS = {15: "¼", 30: "½", 45: "¾", 90: "1.5"}


@dataclass(frozen=True, slots=True)
class TimeControl:
    """A clock's limit, and the increment after each move."""

    limit_s: int
    increment_s: int

    @property
    def estimate_s(self) -> int:
        """Lichess's estimate of how long a side plays: limit + 40 increments."""
        return self.limit_s + 40 * self.increment_s

    @property
    def can_rate_variants(self) -> bool:
        """Whether variants can be rated; faster games are casual."""
        slow = self.limit_s > 0 or self.increment_s > 1
        return slow and self.speed != "ultraBullet"

    @property
    def speed(self) -> Speed:
        """The speed, by the estimate."""
        for bound_s, speed in _SLOWEST_SECONDS:
            if self.estimate_s < bound_s:
                return speed
        return "classical"

    @property
    def name(self) -> str:
        """The usual notation, minutes + seconds: `5+3`, `½+0`."""
        minutes = _FRACTIONS.get(self.limit_s, str(self.limit_s // 60))
        return f"{minutes}+{self.increment_s}"
