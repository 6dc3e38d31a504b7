"""Checks the user's options against those of the engine, before anything is sent.

Pure. Stricter than python-chess, which forwards a misspelt `check` value and reports an unknown
name with the list of all names.
"""

import difflib
from collections.abc import Iterable, Mapping

from chess.engine import Option

from engine.errors import BadOption
from engine.interface import EngineSpec, OptionValue

_TRUTH: Mapping[str, bool] = {
    **dict.fromkeys(("true", "yes", "on"), True),
    **dict.fromkeys(("false", "no", "off"), False),
}
"""YAML 1.1's words."""


def accepted_options(
    spec: EngineSpec, offered: Mapping[str, Option]
) -> tuple[dict[str, OptionValue], list[str]]:
    """The spec's options with the engine's own spelling of each name, and warnings.

    Raises:
        BadOption: the engine has no such option, or the value does not fit.
    """
    label, by_lower = spec.label, {name.lower(): option for name, option in offered.items()}
    accepted: dict[str, OptionValue] = {}
    warnings: list[str] = []
    for name, value in spec.options.items():
        option = by_lower.get(name.lower())
        if option is None:
            problem = f"the engine '{label}' has no option {_unknown(name, offered)}"
            if not spec.ignore_unknown_options:
                raise BadOption(problem)
            warnings.append(f"{problem} (ignored)")
            continue
        if option.is_managed():
            instead = "use engine.ponder" if option.name.lower() == "ponder" else "leave it out"
            raise BadOption(
                f"option '{option.name}' of '{label}' is set for each search: {instead}"
            )
        fits, accepted[option.name], allowed = _as_sent(option, value)
        if not fits:
            raise BadOption(
                f"option '{option.name}' of the engine '{label}' takes {allowed}, not {value!r}"
            )
    return accepted, warnings


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
            truth = _TRUTH.get(str(value).lower())
            return truth is not None, truth, "true or false"
        case "spin":
            number = _integer(value)
            allowed = f"a whole number from {option.min} to {option.max}"
            return number is not None and _is_in_range(option, number), number, allowed
        case "combo":
            known, text = option.var or (), _text(value)
            return text in known, text, f"one of {', '.join(known)}"
        case "button" | "reset" | "save":
            is_press = value in {None, ""} or str(value).lower() == "true"
            return is_press, None, "no value (it is a button)"
        case _:
            text = _text(value)
            return not {"\n", "\r"} & set(text), text, "one line of text"


def _text(value: OptionValue) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _integer(value: OptionValue) -> int | None:
    if isinstance(value, str):
        return int(value) if value.removeprefix("-").isdecimal() else None
    return None if isinstance(value, bool) else value


def _is_in_range(option: Option, number: int) -> bool:
    above = option.min is None or number >= option.min
    return above and (option.max is None or number <= option.max)
