"""Which engine of the settings plays a game: the most specific key that fits.

Pure. A key joins conditions by `_`, in any order: `chess960`, `blitz_white`, `3+2_human`. Of the
keys that fit, the one with the most conditions wins; of two with as many, the one with the
condition that stands first in `ASPECTS`. Any other key is a plain name, which fits no game.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import Final

import chess

from crabstick.rules.cluster_view import DEFAULT_ENGINE
from crabstick.rules.lichess_types import Challenge, Clock, GameSummary
from crabstick.rules.variants import VARIANTS

ASPECTS: Final = (
    "clock",
    "variant",
    "variants",
    "tournament",
    "speed",
    "opponent",
    "mode",
    "color",
)
WORDS: Final[Mapping[str, str]] = {
    **{variant.lower(): "variant" for variant in VARIANTS},
    "variants": "variants",
    "tournament": "tournament",
    **dict.fromkeys(("bullet", "blitz", "rapid", "classical", "correspondence"), "speed"),
    **dict.fromkeys(("human", "bot"), "opponent"),
    **dict.fromkeys(("rated", "casual"), "mode"),
    **dict.fromkeys(("white", "black"), "color"),
}
"""Condition -> its aspect; `variants` means any but standard chess, `white` that we have white."""
_CLOCK: Final = re.compile(r"(\d{1,3}(?:\.\d+)?)\+(\d{1,3})")
_SPEEDS: Final = {30: "ultraBullet", 180: "bullet", 480: "blitz", 1500: "rapid"}
"""Seconds -> what is shorter, with forty increments. Source: scalachess, `Speed`."""
_KEY: Final = re.compile(r"(?<![\w/.'-])engine\.")
"""The beginning of a key such as engine.path, and not a part of a path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What is known of a game before it begins; None is unknown, and fits no condition."""

    variant: str = "standard"
    speed: str = ""
    rated: bool | None = None
    is_bot: bool | None = None
    color: chess.Color | None = None
    clock: Clock | None = None
    is_tournament: bool = False
    fen: str = ""

    @classmethod
    def of_challenge(cls, challenge: Challenge) -> "Traits":
        """The traits of a challenge to us."""
        return cls(
            variant=challenge.variant,
            speed=challenge.speed,
            rated=challenge.rated,
            is_bot=challenge.is_from_bot,
            color=challenge.our_color,
            clock=challenge.clock,
            fen=challenge.initial_fen or "",
        )

    @classmethod
    def of_game(cls, game: GameSummary, challenge: Challenge | None = None) -> "Traits":
        """The traits of a running game; only its challenge tells the clock, and always the FEN."""
        return cls(
            variant=game.variant,
            speed=game.speed,
            rated=game.rated,
            is_bot=game.opponent.title == "BOT",
            color=game.color,
            clock=challenge.clock if challenge else None,
            is_tournament=bool(game.tournament),
            fen=(challenge and challenge.initial_fen) or game.initial_fen,
        )

    @classmethod
    def of_words(cls, words: Iterable[str]) -> "Traits":
        """The traits that conditions describe; what no word tells is unknown.

        Raises:
            ValueError: a word is not a condition, or two words contradict each other.
        """
        words = list(words)
        conditions = conditions_of("_".join(words))
        if conditions is None:
            others = (word for word, aspect in WORDS.items() if not aspect.startswith("variant"))
            known = ", ".join([*VARIANTS, *others])
            unknown = [word for word in words if conditions_of(word) is None]
            problem = f"{unknown[0]!r} is no condition; " if unknown else ""
            raise ValueError(f"{problem}write at most one of a kind of 3+2, {known}")
        variants = {variant.lower(): variant for variant in VARIANTS}
        color, clock = conditions.get("color"), clock_of(conditions.get("clock", ""))
        return cls(
            variant=variants[conditions.get("variant", "standard")],
            speed=conditions.get("speed", speed_of(clock)),
            rated=_yes_or_no(conditions.get("mode"), "rated"),
            is_bot=_yes_or_no(conditions.get("opponent"), "bot"),
            color=_yes_or_no(color, "white"),
            clock=clock,
            is_tournament="tournament" in conditions,
        )

    def fit(self, condition: str) -> bool:
        """Whether a condition holds."""
        if (clock := clock_of(condition)) is not None:
            return clock == self.clock
        sides = {"bot": self.is_bot, "rated": self.rated, "white": self.color}
        opposites = {"human": "bot", "casual": "rated", "black": "white"}
        if condition in opposites:
            return sides[opposites[condition]] is False
        if condition in sides:
            return bool(sides[condition])
        return condition in {
            self.variant.lower(),
            self.speed,
            "variants" if self.variant != "standard" else "",
            "tournament" if self.is_tournament else "",
        }


def conditions_of(key: str) -> dict[str, str] | None:
    """Aspect -> condition; None for a plain name."""
    conditions: dict[str, str] = {}
    for word in key.lower().split("_"):
        clock = _CLOCK.fullmatch(word)
        aspect = "clock" if clock else WORDS.get(word)
        if aspect is None or aspect in conditions:
            return None
        conditions[aspect] = f"{float(clock[1]):g}+{int(clock[2])}" if clock else word
    is_impossible = "variants" in conditions and conditions.get("variant") == "standard"
    if "clock" in conditions and "speed" in conditions:
        is_impossible |= conditions["speed"] != speed_of(clock_of(conditions["clock"]))
    return None if is_impossible else conditions


def choose(keys: Collection[str], traits: Traits) -> str:
    """The key of the engine for a game."""
    fitting = {
        key: conditions
        for key in keys
        if (conditions := conditions_of(key)) is not None
        and all(map(traits.fit, conditions.values()))
    }
    return max(fitting, key=lambda key: _specificity(fitting[key]), default=DEFAULT_ENGINE)


def tasks(keys: Collection[str], variants: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each engine by its key, with each of the variants that it may have to play."""
    for key, variant in product((DEFAULT_ENGINE, *keys), variants):
        words = [] if key == DEFAULT_ENGINE else key.lower().split("_")
        with suppress(ValueError):  # the key is for another variant
            traits = Traits.of_words(dict.fromkeys([*words, variant.lower()]))
            if choose(keys, traits) == key:
                yield key, variant


def about(name: str, sentence: str) -> str:
    """A sentence about the default engine, made one about the engine `name`."""
    if name == DEFAULT_ENGINE:
        return sentence
    keyed = _KEY.sub(f"engines.{name}.", sentence)
    return f"engines.{name}: {sentence}" if keyed == sentence else keyed


def _specificity(conditions: Collection[str]) -> tuple[int, ...]:
    return (len(conditions), *(aspect in conditions for aspect in ASPECTS))


def speed_of(clock: Clock | None) -> str:
    """Lichess's speed for a clock; empty without one."""
    length_s = (clock.initial + 40 * clock.increment).total_seconds() if clock else 0
    speed = next((speed for below_s, speed in _SPEEDS.items() if length_s < below_s), "classical")
    return speed if clock else ""


def _yes_or_no(word: str | None, yes: str) -> bool | None:
    return None if word is None else word == yes


def clock_of(word: str) -> Clock | None:
    """The clock that a word such as `3+2` (minutes + seconds a move) describes."""
    match = _CLOCK.fullmatch(word)
    if match is None:
        return None
    minutes, seconds = timedelta(minutes=float(match[1])), timedelta(seconds=int(match[2]))
    return Clock(initial=minutes, increment=seconds)
