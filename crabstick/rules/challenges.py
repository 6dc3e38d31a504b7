"""Decides which challenges are accepted: `decide` is the whole policy, one objection per reason.

Pure. The EventListener sends the verdict to Lichess, and `crabstick why` shows its sentence.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, product
from typing import Final, Literal

from crabstick.explain import counted
from crabstick.rules.engine_choice import Traits, clock_of, speed_of
from crabstick.rules.lichess_types import (
    Challenge,
    Clock,
    DeclineReason,
    GameId,
    LichessPlayer,
)
from crabstick.rules.start_positions import fits

_COMMON_CLOCKS: Final = ("1+0", "1+1", "2+1", "3+0", "3+2", "5+3", "10+0", "15+10", "30+0", "30+20")
UNLIMITED: Final = "unlimited"
"""The word in `time_controls` for games without any time limit."""
Standing = Literal["allowed", "blocked", "unlisted", ""]
"""What the lists say of a player: `unlisted` where only listed players may challenge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengePolicy:
    """The challenges that the owner of the bot accepts from one kind of opponent.

    `time_controls` holds Lichess's speeds (`bullet`, `blitz`, `rapid`, `classical`,
    `correspondence`), clocks as Lichess writes them (`3+2`) and `unlimited`; `modes` holds `casual`
    and `rated`. An empty set of these or of `variants` refuses every challenge. None is no bound.
    """

    variants: frozenset[str]
    time_controls: frozenset[str]
    modes: frozenset[str]
    min_initial_s: int
    max_initial_s: int
    min_increment_s: int
    max_increment_s: int
    max_duration_min: int | None = None
    bullet_requires_increment: bool = False
    min_days: int = 1
    max_days: int = 14
    min_rating: int = 0
    max_rating: int = 4000
    rating_difference: int | None = None
    titles: frozenset[str] | None = None
    rules: frozenset[str] = frozenset()
    max_games_per_opponent: int = 5
    max_recent_challenges: int | None = None
    positions: tuple[Traits, ...] = ()
    """Unless empty, the only start positions of `fromPosition` games."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many games the bot plays at once, of all kinds of opponents."""

    max_games: int
    reserved_for_humans: int = 0
    max_games_by_speed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What the policy needs of a running game, or of an accepted challenge."""

    opponent: str = ""
    speed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How busy the bot is.

    Attributes:
        games: running games and accepted challenges together.
        has_room: whether the cluster has a free slot.
        may_grow: whether the cluster would add a node for another game.
        may_play_bots: whether Lichess allows more games against bots for now.
        recent: how many challenges of the challenger were accepted lately.
    """

    games: Collection[Running]
    has_room: bool
    may_grow: bool = False
    may_play_bots: bool = True
    recent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """The challenge is accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline:
    """The challenge is declined; the challenger reads Lichess's text for `reason`.

    `why` is a sentence for the owner. `is_full`: the challenge may wait for a game to end.
    `wants_room`: one more node would have made room for it, and may make room for the next.
    """

    reason: DeclineReason
    why: str = ""
    is_full: bool = False
    wants_room: bool = False


def objection(
    challenge: Challenge, policy: ChallengePolicy, standing: Standing = ""
) -> Decline | None:
    """The first objection to a challenge, whatever the load; None when there is none.

    A player on the allow list may challenge as they like, in the variants that are played.
    """
    if standing == "allowed":
        reasons = _variant(challenge, policy)
        return next((Decline(reason=reason, why=why) for reason, why in reasons), None)
    if standing == "blocked":
        return Decline(reason="generic", why="the block list has this player")
    if standing == "unlisted":
        return Decline(reason="generic", why="challenges.only_from does not have this player")
    for reason, why in chain.from_iterable(each(challenge, policy) for each in _OBJECTIONS):
        return Decline(reason=reason, why=why)
    return None


def objection_to_all(game: Traits, policies: Mapping[bool, ChallengePolicy]) -> str:
    """Why no challenge with these traits is accepted, by the `policies` for humans and bots.

    Empty when one may be. The start position, the rating and the title of a challenger are no part
    of it.
    """
    found = [
        objection(challenge, replace(policy, positions=(), min_rating=0, titles=None))
        for is_bot, policy in policies.items()
        if game.is_bot in {None, is_bot}
        for challenge in _challenges_like(game, policy, is_bot=is_bot)
    ]
    whys = [one.why for one in found if one is not None]
    return whys[0] if len(whys) == len(found) else ""


def _challenges_like(game: Traits, policy: ChallengePolicy, *, is_bot: bool) -> Iterator[Challenge]:
    exact = filter(None, map(clock_of, [*policy.time_controls, *_COMMON_CLOCKS]))
    timed = [game.clock] if game.clock else [it for it in exact if _is_of(game.speed, it)]
    clocks: list[Clock | None] = [*timed] or [None]
    for clock, rated in product(clocks, [False, True]):
        if game.rated in {None, rated}:
            yield Challenge(
                id=GameId(""),
                challenger=LichessPlayer(name="", title="BOT" if is_bot else None),
                dest_user=None,
                variant=game.variant,
                rated=rated,
                speed=speed_of(clock) or game.speed,
                clock=clock,
                time_control="clock" if clock else "correspondence",
                days=None if clock else policy.min_days,
            )


def _is_of(speed: str, clock: Clock) -> bool:
    return speed in {"", speed_of(clock)}


def decide(
    challenge: Challenge, policy: ChallengePolicy, limits: Limits, load: Load
) -> Accept | Decline:
    """What the load says to a challenge without an objection.

    A human waits for a node to come, because Lichess starts no clock before the second move; bots
    on lichess-bot or BotLi abort after 20 to 60 s.
    """
    return next(_load_objections(challenge, policy, limits, load), Accept())


def _load_objections(
    challenge: Challenge, policy: ChallengePolicy, limits: Limits, load: Load
) -> Iterator[Decline]:
    is_bot, speed, games = challenge.is_from_bot, challenge.speed, len(load.games)
    of_opponent = sum(game.opponent == challenge.challenger_id for game in load.games)
    of_speed = sum(game.speed == speed for game in load.games)
    if is_bot and not load.may_play_bots:
        yield _later("Lichess allows no more games against bots today")
    if challenge.challenger_id and of_opponent >= policy.max_games_per_opponent:
        yield _later(f"{counted(of_opponent, 'game')} with this player, as many as may run")
    if policy.max_recent_challenges is not None and load.recent >= policy.max_recent_challenges:
        yield _later(f"{counted(load.recent, 'challenge')} of this player accepted lately")
    if of_speed >= limits.max_games_by_speed.get(speed, limits.max_games):
        yield _later(f"{counted(of_speed, f'{speed} game')}, as many as may run", is_full=True)
    if games >= limits.max_games:
        yield _later(f"{counted(games, 'game')}, as many as may run", is_full=True)
    if is_bot and games >= limits.max_games - limits.reserved_for_humans:
        yield _later("the free places are reserved for humans", is_full=True)
    if not load.has_room and (is_bot or not load.may_grow):
        why = "no node has room for another game"
        yield Decline(reason="later", why=why, is_full=True, wants_room=load.may_grow)


def _later(why: str, *, is_full: bool = False) -> Decline:
    return Decline(reason="later", why=why, is_full=is_full)


_Objections = Iterator[tuple[DeclineReason, str]]


def _kind(challenge: Challenge, policy: ChallengePolicy) -> _Objections:
    if not (policy.variants and policy.time_controls and policy.modes):
        if challenge.is_from_bot:
            yield "noBot", "bots are not accepted"
        yield "onlyBot", "only bots are accepted"


def _variant(challenge: Challenge, policy: ChallengePolicy) -> _Objections:
    if challenge.variant not in policy.variants:
        yield "variant", f"{challenge.variant} is not played"
    if _has_no_position(challenge, policy, any_color=True):
        yield "variant", "challenges.positions do not have this one"


def _time_control(challenge: Challenge, policy: ChallengePolicy) -> _Objections:
    clock = challenge.clock
    if clock is None and challenge.time_control not in policy.time_controls:
        yield "timeControl", f"{challenge.time_control} games are not played"
    if clock and policy.time_controls.isdisjoint({challenge.speed, plain(clock)}):
        yield "timeControl", f"{challenge.speed} {clock} is not played"


def _clock(challenge: Challenge, policy: ChallengePolicy) -> _Objections:
    clock = challenge.clock
    if clock is None or plain(clock) in policy.time_controls:
        return
    initial_s, increment_s = clock.initial.total_seconds(), clock.increment.total_seconds()
    minutes = expected_minutes(clock)
    if initial_s < policy.min_initial_s:
        yield "tooFast", f"{clock} starts with less than {policy.min_initial_s} s"
    if increment_s < policy.min_increment_s:
        yield "tooFast", f"{clock} adds less than {policy.min_increment_s} s a move"
    if policy.bullet_requires_increment and challenge.speed == "bullet" and not increment_s:
        yield "tooFast", f"{clock} is bullet without an increment"
    if initial_s > policy.max_initial_s:
        yield "tooSlow", f"{clock} starts with more than {policy.max_initial_s} s"
    if increment_s > policy.max_increment_s:
        yield "tooSlow", f"{clock} adds more than {policy.max_increment_s} s a move"
    if policy.max_duration_min is not None and minutes > policy.max_duration_min:
        yield "tooSlow", f"{clock} takes {minutes:.0f} min, more than {policy.max_duration_min}"


def _days(challenge: Challenge, policy: ChallengePolicy) -> _Objections:
    days = challenge.days
    if days is not None and days < policy.min_days:
        yield "tooFast", f"{counted(days, 'day')} a move, fewer than {policy.min_days}"
    if days is not None and days > policy.max_days:
        yield "tooSlow", f"{counted(days, 'day')} a move, more than {policy.max_days}"


def _mode(challenge: Challenge, policy: ChallengePolicy) -> _Objections:
    # These two of Lichess's keys name what would be accepted.
    if challenge.rated and "rated" not in policy.modes:
        yield "casual", "rated games are not played"
    if not challenge.rated and "casual" not in policy.modes:
        yield "rated", "casual games are not played"


def _rules(challenge: Challenge, policy: ChallengePolicy) -> _Objections:
    for rule in sorted(challenge.rules - policy.rules):
        yield "generic", f"the rule {rule} is not accepted"


def _title(challenge: Challenge, policy: ChallengePolicy) -> _Objections:
    challenger = challenge.challenger
    title = challenger.title if challenger else None
    if policy.titles is not None and title != "BOT" and title not in policy.titles:
        yield "generic", f"{title or 'no title'} is not among the titles"


def _rating(challenge: Challenge, policy: ChallengePolicy) -> _Objections:
    """An anonymous player has no rating, and meets no lower bound above 0."""
    challenger, us = challenge.challenger, challenge.dest_user
    rating = (challenger.rating if challenger else None) or 0
    ours, most = us.rating if us else None, policy.rating_difference
    if not policy.min_rating <= rating <= policy.max_rating:
        yield "generic", f"the rating {rating} is not in {policy.min_rating}-{policy.max_rating}"
    if most is not None and ours is not None and abs(rating - ours) > most:
        yield "generic", f"the rating {rating} is more than {most} away from ours, {ours}"


def _side(challenge: Challenge, policy: ChallengePolicy) -> _Objections:
    if _has_no_position(challenge, policy):
        yield "generic", "the bot does not play this side of the position"


def _has_no_position(
    challenge: Challenge, policy: ChallengePolicy, *, any_color: bool = False
) -> bool:
    """With our colour, this includes the rematch of an odds game."""
    game = Traits.of_challenge(challenge)
    is_bound = bool(policy.positions) and game.variant == "fromPosition"
    return is_bound and not any(fits(it, game, any_color=any_color) for it in policy.positions)


_OBJECTIONS: Final[tuple[Callable[[Challenge, ChallengePolicy], _Objections], ...]] = (
    _kind,
    _variant,
    _time_control,
    _clock,
    _days,
    _mode,
    _rules,
    _title,
    _rating,
    _side,
)
"""The first one that holds names the reason."""


def plain(clock: Clock) -> str:
    """A clock as it is written in settings: minutes + seconds a move, `0.5+0`."""
    return f"{clock.initial.total_seconds() / 60:g}+{clock.increment.total_seconds():g}"


def expected_minutes(clock: Clock) -> float:
    """How long a game lasts by experience. Source: BotLi's `max_estimated_game_duration`."""
    return (1.33 * clock.initial.total_seconds() + 104.77 * clock.increment.total_seconds()) / 60
