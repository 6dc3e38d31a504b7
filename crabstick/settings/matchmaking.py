"""Which games the bot offers to other bots by itself."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from crabstick.rules.challenges import plain
from crabstick.rules.engine_choice import clock_of, speed_of
from crabstick.rules.lichess_types import Clock
from crabstick.rules.matchmaking import GameType, RatingBand
from crabstick.rules.variants import Variant
from crabstick.settings.fields import DAY_S, Number, Section, Whole

_LIMITS_S = {0, 15, 30, 45, 60, 90, *range(120, 10_801, 60)}
"""Source: Lichess API, `clock.limit`."""
_MOST_INCREMENT_S = 60


def checked_clock(value: object) -> str:
    """A clock that Lichess allows for challenges of bots, as `3+2`.

    Raises:
        ValueError: it is none.
    """
    clock = clock_of(str(value))
    if clock is None:
        raise ValueError("must be minutes + seconds a move, such as 3+2")
    initial_s, increment_s = clock.initial.total_seconds(), clock.increment.total_seconds()
    if initial_s not in _LIMITS_S or increment_s > _MOST_INCREMENT_S:
        raise ValueError(
            "must be a clock of Lichess: 0.25, 0.5, 0.75, 1, 1.5 or 2 to 180 whole minutes, and "
            "up to 60 seconds a move"
        )
    if speed_of(clock) == "ultraBullet":
        raise ValueError("must not be ultraBullet, which Lichess does not let bots play")
    return plain(clock)


def game_type(clock: str, variant: str, *, rated: bool, weight: float = 1.0) -> GameType:
    """A game with a checked clock."""
    wanted = clock_of(clock) or Clock(initial=timedelta(minutes=3), increment=timedelta(seconds=2))
    return GameType(
        clock=wanted, speed=speed_of(wanted), variant=variant, rated=rated, weight=weight
    )


class TypeSettings(Section):
    """One kind of game that is offered."""

    clock: Annotated[str, BeforeValidator(checked_clock)] = "3+2"
    variant: Variant = "standard"
    rated: bool = True
    weight: Number = Field(default=1, gt=0, le=1000)

    @field_validator("variant")
    @classmethod
    def _needs_no_fen(cls, variant: str) -> str:
        if variant == "fromPosition":
            raise ValueError("must be another variant: a challenge from a position needs a FEN")
        return variant


class MatchmakingSettings(Section):
    """Challenges that the bot makes by itself."""

    enabled: bool = False
    types: Mapping[str, TypeSettings] = Field(default_factory=lambda: {"blitz": TypeSettings()})
    min_rating: Whole = Field(default=0, ge=0, le=4000)
    max_rating: Whole = Field(default=4000, ge=0, le=4000)
    min_rating_diff: Whole = Field(default=0, ge=0, le=4000)
    max_rating_diff: Whole | None = Field(default=None, ge=0, le=4000)
    target_rating_diff: Whole | None = Field(default=None, ge=0, le=4000)
    delay_s: Whole = Field(default=300, ge=1, le=DAY_S)
    timeout_s: Whole = Field(default=20, ge=1, le=120)
    max_games: Whole = Field(default=1, ge=1, le=1000)
    kept_games: Whole = Field(default=20, ge=0, le=100)

    @model_validator(mode="after")
    def _ranges_are_not_empty(self) -> Self:
        if not self.types:
            raise ValueError("matchmaking.types is empty; name a game, as in {blitz: {clock: 3+2}}")
        for least, most in (("min_rating", "max_rating"), ("min_rating_diff", "max_rating_diff")):
            low, high = getattr(self, least), getattr(self, most)
            if high is not None and low > high:
                raise ValueError(
                    f"matchmaking.{least} is {low} but matchmaking.{most} is {high}; the first "
                    "must not be above the second"
                )
        return self

    def games(self) -> list[GameType]:
        """The games that are offered."""
        return [
            game_type(one.clock, one.variant, rated=one.rated, weight=one.weight)
            for one in self.types.values()
        ]

    def band(self) -> RatingBand:
        """Whom we challenge."""
        return RatingBand(
            min_rating=self.min_rating,
            max_rating=self.max_rating,
            min_difference=self.min_rating_diff,
            max_difference=self.max_rating_diff,
            target_difference=self.target_rating_diff,
        )
