"""Lists of players: who may challenge whatever else holds, and who may not. Pure.

Names are compared without regard to case, as Lichess does.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from crabstick.rules.challenges import Standing

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,28}[A-Za-z0-9]")
"""Source: Lichess API, `username`."""
_BRIEF: Final = 40


def is_list_file(entry: object) -> bool:
    """Whether the entry of a list is the path of a text file, and not a name or a web address."""
    return isinstance(entry, str) and "://" not in entry and ("/" in entry or "." in entry)


def parse_names(text: str) -> frozenset[str]:
    """The names in a text with one on each line; empty lines and `#` comments do not count.

    Raises:
        ValueError: a line is not a name.
    """
    names = set()
    for number, line in enumerate(text.splitlines(), start=1):
        name = line.partition("#")[0].strip()
        if name and not NAME.fullmatch(name):
            shown = "".join(c if c.isprintable() else "?" for c in name[:_BRIEF])
            raise ValueError(f"line {number} is not a name on Lichess: {shown}")
        names.add(name.lower())
    return frozenset(names - {""})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerLists:
    """All lists together; `own` are the orders of the owner: name -> (blocked?, until when).

    The time is in seconds since the epoch, None without an end.
    """

    allowed: Collection[str] = frozenset()
    blocked: Collection[str] = frozenset()
    only_from: Collection[str] | None = None
    own: Mapping[str, tuple[bool, float | None]] = field(default_factory=dict)

    def standing(self, name: str, now_s: float) -> Standing:
        """What the lists say of a player; an order of the owner comes first."""
        key = name.lower()
        is_blocked, until_s = self.own.get(key, (False, 0.0))
        if until_s is None or until_s > now_s:
            return "blocked" if is_blocked else "allowed"
        if key in self.allowed:
            return "allowed"
        if key in self.blocked:
            return "blocked"
        return "unlisted" if self.only_from is not None and key not in self.only_from else ""
