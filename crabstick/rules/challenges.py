"""Which challenges are taken: `decide` is the whole policy, one small predicate per decline reason.

Pure. The EventListener carries the verdict to Lichess.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from crabstick.rules.model import Challenge, DeclineReason

__all__ = ["Accept", "Decline", "Load", "Policy", "decide"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the owner of the bot takes.

    `time_controls` holds Lichess's speeds (`bullet`, `blitz`, `rapid`, `classical`,
    `correspondence`), `modes` holds `casual` and `rated`.
    """

    variants: frozenset[str]
    time_controls: frozenset[str]
    modes: frozenset[str]
    accept_bots: bool
    min_initial: timedelta
    max_initial: timedelta
    min_increment: timedelta
    max_increment: timedelta
    max_games: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How busy the bot is: `games` counts running games and accepted challenges together.

    `has_room` is False when the cluster has no free slot, and `may_grow` when no node would come
    for another game; `may_play_bots` when Lichess lets us start no more games against bots for now.
    """

    games: int
    has_room: bool
    may_grow: bool = False
    may_play_bots: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """The challenge is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline:
    """The challenge is turned down; the challenger reads Lichess's text for `reason`.

    `wants_room`: with one more node it would have been taken, and so may be the next.
    """

    reason: DeclineReason
    wants_room: bool = False


def decide(challenge: Challenge, policy: Policy, load: Load) -> Accept | Decline:
    """Accepts unless an objection holds; the first objection in the table names the reason.

    A human waits for a node to come, for Lichess starts no clock before the second move; bots on
    lichess-bot or BotLi abort after 20 to 60 s.
    """
    for reason, holds in _OBJECTIONS:
        if holds(challenge, policy):
            return Decline(reason=reason)
    is_from_bot = _is_from_bot(challenge)
    if load.games >= policy.max_games or (is_from_bot and not load.may_play_bots):
        return Decline(reason="later")
    if load.has_room or (load.may_grow and not is_from_bot):
        return Accept()
    return Decline(reason="later", wants_room=load.may_grow)


def _is_from_bot(challenge: Challenge) -> bool:
    return challenge.challenger is not None and challenge.challenger.title == "BOT"


def _from_a_bot(challenge: Challenge, policy: Policy) -> bool:
    return _is_from_bot(challenge) and not policy.accept_bots


def _other_variant(challenge: Challenge, policy: Policy) -> bool:
    return challenge.variant not in policy.variants


def _other_time_control(challenge: Challenge, policy: Policy) -> bool:
    return challenge.clock is None or challenge.speed not in policy.time_controls


def _too_fast(challenge: Challenge, policy: Policy) -> bool:
    clock = challenge.clock
    return clock is not None and (
        clock.initial < policy.min_initial or clock.increment < policy.min_increment
    )


def _too_slow(challenge: Challenge, policy: Policy) -> bool:
    clock = challenge.clock
    return clock is not None and (
        clock.initial > policy.max_initial or clock.increment > policy.max_increment
    )


def _rated_but_casual_wanted(challenge: Challenge, policy: Policy) -> bool:
    return challenge.rated and "rated" not in policy.modes


def _casual_but_rated_wanted(challenge: Challenge, policy: Policy) -> bool:
    return not challenge.rated and "casual" not in policy.modes


_OBJECTIONS: tuple[tuple[DeclineReason, Callable[[Challenge, Policy], bool]], ...] = (
    ("noBot", _from_a_bot),
    ("variant", _other_variant),
    ("timeControl", _other_time_control),
    ("tooFast", _too_fast),
    ("tooSlow", _too_slow),
    ("casual", _rated_but_casual_wanted),  # Lichess's key asks for what *would* be taken
    ("rated", _casual_but_rated_wanted),
)
