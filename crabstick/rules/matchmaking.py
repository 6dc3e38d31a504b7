"""Which bot to challenge next, when, and to what. Pure.

Times are in seconds since the epoch: they outlive the process. Ratings are by Lichess's perf: the
variant, or the speed in standard chess.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import chess

from crabstick.rules.lichess_types import Account, Clock

DAY_S: Final = 86_400.0
BOT_GAMES_A_DAY: Final = 100
"""Source: lila, BotLimit; a refusal teaches us the number of today."""
LONGEST_PAUSE_S: Final = 30 * DAY_S
PAUSES_S: Final[Mapping[str, float]] = {
    "later": 1800.0,
    "": 3600.0,  # no answer
    "generic": 6 * 3600.0,
    "nobot": LONGEST_PAUSE_S,
}
"""The first pause by Lichess's reason, in lower case; it doubles with each further decline."""
SETTLED_PAUSE_S: Final = DAY_S
"""The other reasons are about the game: the same game will be declined again tomorrow."""
WHOLE: Final = "*"
"""In place of a perf: a pause for every game."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GameType:
    """A game that we offer; `weight` is how often, compared with the others."""

    clock: Clock
    speed: str
    variant: str = "standard"
    rated: bool = False
    weight: float = 1.0

    @property
    def perf(self) -> str:
        """Lichess's name of the rating."""
        return self.speed if self.variant in {"standard", "fromPosition"} else self.variant


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingBand:
    """Whom we challenge by rating; differences are from our own rating, up or down."""

    min_rating: int = 0
    max_rating: int = 4000
    min_difference: int = 0
    max_difference: int | None = None
    target_difference: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What we offer, and to whom; `ours` are our own ratings by perf."""

    types: Sequence[GameType]
    band: RatingBand
    ours: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A challenge to make."""

    opponent: str
    game: GameType
    color: chess.Color


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is remembered across restarts.

    Attributes:
        pauses: (name, perf) -> until when we do not ask, and how long that pause is.
        games: id -> when it began, for our games against bots of the last day.
        limit: how many of these Lichess allows in a day, as far as we know.
        blocked_until_s: until then Lichess takes no challenge of ours.
        asked_s: when we last challenged.
        second: the other half of a pair: the same game with the other colour.
    """

    pauses: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    games: Mapping[str, float] = field(default_factory=dict)
    limit: int = BOT_GAMES_A_DAY
    blocked_until_s: float = 0.0
    asked_s: float = 0.0
    second: Proposal | None = None

    def began(self, game_id: str, now_s: float) -> "Memory":
        """A game against a bot has begun, whoever challenged; idempotent."""
        recent = {each: at_s for each, at_s in self.games.items() if at_s > now_s - DAY_S}
        limit = max(self.limit, len(recent) + 1)
        return replace(self, games={game_id: now_s, **recent}, limit=limit)

    def asked(self, now_s: float) -> "Memory":
        """We tried to challenge somebody."""
        return replace(self, asked_s=now_s)

    def accepted(self, proposal: Proposal, now_s: float) -> "Memory":
        """An opponent took our challenge: their pauses end, and the other colour comes next."""
        name = proposal.opponent.lower()
        pauses = {key: pause for key, pause in self.pauses.items() if key[0] != name}
        is_second = proposal == self.second
        second = None if is_second else replace(proposal, color=not proposal.color)
        return replace(self, pauses=pauses, second=second, asked_s=now_s)

    def declined(self, proposal: Proposal, reason: str, now_s: float) -> "Memory":
        """An opponent declined, or did not answer (an empty reason); each time pauses longer."""
        perf = WHOLE if reason in {"nobot", "generic"} else proposal.game.perf
        key = (proposal.opponent.lower(), perf)
        _, last_s = self.pauses.get(key, (0.0, 0.0))
        first_s = PAUSES_S.get(reason, SETTLED_PAUSE_S)
        pause_s = min(max(first_s, 2 * last_s), LONGEST_PAUSE_S)
        pauses = {**self.pauses, key: (now_s + pause_s, pause_s)}
        return replace(self, pauses=pauses, second=None, asked_s=now_s)

    def is_paused(self, name: str, perf: str, now_s: float) -> bool:
        """Whether this opponent is not to be asked for such a game now."""
        keys = ((name.lower(), perf), (name.lower(), WHOLE))
        return any(self.pauses.get(key, (0.0, 0.0))[0] > now_s for key in keys)

    def blocked(self, now_s: float, seconds: float, limit: int | None = None) -> "Memory":
        """Lichess takes no challenge for `seconds`; `limit` is the number of games it names."""
        return replace(
            self, limit=limit or self.limit, blocked_until_s=now_s + seconds, asked_s=now_s
        )

    def pack(self) -> dict[str, object]:
        """Plain JSON for `unpack`; of a pair, only the first half is remembered."""
        pauses = [[*key, *pause] for key, pause in self.pauses.items()]
        games = dict(self.games)
        values = (self.limit, self.blocked_until_s, self.asked_s)
        return {"pauses": pauses, "games": games, "values": [*values]}

    @classmethod
    def unpack(cls, raw: Mapping[str, object]) -> "Memory":
        """What `pack` wrote; an empty memory for anything else."""
        try:
            match raw:
                case {
                    "pauses": list(pauses),
                    "games": dict(games),
                    "values": [int(limit), (int() | float()) as until, (int() | float()) as at],
                }:
                    return cls(
                        pauses={
                            (str(name), str(perf)): (float(until_s), float(pause_s))
                            for name, perf, until_s, pause_s in pauses
                        },
                        games={str(game): float(at_s) for game, at_s in games.items()},
                        limit=limit,
                        blocked_until_s=until,
                        asked_s=at,
                    )
                case _:
                    return cls()
        except (TypeError, ValueError):
            return cls()


def next_at_s(memory: Memory, delay_s: float, kept: int, now_s: float) -> float:
    """When the next challenge is due.

    The games that are left of the day are spread over the rest of it, without those `kept` for
    challenges of others.
    """
    recent = sorted(at_s for at_s in memory.games.values() if at_s > now_s - DAY_S)
    left = memory.limit - kept - len(recent)
    if left <= 0:
        freed_s = recent[0] + DAY_S if recent else now_s + DAY_S
        return max(freed_s, memory.blocked_until_s)
    rest_s = (recent[0] + DAY_S - now_s) if recent else DAY_S
    pause_s = delay_s if memory.second else max(delay_s, rest_s / left)
    return max(memory.asked_s + pause_s, memory.blocked_until_s)


def propose(
    wish: Wish, bots: Collection[Account], memory: Memory, *, now_s: float, draw: float
) -> list[Proposal]:
    """The challenges that may be made now, best first; `draw` in [0, 1) chooses the game.

    The second half of a pair comes first. Among opponents, the one nearest to the wanted
    difference in rating is best, where one is wanted, else any.
    """
    game, band = _by_weight(wish.types, draw), wish.band
    ours = wish.ours.get(game.perf)
    fitting = [
        (_distance(band, bot.ratings[game.perf], ours), bot)
        for bot in bots
        if game.perf in bot.ratings
        and _fits(band, bot.ratings[game.perf], ours)
        and not memory.is_paused(bot.name, game.perf, now_s)
    ]
    color = chess.WHITE if int(draw * 1000) % 2 else chess.BLACK
    turn = int(draw * 997) % len(fitting) if fitting else 0
    rotated = [*fitting[turn:], *fitting[:turn]]
    ordered = sorted(rotated, key=lambda each: each[0])
    found = [Proposal(opponent=one.name, game=game, color=color) for _, one in ordered]
    second = memory.second
    is_here = second and any(bot.name == second.opponent for bot in bots)
    if second and is_here and not memory.is_paused(second.opponent, second.game.perf, now_s):
        return [second, *found]
    return found


def _by_weight(types: Sequence[GameType], draw: float) -> GameType:
    left = draw * sum(one.weight for one in types)
    for one in types:
        left -= one.weight
        if left < 0:
            return one
    return types[-1]


def _fits(band: RatingBand, rating: int, ours: int | None) -> bool:
    if not band.min_rating <= rating <= band.max_rating:
        return False
    if ours is None:
        return True
    apart, most = abs(rating - ours), band.max_difference
    return band.min_difference <= apart and (most is None or apart <= most)


def _distance(band: RatingBand, rating: int, ours: int | None) -> int:
    if band.target_difference is None or ours is None:
        return 0
    return abs(abs(rating - ours) - band.target_difference)
