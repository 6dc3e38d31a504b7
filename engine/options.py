"""Checks the user's UCI options against those of the engine, before anything is sent.

Pure. Stricter than python-chess, which forwards a misspelt `check` value and reports an unknown
name with the list of all names.
"""

import difflib
from collections.abc import Iterable, Mapping

from chess.engine import Option

from engine.errors import BadOption
from engine.interface import OptionValue

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
        fits, accepted[option.name], allowed = _as_sent(option, value)
        if not fits:
            raise BadOption(
                f"option '{option.name}' of the engine '{label}' takes {allowed}, not {value!r}"
            )
    return accepted


def _unknown(name: str, offered: Iterable[str]) -> str:
    spelling = {known.lower(): known for known in offered}
    near = difflib.get_close_matches(name.lower(), spelling, n=1)
    if near:
        return f"'{name}': did you mean '{spelling[near[0]]}'?"
    return f"'{name}': it has {', '.join(spelling.values()) or 'none at all'}"


def _as_sent(option: Option, value: OptionValue) -> tuple[bool, OptionValue, str]:
    """Whether the value fits, the value in the option's own type, and which values would fit."""
    match option.type:
        case "check":
            return value in _TRUTH, _TRUTH.get(value), "true or false"
        case "spin":
            number = _integer(value)
            allowed = f"a whole number from {option.min} to {option.max}"
            return number is not None and _is_in_range(option, number), number, allowed
        case "combo":
            known = option.var or ()
            return value in known, value, f"one of {', '.join(known)}"
        case "button":
            return value is None or value is True, None, "no value (it is a button)"
        case _:
            is_line = not isinstance(value, bool | None) and not {"\n", "\r"} & set(str(value))
            return is_line, str(value), "one line of text"


def _integer(value: OptionValue) -> int | None:
    if isinstance(value, str):
        return int(value) if value.removeprefix("-").isdecimal() else None
    return None if isinstance(value, bool) else value


def _is_in_range(option: Option, number: int) -> bool:
    above = option.min is None or number >= option.min
    return above and (option.max is None or number <= option.max)
