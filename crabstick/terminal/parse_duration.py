"""Reads a duration such as `3d` from the command line."""

import re
from typing import Final

import typer

_UNITS: Final = {"m": 60, "h": 3600, "d": 86_400}
_DURATION: Final = re.compile(r"(\d{1,6})([mhd])")


def parse_duration(text: str | None) -> int | None:
    """The duration in seconds; None without one.

    Raises:
        typer.BadParameter: it is no such duration.
    """
    if text is None:
        return None
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None or not int(match[1]):
        raise typer.BadParameter(f"{text!r} is no duration: write 30m, 12h or 3d")
    return int(match[1]) * _UNITS[match[2]]
