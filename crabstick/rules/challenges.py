"""Decides which challenges are accepted: `decide` is the whole policy, one predicate per reason.

Pure. The EventListener sends the verdict to Lichess.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from crabstick.rules.engine_choice import Traits
from crabstick.rules.lichess_types import Challenge, DeclineReason
from crabstick.rules.start_positions import fits


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengePolicy:
    """The challenges that the owner of the bot accepts.

    `time_controls` holds Lichess's speeds (`bullet`, `blitz`, `rapid`, `classical`,
    `correspondence`), `modes` holds `casual` and `rated`. With `positions`, others are declined.
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
    positions: tuple[Traits, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How busy the bot is.

    Attributes:
        games: running games and accepted challenges together.
        has_room: whether the cluster has a free slot.
        may_grow: whether the cluster would add a node for another game.
        may_play_bots: whether Lichess allows more games against bots for now.
    """

    games: int
    has_room: bool
    may_grow: bool = False
    may_play_bots: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """The challenge is accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline:
    """The challenge is declined; the challenger reads Lichess's text for `reason`.

    `wants_room`: one more node would have made room for it, and may make room for the next.
    """

    reason: DeclineReason
    wants_room: bool = False


def decide(challenge: Challenge, policy: ChallengePolicy, load: Load) -> Accept | Decline:
    """Accepts unless an objection holds; the first objection in the table names the reason.

    A human waits for a node to come, because Lichess starts no clock before the second move; bots
    on lichess-bot or BotLi abort after 20 to 60 s.
    """
    for reason, holds in _OBJECTIONS:
        if holds(challenge, policy):
            return Decline(reason=reason)
    is_from_bot = challenge.is_from_bot
    if load.games >= policy.max_games or (is_from_bot and not load.may_play_bots):
        return Decline(reason="later")
    if load.has_room or (load.may_grow and not is_from_bot):
        return Accept()
    return Decline(reason="later", wants_room=load.may_grow)


def _is_too_fast(challenge: Challenge, policy: ChallengePolicy) -> bool:
    clock = challenge.clock
    return clock is not None and (
        clock.initial < policy.min_initial or clock.increment < policy.min_increment
    )


def _is_too_slow(challenge: Challenge, policy: ChallengePolicy) -> bool:
    clock = challenge.clock
    return clock is not None and (
        clock.initial > policy.max_initial or clock.increment > policy.max_increment
    )


def _has_no_position(
    challenge: Challenge, policy: ChallengePolicy, *, any_color: bool = False
) -> bool:
    """With our colour, this includes the rematch of an odds game."""
    game = Traits.of_challenge(challenge)
    is_bound = bool(policy.positions) and game.variant == "fromPosition"
    return is_bound and not any(fits(it, game, any_color=any_color) for it in policy.positions)


_OBJECTIONS: tuple[tuple[DeclineReason, Callable[[Challenge, ChallengePolicy], bool]], ...] = (
    ("noBot", lambda challenge, policy: challenge.is_from_bot and not policy.accept_bots),
    ("variant", lambda challenge, policy: challenge.variant not in policy.variants),
    ("variant", partial(_has_no_position, any_color=True)),
    (
        "timeControl",
        lambda challenge, policy: (
            challenge.clock is None or challenge.speed not in policy.time_controls
        ),
    ),
    ("tooFast", _is_too_fast),
    ("tooSlow", _is_too_slow),
    # These two of Lichess's keys name what would be accepted.
    ("casual", lambda challenge, policy: challenge.rated and "rated" not in policy.modes),
    ("rated", lambda challenge, policy: not challenge.rated and "casual" not in policy.modes),
    ("generic", _has_no_position),
)
