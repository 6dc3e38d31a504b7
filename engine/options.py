"""Checks the user's UCI options against those of the engine, before anything is sent.

Pure. Stricter than python-chess, which forwards a misspelt `check` value and reports an unknown
name with the list of all names.
"""

import difflib
from collections.abc import Iterable, Mapping

import chess
from chess.engine import Option

from engine.errors import BadOption, UnsupportedGame
from engine.spec import OptionValue

_TRUTH: Mapping[object, bool] = {True: True, False: False, "true": True, "false": False}


def accepted_options(
    label: str, wanted: Mapping[str, OptionValue], offered: Mapping[str, Option]
) -> dict[str, OptionValue]:
    """The options to send for `wanted`, with the engine's own spelling of each name.

    Raises:
        BadOption: the engine has no such option, or the value does not fit.
    """
    by_lower = {name.lower(): option for name, option in offered.items()}
    accepted: dict[str, OptionValue] = {}
    for name, value in wanted.items():
        option = by_lower.get(name.lower())
        if option is None:
            raise BadOption(f"the engine '{label}' has no option {_unknown(name, offered)}")
        if option.is_managed():
            raise BadOption(
                f"option '{option.name}' of '{label}' is set for each search: leave it out"
            )
        if not _fits(option, value):
            raise BadOption(
                f"option '{option.name}' of the engine '{label}' takes {_expected(option)},"
                f" not {value!r}"
            )
        accepted[option.name] = _as_sent(option, value)
    return accepted


def _unknown(name: str, offered: Iterable[str]) -> str:
    spelling = {known.lower(): known for known in offered}
    near = difflib.get_close_matches(name.lower(), spelling, n=1)
    if near:
        return f"'{name}': did you mean '{spelling[near[0]]}'?"
    return f"'{name}': it has {', '.join(spelling.values()) or 'none at all'}"


def _fits(option: Option, value: OptionValue) -> bool:
    match option.type:
        case "check":
            return value is not None and value in _TRUTH
        case "spin":
            number = _integer(value)
            return number is not None and _is_in_range(option, number)
        case "combo":
            return value in (option.var or ())
        case "button":
            return value is None or value is True
        case _:
            return not isinstance(value, bool | None) and not {"\n", "\r"} & set(str(value))


def _as_sent(option: Option, value: OptionValue) -> OptionValue:
    match option.type:
        case "check":
            return _TRUTH[value]
        case "spin":
            return _integer(value)
        case "button":
            return None
        case _:
            return str(value)


def _expected(option: Option) -> str:
    match option.type:
        case "check":
            return "true or false"
        case "spin":
            return f"a whole number from {option.min} to {option.max}"
        case "combo":
            return f"one of {', '.join(option.var or ())}"
        case "button":
            return "no value (it is a button)"
        case _:
            return "one line of text"


def _integer(value: OptionValue) -> int | None:
    if isinstance(value, str):
        return int(value) if value.removeprefix("-").isdecimal() else None
    return None if isinstance(value, bool) else value


def _is_in_range(option: Option, number: int) -> bool:
    above = option.min is None or number >= option.min
    return above and (option.max is None or number <= option.max)


def check_variant(label: str, board: chess.Board, offered: Mapping[str, Option]) -> None:
    """Checks that the engine plays the board's variant.

    Raises:
        UnsupportedGame: the engine does not offer this variant, or Chess960.
    """
    variant = type(board).uci_variant or "chess"
    known = offered["UCI_Variant"].var or () if "UCI_Variant" in offered else ("chess",)
    if variant not in known:
        raise UnsupportedGame(f"the engine '{label}' does not play the variant '{variant}'")
    if board.chess960 and "UCI_Chess960" not in offered:
        raise UnsupportedGame(f"the engine '{label}' does not play Chess960")
