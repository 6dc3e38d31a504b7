"""Operations on challenges: create, list, accept, decline, cancel, expire.

Pure except for changes to the world. Source: Lichess API, Challenges.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import chess

from crabstick.sandbox import games
from crabstick.sandbox.accounts import SandboxAccount
from crabstick.sandbox.challenge_form import Terms, read_terms
from crabstick.sandbox.errors import ApiError, api_error, form_error, not_found, too_many_requests
from crabstick.sandbox.lichess_json import challenge_event, challenge_json
from crabstick.sandbox.request_limits import BOT_DAY, CHALLENGE_DAY, CHALLENGE_MINUTE
from crabstick.sandbox.state import SandboxChallenge, World
from crabstick.sandbox.streams import ChallengeOutcome, EventMessage, StreamMessage
from crabstick.sandbox.vocabulary import DECLINE_REASONS

_MOST_GAMES = 200
_MOST_SHOWN = 50
_MANY_WAITING = 5
_FORGOTTEN_AFTER_MS = 3 * 3600 * 1000
_COST_HUMAN = 5


def create(
    world: World, sender: SandboxAccount, target_name: str, form: Mapping[str, str], now_ms: float
) -> tuple[SandboxChallenge, list[StreamMessage]]:
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
    busiest = max(len(world.games_of(user.id)) for user in (sender, target))
    if terms.clock is not None and busiest >= _MOST_GAMES:
        raise api_error("Challenge not created")
    ended = _cancel_earlier(world, sender, target, now_ms)
    sides = (sender.id, target.id)
    challenge_id = world.new_id()
    drawn = world.rng.choice(chess.COLORS) if terms.color == "random" else terms.color == "white"
    challenge = SandboxChallenge(challenge_id, sides, terms, drawn, now_ms)
    world.challenges[challenge.id] = challenge
    return challenge, [*ended, *_event_messages(world, challenge, "challenge", now_ms, live=True)]


def accept(
    world: World, account: SandboxAccount, challenge_id: str, now_ms: float
) -> list[StreamMessage]:
    """Accepts a challenge, also an offline one, and starts its game.

    Raises:
        ApiError: the challenge is unknown, for someone else, already answered, or over a limit.
    """
    challenge = world.challenges.get(challenge_id)
    if challenge is None or challenge.target_id != account.id or challenge.status == "accepted":
        raise not_found()
    if not challenge.is_open:
        raise api_error(f"The challenge has been {challenge.status}.")
    if account.is_bot and challenge.terms.speed == "ultraBullet":
        raise api_error("Game incompatible with a BOT account")
    _check_bot_day(world, account, world.accounts[challenge.challenger_id], now_ms)
    challenge.close("accepted", now_ms)
    white, black = challenge.challenger_id, challenge.target_id
    if challenge.challenger_color is chess.BLACK:
        white, black = black, white
    users = {chess.WHITE: white, chess.BLACK: black}
    terms = _settled(world, challenge.terms)
    started = games.start(world, challenge.id, terms, users, now_ms)
    return [*started, ChallengeOutcome(challenge.id, "accepted")]


def decline(
    world: World, account: SandboxAccount, challenge_id: str, reason: str, now_ms: float
) -> list[StreamMessage]:
    """Declines a challenge; an unknown reason counts as `generic`.

    Raises:
        ApiError: the challenge is unknown, for someone else, or already answered.
    """
    challenge = world.challenges.get(challenge_id)
    if challenge is None or challenge.target_id != account.id or not challenge.is_open:
        raise not_found()
    known = (key for key in DECLINE_REASONS if key.lower() == reason.lower())
    challenge.decline_key = next(known, "generic")
    challenge.close("declined", now_ms)
    messages = _event_messages(world, challenge, "challengeDeclined", now_ms, live=False)
    return [*messages, ChallengeOutcome(challenge.id, "declined")]


def cancel(
    world: World, account: SandboxAccount, challenge_id: str, now_ms: float
) -> list[StreamMessage]:
    """Cancels a sent challenge, declines a received one, or aborts the game that it became.

    Raises:
        ApiError: there is no such challenge or game.
    """
    challenge = world.challenges.get(challenge_id)
    if challenge is not None and challenge.is_open:
        if challenge.target_id == account.id:
            return decline(world, account, challenge_id, "generic", now_ms)
        if challenge.challenger_id == account.id:
            challenge.close("canceled", now_ms)
            messages = _event_messages(world, challenge, "challengeCanceled", now_ms, live=False)
            return [*messages, ChallengeOutcome(challenge.id, "canceled")]
    game = world.running.get(challenge_id)
    color = None if game is None else game.color_of(account.id)
    if game is None or color is None:
        raise not_found()
    if not game.is_abortable:
        raise api_error("Missing opponentToken")
    return games.abort(world, game, color, now_ms)


def received_and_sent(
    world: World, account: SandboxAccount
) -> tuple[list[SandboxChallenge], list[SandboxChallenge]]:
    """The challenges in status created: received, and sent."""
    created = [
        challenge for challenge in world.challenges.values() if challenge.status == "created"
    ]
    return (
        [challenge for challenge in created if challenge.target_id == account.id],
        [challenge for challenge in created if challenge.challenger_id == account.id],
    )


def incoming(world: World, user_id: str) -> list[SandboxChallenge]:
    """The challenges that a new event stream starts with; if many, real-time ones first."""
    waiting, _ = received_and_sent(world, world.accounts[user_id])
    if len(waiting) > _MANY_WAITING:
        waiting.sort(key=lambda challenge: challenge.terms.clock is None)
    return waiting[:_MOST_SHOWN]


def challenge_for(world: World, account: SandboxAccount, challenge_id: str) -> SandboxChallenge:
    """Finds a challenge for one of its parties.

    Raises:
        ApiError: the challenge is unknown or someone else's.
    """
    challenge = world.challenges.get(challenge_id)
    if challenge is None or account.id not in {challenge.challenger_id, challenge.target_id}:
        raise not_found()
    return challenge


def expire(world: World, now_ms: float) -> None:
    """Sets unattended clock challenges offline, silently; cancels them after 3 h."""
    life_ms = world.options.challenge_life / timedelta(milliseconds=1)
    for challenge in world.challenges.values():
        idle_ms = now_ms - challenge.seen_ms
        timed = challenge.terms.clock is not None
        if challenge.status == "created" and timed and idle_ms > life_ms:
            challenge.status = "offline"
        elif challenge.status == "offline" and idle_ms > _FORGOTTEN_AFTER_MS:
            challenge.close("canceled", now_ms)


def _target(world: World, sender: SandboxAccount, name: str, terms: Terms) -> SandboxAccount:
    target = world.accounts.get(name)
    if target is None:
        raise api_error(f"No such user: {name}")
    if target.id == sender.id:
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


def _cancel_earlier(
    world: World, sender: SandboxAccount, target: SandboxAccount, now_ms: float
) -> list[StreamMessage]:
    ended: list[StreamMessage] = []
    for earlier in world.challenges.values():
        same = (earlier.challenger_id, earlier.target_id) == (sender.id, target.id)
        if same and earlier.status == "created":
            earlier.close("canceled", now_ms)
            ended.append(ChallengeOutcome(earlier.id, "canceled"))
    return ended


def _settled(world: World, terms: Terms) -> Terms:
    """Draws the start position of a chess960 game if the form gave none."""
    if terms.variant.key != "chess960" or terms.initial_fen is not None:
        return terms
    drawn = chess.Board.from_chess960_pos(world.rng.randrange(960))
    return replace(terms, initial_fen=drawn.fen())


def _event_messages(
    world: World, challenge: SandboxChallenge, kind: str, now_ms: float, *, live: bool
) -> list[StreamMessage]:
    """The event for both sides; only a new challenge lists the APIs it is compatible with."""
    body = challenge_json(world, challenge, now_ms)
    users = (challenge.challenger_id, challenge.target_id)
    return [
        EventMessage(
            user_id, challenge_event(kind, body, world.accounts[user_id] if live else None)
        )
        for user_id in users
    ]
