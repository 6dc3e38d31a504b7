"""The settings of BotLi, as of July 2026; botli.csv has its keys. Pure."""

import math
from typing import Final

from crabstick.importing import table
from crabstick.importing.table import NoCounterpart, Old, number, yes
from crabstick.rules.challenges import expected_minutes
from crabstick.rules.engine_choice import clock_of, speed_of
from crabstick.settings.matchmaking import checked_clock


def _time_controls(value: object, old: Old, kind: str) -> list[str]:
    """Without the clocks that other keys refuse: our bounds do not hold for exact clocks."""

    def bound(key: str, otherwise: float) -> float:
        return number(old.get(*filter(None, ("challenge", kind, key))) or 0) or otherwise

    def is_taken(word: str) -> bool:
        clock = clock_of(word)
        if clock is None:
            return word in table.SPEEDS
        initial_s, increment_s = clock.initial.total_seconds(), clock.increment.total_seconds()
        is_pure_bullet = speed_of(clock) == "bullet" and not increment_s
        wants_increment = old.get("challenge", kind, "bullet_with_increment_only") or False
        return (
            bound("min_initial", 0) <= initial_s <= bound("max_initial", math.inf)
            and bound("min_increment", 0) <= increment_s <= bound("max_increment", math.inf)
            and expected_minutes(clock) <= bound("max_estimated_game_duration", math.inf)
            and not (is_pure_bullet and yes(wants_increment))
        )

    speeds: list[str] = table.words(lambda word: is_taken(word) and word)(value, old, kind)
    return speeds


def _path(value: object, old: Old, name: str) -> str:
    return old.path(old.get("engines", name, "dir"), value)


def _books(value: object, old: Old, _: str) -> list[str]:
    return [old.path(path) for path in table.words(old.section("books").get)(value, old, _)]


def _game(_: object, old: Old, name: str) -> dict[str, object]:
    wish = old.section("matchmaking", "types", name)
    try:
        clock = checked_clock(wish.get("tc") or "3+1")
    except ValueError as error:
        raise NoCounterpart(f"its clock {error}") from None
    variant = table.VARIANT_OF.get(str(wish.get("variant") or "standard").lower(), "standard")
    weight = {"weight": number(wish["weight"])} if wish.get("weight") else {}
    return {"clock": clock, "variant": variant, "rated": yes(wish.get("rated", True)), **weight}


BOTLI: Final = table.Program(
    "BotLi",
    table.read_rows("botli"),
    {
        **table.CONVERTERS,
        "books": _books,
        "bound": lambda value, *_: number(value) or None,
        "most": lambda value, *_: number(value) or math.inf,
        "folder": lambda _, old, __: old.path(),
        "game": _game,
        "overhead": lambda value, *_: max(1.0, number(value)) * 1000,
        "path": _path,
        "time_controls": _time_controls,
    },
)
