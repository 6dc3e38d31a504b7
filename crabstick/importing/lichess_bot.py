"""The settings of lichess-bot, as of August 2026; lichess_bot.csv has its keys. Pure."""

import math
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final

from crabstick.importing import table
from crabstick.importing.table import NoCounterpart, Old, listed, number, yes
from crabstick.settings.matchmaking import checked_clock


def _kind(old: Old) -> str:
    return str(old.get("engine", "protocol") or "uci").lower()


def _path(name: object, old: Old, _: str) -> str:
    if _kind(old) == "homemade":
        return f"homemade:{name}"
    interpreter = old.get("engine", "interpreter")
    return str(interpreter) if interpreter else old.path(old.get("engine", "dir"), name)


def _args(name: object, old: Old, _: str) -> list[str] | None:
    args = [f"--{key}={value}" for key, value in old.section("engine", "engine_options").items()]
    if old.get("engine", "interpreter"):
        script = old.path(old.get("engine", "dir"), name)
        args = [*map(str, listed(old.get("engine", "interpreter_options"))), script, *args]
    return args or None


def _options(value: object, old: Old, _: str) -> object:
    if value is not old.get("engine", f"{_kind(old)}_options"):
        raise NoCounterpart("engine.protocol is another one")
    return table.options(value)


def _time_controls(value: object, old: Old, _: str) -> list[str]:
    """Without a bound on the days, unlimited games count as correspondence."""
    known = {*table.SPEEDS, "correspondence"}
    speeds: list[str] = table.words(lambda word: word in known and word)(value, old, "")
    is_bounded = not math.isinf(number(old.get("challenge", "max_days") or math.inf))
    return speeds if is_bounded or "correspondence" not in speeds else [*speeds, "unlimited"]


def _order(value: object, old: Old, _: str) -> list[str]:
    is_human_first = old.get("challenge", "preference") == "human"
    return ["humans"] * is_human_first + ["rating"] * (value == "best")


def _games(initials_s: object, old: Old, _: str) -> object:
    """All games that may be offered; each override is as likely as the rest."""
    base, overrides = old.section("matchmaking"), old.section("matchmaking", "overrides")
    types: dict[str, object] = {}
    for name in ("", *overrides):
        changes = old.section("matchmaking", "overrides", name)
        offers = list(_offers({**base, "challenge_initial_time": initials_s, **changes}, old))
        for clock, variant, mode in offers:
            game = {"clock": clock, "variant": variant, "rated": mode == "rated"}
            weight = {"weight": round(1 / len(offers), 4)} if overrides else {}
            types[f"{name} {clock} {variant} {mode}".strip()] = game | weight
    return types or None


def _offers(wish: Mapping[str, Any], old: Old) -> Iterator[tuple[str, str, str]]:
    variant, mode = (wish.get(f"challenge_{key}") or "random" for key in ("variant", "mode"))
    played = old.get("challenge", "variants") or "standard"
    wanted = table.variants(played if variant == "random" else variant, old, "")
    variants = [each for each in wanted if each != "fromPosition"]  # it would need a position
    for initial_s, increment_s in product(
        listed(wish["challenge_initial_time"]) or [0],
        listed(wish.get("challenge_increment", [1, 2])) or [0],
    ):
        try:
            clock = checked_clock(f"{number(initial_s) / 60:g}+{number(increment_s):g}")
        except ValueError as error:
            old.left.append(f"{initial_s} and {increment_s} s {error}")
        else:
            yield from product(
                [clock], variants, ["rated", "casual"] if mode == "random" else [mode]
            )


LICHESS_BOT: Final = table.Program(
    "lichess-bot",
    table.read_rows("lichess_bot"),
    {
        **table.CONVERTERS,
        "args": _args,
        "folder": lambda _, old, __: old.path(old.get("engine", "working_dir")),
        "games": _games,
        "instant": table.one_of({"best": True, "suggest": False}),
        "kind": lambda _, old, __: _kind(old),
        "nobody": lambda value, *_: [] if yes(value) else None,
        "options": _options,
        "order": _order,
        "path": _path,
        "ponder": lambda value, old, _: yes(value) and _kind(old) == "uci",
        "time_controls": _time_controls,
        "uci_number": lambda value, old, _: number(value) if _kind(old) == "uci" else None,
        "while_playing": lambda value, old, _: (
            number(old.get("challenge", "concurrency") or 1) if yes(value) else 1
        ),
    },
)
