"""When Lichess lets the bot ask again: one picture, to which every process may add.

Pure. Lichess limits the account, not the process that was told so. Of two words on the same thing
the later moment wins; so what is told may be lost, come twice, or come in any order, and all who
have heard the same know the same. Moments are Unix time in ms, for processes share them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal, get_args

from crabstick.rules.retry import LONGEST_COOL_DOWN

__all__ = ["BOT_GAMES_KEY", "ENDPOINTS", "OPENINGS", "Endpoint", "RateLimitTable", "class_of"]

Endpoint = Literal[
    "event_stream", "game_stream", "move", "command", "challenge", "bot_game", "account"
]
"""What Lichess answers 429 for, as classes that wait together.

`command` is what ends a game (abort, resign, claim). `bot_game` is accepting another bot's
challenge: a hundred such games a day; people's challenges, and declining, go on meanwhile.
"""
ENDPOINTS: Final[tuple[Endpoint, ...]] = get_args(Endpoint)
OPENINGS: Final = "openings"
"""No endpoint but a budget: when all openings of the event stream are forgiven."""
BOT_GAMES_KEY: Final = "bot.vsBot.day"
"""Source: lila, `ratelimit.key` of the answer to a challenge between bots."""

_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class RateLimitTable:
    """Until when each thing waits; what is missing, or in the past, is free."""

    until_ms: Mapping[str, int] = field(default_factory=dict)

    def merged(self, told: Mapping[str, int]) -> "RateLimitTable":
        """These and what somebody else tells; the later moment wins."""
        known = self.until_ms
        latest = {what: max(known.get(what, ms), ms) for what, ms in told.items()}
        return RateLimitTable({**known, **latest})

    def wait(self, what: str, now_ms: float) -> timedelta:
        """How long `what` still waits: a day at most, whatever another node's clock says."""
        left = (self.until_ms.get(what, 0) - now_ms) * _MS
        return max(timedelta(0), min(left, LONGEST_COOL_DOWN))

    def pending(self, now_ms: float) -> dict[str, int]:
        """What is not free yet."""
        return {what: ms for what, ms in self.until_ms.items() if ms > now_ms}


def class_of(key: str) -> Endpoint:
    """The class that an answer to a challenge limits, by the `ratelimit.key` in its body."""
    return "bot_game" if key == BOT_GAMES_KEY else "challenge"
