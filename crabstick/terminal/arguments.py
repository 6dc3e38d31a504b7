"""Clocks, variants and durations on the command line.

Imports little, so that a wrong one fails at once.
"""

import re
from datetime import timedelta

from crabstick.errors import ConfigError
from crabstick.rules.lichess_types import Clock
from crabstick.sandbox.vocabulary import VARIANTS

_LIMITS_S = frozenset({0, 15, 30, 45, 60, 90, *range(120, 10801, 60)})
_MAX_INCREMENT_S = 60
_MIN_ESTIMATE_S = 30
"""Bots may not play faster. Source: lila, ultraBullet below 30 s = limit + 40 * increment."""
_UNITS_S = {"m": 60, "h": 3600, "d": 86_400}


def parse_clock(text: str) -> Clock:
    """Reads seconds + seconds a move: `60+1`.

    Raises:
        ConfigError: the text is not a clock, or Lichess does not offer that clock to bots.
    """
    match = re.fullmatch(r"(\d{1,5})\+(\d{1,2})", text)
    if match is None:
        raise ConfigError(f"--clock {text}: write seconds + seconds a move, such as 30+0 or 60+1")
    limit_s, increment_s = int(match.group(1)), int(match.group(2))
    if limit_s not in _LIMITS_S or increment_s > _MAX_INCREMENT_S:
        raise ConfigError(
            f"--clock {text}: Lichess knows 0, 15, 30, 45, 60, 90 and whole minutes from 2 to 180, "
            "with 0 to 60 seconds a move"
        )
    if limit_s + 40 * increment_s < _MIN_ESTIMATE_S:
        raise ConfigError(f"--clock {text}: too fast for bots; the fastest are 30+0 and 0+1")
    return Clock(initial=timedelta(seconds=limit_s), increment=timedelta(seconds=increment_s))


def in_seconds(clock: Clock) -> str:
    """Formats a clock as the command line takes it: `30+0 s`; Lichess writes minutes first."""
    return f"{clock.initial.total_seconds():g}+{clock.increment.total_seconds():g} s"


def parse_variants(text: str) -> tuple[str, ...]:
    """Reads the key of a variant, or `all`.

    Raises:
        ConfigError: Lichess has no such variant.
    """
    if text == "all":
        return tuple(VARIANTS)
    if text not in VARIANTS:
        raise ConfigError(f"--variant {text}: Lichess knows {', '.join(VARIANTS)}; or write all")
    return (text,)


def parse_duration(text: str | None) -> int | None:
    """The duration in seconds; None without one.

    Raises:
        ConfigError: it is no such duration.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,6})([mhd])", text.strip().lower())
    if match is None or not int(match[1]):
        raise ConfigError(f"--for {text}: write 30m, 12h or 3d")
    return int(match[1]) * _UNITS_S[match[2]]
