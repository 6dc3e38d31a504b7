"""What lichess-bot and BotLi answer, case by case, from the description of their behaviour.

These models read the two programs' own settings, and share nothing with crabstick. True is
"accepted at once"; a challenge that is declined or has to wait is False.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Settings = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A challenge, and the moment at which it comes."""

    name: str
    is_bot: bool
    rating: int
    our_rating: int
    variant: str
    rated: bool
    initial_s: int | None
    """None without a clock."""
    increment_s: int
    days: int | None
    """None with a clock, and for unlimited games."""
    opponents: Sequence[str]
    """Of the running games."""
    recent: int
    """Challenges of this player that were accepted lately."""

    @property
    def speed(self) -> str:
        if self.initial_s is None:
            return "correspondence"
        length_s = self.initial_s + 40 * self.increment_s
        for longest_s, speed in ((30, "ultraBullet"), (180, "bullet"), (480, "blitz")):
            if length_s < longest_s:
                return speed
        return "rapid" if length_s < 1500 else "classical"

    @property
    def is_pure_bullet(self) -> bool:
        return self.speed == "bullet" and not self.increment_s


Refusals = Mapping[str, Callable[[Settings, Case], bool]]


def mode_of(case: Case) -> str:
    return "rated" if case.rated else "casual"


def days_of(case: Case) -> float:
    """Unlimited games have infinitely many."""
    return math.inf if case.days is None else case.days


def clock_of(case: Case) -> str:
    return f"{(case.initial_s or 0) / 60:g}+{case.increment_s}"


def is_outside(value: float, least: float, most: float) -> bool:
    return not least <= value <= most


LICHESS_BOT: Refusals = {
    "bots, unless accept_bot; a missing key is false": lambda it, case: (
        case.is_bot and not it.get("accept_bot", False)
    ),
    "people, if only_bot": lambda it, case: not case.is_bot and it.get("only_bot", False),
    "other variants": lambda it, case: case.variant not in it.get("variants", ["standard"]),
    "other modes": lambda it, case: mode_of(case) not in it.get("modes", ["casual", "rated"]),
    "other speeds": lambda it, case: (
        case.speed not in it.get("time_controls", ["bullet", "blitz", "rapid", "classical"])
    ),
    "base times; no bound above if the key is missing": lambda it, case: (
        case.initial_s is not None
        and is_outside(case.initial_s, it.get("min_base", 0), it.get("max_base", math.inf))
    ),
    "increments; 180 if the key is missing": lambda it, case: (
        case.initial_s is not None
        and is_outside(case.increment_s, it.get("min_increment", 0), it.get("max_increment", 180))
    ),
    "days; no bound above, so unlimited games too, if the key is missing": lambda it, case: (
        case.initial_s is None
        and is_outside(days_of(case), it.get("min_days", 1), it.get("max_days", math.inf))
    ),
    "bullet of bots without increment": lambda it, case: (
        case.is_bot and case.is_pure_bullet and it.get("bullet_requires_increment", False)
    ),
    "ratings": lambda it, case: is_outside(
        case.rating, it.get("min_rating", 0), it.get("max_rating", 4000)
    ),
    "ratings far from ours": lambda it, case: (
        abs(case.rating - case.our_rating) > it.get("rating_difference", math.inf)
    ),
    "the block list": lambda it, case: case.name in it.get("block_list", []),
    "who is not on the allow list, if it has names": lambda it, case: (
        bool(it.get("allow_list")) and case.name not in it["allow_list"]
    ),
    "bots that were accepted too often lately": lambda it, case: (
        case.is_bot and case.recent >= it.get("max_recent_bot_challenges", math.inf)
    ),
    "players with five running games, or as many as the key says": lambda it, case: (
        Counter(case.opponents)[case.name] >= it.get("max_simultaneous_games_per_user", 5)
    ),
    "more games than places; one if the key is missing": lambda it, case: (
        len(case.opponents) >= it.get("concurrency", 1)
    ),
    "bots in places for humans": lambda it, case: (
        case.is_bot
        and len(case.opponents) >= it.get("concurrency", 1) - it.get("games_reserved_for_humans", 0)
    ),
}
"""What is refused by `challenge`."""


def lichess_bot_accepts(settings: Settings, case: Case) -> bool:
    return not any(refuses(settings["challenge"], case) for refuses in LICHESS_BOT.values())


BOTLI: Refusals = {
    "other variants": lambda it, case: case.variant not in it["variants"],
    "other speeds and clocks": lambda it, case: {case.speed, clock_of(case)}.isdisjoint(
        it["time_controls"]
    ),
    "other modes": lambda it, case: mode_of(case) not in it["modes"],
    "increments": lambda it, case: is_outside(
        case.increment_s, it.get("min_increment", 0), it.get("max_increment", math.inf)
    ),
    "initial times": lambda it, case: is_outside(
        case.initial_s or 0, it.get("min_initial", 0), it.get("max_initial", math.inf)
    ),
    "games that will take too many minutes": lambda it, case: (
        1.33 * (case.initial_s or 0) + 104.77 * case.increment_s
        > 60 * it.get("max_estimated_game_duration", math.inf)
    ),
    "bullet without increment": lambda it, case: (
        case.is_pure_bullet and it.get("bullet_with_increment_only", False)
    ),
}
"""What is refused by `challenge.human` or `challenge.bot`; an empty list refuses all of a kind."""


def botli_accepts(settings: Settings, case: Case) -> bool:
    """Correspondence is always declined, and the whitelist skips all checks after that."""
    policy = settings["challenge"]
    kind = policy["bot" if case.is_bot else "human"]
    if len(case.opponents) >= policy["concurrency"] or case.speed == "correspondence":
        return False
    if case.name in (settings["whitelist"] or []):
        return True
    is_blocked = case.name in settings["blacklist"]
    return not is_blocked and not any(refuses(kind, case) for refuses in BOTLI.values())
