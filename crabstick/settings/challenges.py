"""Which challenges the owner of a bot accepts, from whom, and how many at once."""

from collections.abc import Collection, Mapping
from copy import copy
from typing import Annotated, Literal, Self, get_args

from pydantic import (
    BeforeValidator,
    Field,
    create_model,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from crabstick.explain import nearest
from crabstick.rules.challenges import ChallengePolicy, Limits, plain
from crabstick.rules.engine_choice import clock_of
from crabstick.rules.player_lists import NAME, is_list_file
from crabstick.rules.variants import Variant
from crabstick.settings.fields import DAY_S, Section, Whole, words_of

Speed = Literal["bullet", "blitz", "rapid", "classical", "correspondence"]
_TIME_CONTROLS = (*get_args(Speed), "unlimited")
Rule = Literal["noAbort", "noRematch", "noGiveTime", "noClaimWin", "noEarlyDraw"]
Title = Literal["GM", "WGM", "IM", "WIM", "FM", "WFM", "NM", "CM", "WCM", "WNM", "LM"]
"""Source: Lichess API, `Title`; a bot is no question of titles."""


def _time_control(value: object) -> object:
    clock = clock_of(str(value))
    if clock is not None:
        return plain(clock)
    if value in _TIME_CONTROLS:
        return value
    near = nearest(str(value), _TIME_CONTROLS)
    hint = f" (did you mean {near}?)" if near else ""
    raise ValueError(f"must be {', '.join(_TIME_CONTROLS)} or a clock such as 3+2{hint}")


def _player(value: object) -> object:
    """A name, a file of names or a web address of one; all of Lichess's names are that short."""
    text = str(value)
    is_list = "://" in text or is_list_file(text)
    if isinstance(value, str) and text.isprintable() and (is_list or NAME.fullmatch(text)):
        return text
    raise ValueError(
        "must be a name on Lichess, a text file of names such as ./blocked.txt, or a web address"
    )


TimeControl = Annotated[str, BeforeValidator(_time_control)]
Names = tuple[Annotated[str, BeforeValidator(_player)], ...]
_SETS = ("variants", "time_controls", "modes", "titles", "rules")


class OpponentSettings(Section):
    """What may differ between humans and bots."""

    variants: frozenset[Variant] = frozenset({"standard"})
    time_controls: frozenset[TimeControl] = frozenset({"bullet", "blitz", "rapid", "classical"})
    modes: frozenset[Literal["casual", "rated"]] = frozenset({"casual", "rated"})
    min_initial_s: Whole = Field(default=30, ge=0, le=DAY_S)
    max_initial_s: Whole = Field(default=1800, ge=1, le=DAY_S)
    min_increment_s: Whole = Field(default=0, ge=0, le=DAY_S)
    max_increment_s: Whole = Field(default=20, ge=0, le=DAY_S)
    max_duration_min: Whole | None = Field(default=None, ge=1, le=1440)
    bullet_requires_increment: bool = False
    min_days: Whole = Field(default=1, ge=1, le=14)
    max_days: Whole = Field(default=14, ge=1, le=14)
    min_rating: Whole = Field(default=0, ge=0, le=4000)
    max_rating: Whole = Field(default=4000, ge=0, le=4000)
    rating_difference: Whole | None = Field(default=None, ge=0, le=4000)
    titles: frozenset[Title] | None = None
    rules: frozenset[Rule] = frozenset(get_args(Rule))
    max_games_per_opponent: Whole = Field(default=5, ge=1, le=1000)
    max_recent_challenges: Whole | None = Field(default=None, ge=0, le=1000)

    _split = field_validator(*_SETS, mode="before")(words_of)

    @field_serializer(*_SETS)
    def _sorted(self, words: frozenset[str] | None) -> list[str] | None:
        return None if words is None else sorted(words)


def _optional(field: FieldInfo) -> tuple[object, FieldInfo]:
    """The field for one kind of opponent: None is what holds for both."""
    own = copy(field)
    own.annotation, own.default = field.annotation | None, None  # type: ignore[operator, assignment]
    return own.annotation, own


_KEYS = tuple(OpponentSettings.model_fields)
KindSettings = create_model(
    "KindSettings",
    __base__=OpponentSettings,
    **{name: _optional(field) for name, field in OpponentSettings.model_fields.items()},  # type: ignore[call-overload]
)
"""The keys of `OpponentSettings` for humans or for bots; those that are not set are None."""


class ChallengeSettings(OpponentSettings):
    """Which challenges are accepted."""

    accept_bots: bool = True
    human: KindSettings = KindSettings()  # type: ignore[valid-type]
    bot: KindSettings = KindSettings()  # type: ignore[valid-type]
    allow_list: Names = ()
    block_list: Names = ()
    only_from: Names = ()
    recent_challenge_age_s: Whole = Field(default=DAY_S, ge=1, le=30 * DAY_S)
    max_games: Whole = Field(default=4, ge=1, le=1000)
    max_games_by_speed: Mapping[Speed, Annotated[Whole, Field(ge=0, le=1000)]] = Field(
        default_factory=dict
    )
    reserved_for_humans: Whole = Field(default=0, ge=0, le=1000)
    prefer: tuple[Literal["humans", "titles", "rating"], ...] = ("humans",)
    queue_s: Whole = Field(default=0, ge=0, le=3600)

    @model_validator(mode="after")
    def _ranges_are_not_empty(self) -> Self:
        for kind, policy in self._by_kind().items():
            section = f"challenges.{kind}" if kind else "challenges"
            for word in ("initial_s", "increment_s", "days", "rating"):
                least, most = policy[f"min_{word}"], policy[f"max_{word}"]
                if least > most:  # type: ignore[operator]
                    raise ValueError(
                        f"{section}.min_{word} is {least} but {section}.max_{word} is {most}; "
                        "the first must not be above the second"
                    )
        if self.reserved_for_humans > self.max_games:
            raise ValueError(
                f"challenges.reserved_for_humans is {self.reserved_for_humans} but "
                f"challenges.max_games is {self.max_games}; it must not be above that"
            )
        return self

    def _by_kind(self) -> dict[str, dict[str, object]]:
        """All keys for both kinds, for humans, and for bots."""
        base = {key: getattr(self, key) for key in _KEYS}
        kinds: dict[str, dict[str, object]] = {"": base}
        for kind in ("human", "bot"):
            own = {key: getattr(getattr(self, kind), key) for key in _KEYS}
            kinds[kind] = {**base, **{key: it for key, it in own.items() if it is not None}}
        return kinds

    def policy(self, *, is_bot: bool, lacking: Collection[str] = ()) -> ChallengePolicy:
        """What holds for one kind of opponent, without the `lacking` variants."""
        values = self._by_kind()["bot" if is_bot else "human"]
        values["variants"] = values["variants"].difference(lacking)  # type: ignore[attr-defined]
        if is_bot and not self.accept_bots:
            values["modes"] = frozenset()
        return ChallengePolicy(**values)  # type: ignore[arg-type]

    def limits(self) -> Limits:
        """How many games are played at once."""
        return Limits(
            max_games=self.max_games,
            reserved_for_humans=self.reserved_for_humans,
            max_games_by_speed={
                str(speed): most for speed, most in self.max_games_by_speed.items()
            },
        )
