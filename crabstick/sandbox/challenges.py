"""Operations on challenges: create, list, accept, decline, cancel, expire.

Pure except for changes to the world. Source: Lichess API, Challenges.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import chess

from crabstick.sandbox import games
from crabstick.sandbox.accounts import SandboxAccount
from crabstick.sandbox.challenge_form import Terms, read_terms
from crabstick.sandbox.errors import ApiError, api_error, form_error, not_found, too_many_requests
from crabstick.sandbox.lichess_json import challenge_event, challenge_json, encode
from crabstick.sandbox.request_limits import BOT_DAY, CHALLENGE_DAY, CHALLENGE_MINUTE
from crabstick.sandbox.state import SandboxChallenge, World
from crabstick.sandbox.streams import Message
from crabstick.sandbox.vocabulary import DECLINE_REASONS

_MOST_GAMES = 200
_MOST_SHOWN = 50
_MANY_WAITING = 5
_FORGOTTEN_AFTER_MS = 3 * 3600 * 1000
_COST_HUMAN = 5


def create(
    world: World, sender: SandboxAccount, target_name: str, form: Mapping[str, str], now_ms: float
) -> tuple[SandboxChallenge, list[Message]]:
    """Creates a challenge; cancels an earlier one to the same player silently.

    Raises:
        ApiError: a form error, a rule, or a limit.
    """
    terms = read_terms(form)
    if sender.is_bot and terms.speed == "ultraBullet":
        raise form_error("global", "Invalid speed")
    target = _target(world, sender, target_name, terms)
    _charge(world, sender, target, now_ms)
    if target.title is not None and terms.speed == "ultraBullet":
        raise api_error("Bots cannot play UltraBullet. Choose a slower time control.")
    busiest = max(len(world.games_of(user)) for user in (sender, target))
    if terms.clock is not None and busiest >= _MOST_GAMES:
        raise api_error("Challenge not created")
    ended = [
        _outcome(earlier, "canceled", now_ms)
        for earlier in world.challenges.values()
        if (earlier.status, earlier.challenger, earlier.target) == ("created", sender, target)
    ]
    drawn = world.rng.choice(chess.COLORS) if terms.color == "random" else terms.color == "white"
    challenge = SandboxChallenge(world.new_id(), sender, target, terms, drawn, now_ms, now_ms)
    world.challenges[challenge.id] = challenge
    return challenge, [*ended, *_event_messages(world, challenge, "challenge", now_ms)]


def accept(
    world: World, account: SandboxAccount, challenge_id: str, now_ms: float
) -> list[Message]:
    """Accepts a challenge, also an offline one, and starts its game.

    Raises:
        ApiError: the challenge is unknown, for someone else, already answered, or over a limit.
    """
    challenge = world.challenges.get(challenge_id)
    if challenge is None or challenge.target is not account or challenge.status == "accepted":
        raise not_found()
    if not challenge.is_open:
        raise api_error(f"The challenge has been {challenge.status}.")
    if account.is_bot and challenge.terms.speed == "ultraBullet":
        raise api_error("Game incompatible with a BOT account")
    _check_bot_day(world, account, challenge.challenger, now_ms)
    players = {
        color: challenge.challenger if color is challenge.challenger_color else challenge.target
        for color in chess.COLORS
    }
    started = games.start(world, challenge.id, _settled(world, challenge.terms), players, now_ms)
    return [*started, _outcome(challenge, "accepted", now_ms)]


def decline(
    world: World, account: SandboxAccount, challenge_id: str, reason: str, now_ms: float
) -> list[Message]:
    """Declines a challenge; an unknown reason counts as `generic`.

    Raises:
        ApiError: the challenge is unknown, for someone else, or already answered.
    """
    challenge = world.challenges.get(challenge_id)
    if challenge is None or challenge.target is not account or not challenge.is_open:
        raise not_found()
    known = (key for key in DECLINE_REASONS if key.lower() == reason.lower())
    challenge.decline_key = next(known, "generic")
    outcome = _outcome(challenge, "declined", now_ms)
    return [*_event_messages(world, challenge, "challengeDeclined", now_ms), outcome]


def cancel(
    world: World, account: SandboxAccount, challenge_id: str, now_ms: float
) -> list[Message]:
    """Cancels a sent challenge, declines a received one, or aborts the game that it became.

    Raises:
        ApiError: there is no such challenge or game.
    """
    challenge = world.challenges.get(challenge_id)
    if challenge is not None and challenge.is_open:
        if challenge.target is account:
            return decline(world, account, challenge_id, "generic", now_ms)
        if challenge.challenger is account:
            outcome = _outcome(challenge, "canceled", now_ms)
            return [*_event_messages(world, challenge, "challengeCanceled", now_ms), outcome]
    game = world.running.get(challenge_id)
    color = None if game is None else game.color_of(account)
    if game is None or color is None:
        raise not_found()
    if not game.is_abortable:
        raise api_error("Missing opponentToken")
    return games.abort(world, game, color, now_ms)


def incoming(world: World, account: SandboxAccount) -> list[SandboxChallenge]:
    """The challenges that a new event stream starts with; if many, real-time ones first."""
    challenges = world.challenges.values()
    waiting = [it for it in challenges if it.target is account and it.status == "created"]
    if len(waiting) > _MANY_WAITING:
        waiting.sort(key=lambda challenge: challenge.terms.clock is None)
    return waiting[:_MOST_SHOWN]


def expire(world: World, is_watched: Callable[[str], bool], now_ms: float) -> None:
    """Sets unattended clock challenges offline, silently; cancels them after 3 h."""
    life_ms = world.options.challenge_life / timedelta(milliseconds=1)
    for challenge in world.challenges.values():
        if is_watched(challenge.id):
            challenge.seen_ms = now_ms
        idle_ms = now_ms - challenge.seen_ms
        timed = challenge.terms.clock is not None
        if challenge.status == "created" and timed and idle_ms > life_ms:
            challenge.status = "offline"
        elif challenge.status == "offline" and idle_ms > _FORGOTTEN_AFTER_MS:
            _outcome(challenge, "canceled", now_ms)


def _target(world: World, sender: SandboxAccount, name: str, terms: Terms) -> SandboxAccount:
    target = world.accounts.get(name)
    if target is None:
        raise api_error(f"No such user: {name}")
    if target is sender:
        raise api_error("You cannot challenge yourself")
    if terms.rules and target.is_bot:
        raise api_error("Rules not applicable for bots")
    return target


def _charge(world: World, sender: SandboxAccount, target: SandboxAccount, now_ms: float) -> None:
    cost = 1 if target.is_bot else _COST_HUMAN
    for limit in (CHALLENGE_MINUTE, CHALLENGE_DAY):
        if not world.limits.charge(limit, sender.id, now_ms, cost):
            raise too_many_requests()
    _check_bot_day(world, sender, target, now_ms)


def _check_bot_day(
    world: World, sender: SandboxAccount, target: SandboxAccount, now_ms: float
) -> None:
    """Rejects when either bot has played its games against bots for today."""
    if not (sender.is_bot and target.is_bot):
        return
    played = f"played {BOT_DAY.allowance} games against other bots today, please wait"
    wait_s = world.limits.wait_s(BOT_DAY, sender.id, now_ms)
    if wait_s:
        text = f"You {played} before challenging another bot."
        raise _bot_day(429, text, wait_s)
    wait_s = world.limits.wait_s(BOT_DAY, target.id, now_ms)
    if wait_s:
        free = datetime.fromtimestamp(now_ms / 1000 + wait_s, UTC)
        until = free.isoformat(timespec="seconds").replace("+00:00", "Z")
        raise _bot_day(400, f"{target.name} {played} until {until} to challenge them.", wait_s)


def _bot_day(status: int, text: str, wait_s: int) -> ApiError:
    return ApiError(status, {"error": text, "ratelimit": {"key": BOT_DAY.name, "seconds": wait_s}})


def _outcome(challenge: SandboxChallenge, status: str, now_ms: float) -> Message:
    """Records the outcome; ends the stream that keeps the challenge alive with it."""
    challenge.status, challenge.answered_ms = status, now_ms
    return Message("challenge", challenge.id, encode({"done": status}), is_last=True)


def _settled(world: World, terms: Terms) -> Terms:
    """Draws the start position of a chess960 game if the form gave none."""
    if terms.variant.key != "chess960" or terms.initial_fen is not None:
        return terms
    drawn = chess.Board.from_chess960_pos(world.rng.randrange(960))
    return replace(terms, initial_fen=drawn.fen())


def _event_messages(
    world: World, challenge: SandboxChallenge, kind: str, now_ms: float
) -> list[Message]:
    """The event for both sides; only a new challenge lists the APIs it is compatible with."""
    body = challenge_json(world, challenge, now_ms)
    return [
        Message("event", user.id, challenge_event(kind, body, user if challenge.is_open else None))
        for user in (challenge.challenger, challenge.target)
    ]
