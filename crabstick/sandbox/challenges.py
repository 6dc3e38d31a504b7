"""Challenges: made, listed, accepted, declined, canceled, and forgotten in the end.

Pure but for the world that it changes. Source: Lichess API, Challenges.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import chess

from crabstick.sandbox import games
from crabstick.sandbox.accounts import Account
from crabstick.sandbox.challenge_form import Terms, read_terms
from crabstick.sandbox.errors import Refusal, form_error, not_found, refused, too_many
from crabstick.sandbox.messages import ChallengeDone, EventLine, Outgoing
from crabstick.sandbox.render import challenge_event, challenge_json
from crabstick.sandbox.request_limits import BOT_DAY, CHALLENGE_DAY, CHALLENGE_MINUTE
from crabstick.sandbox.state import Challenge, World
from crabstick.sandbox.vocabulary import decline_key

__all__ = ["accept", "cancel", "create", "decline", "expire", "incoming", "listed", "shown"]

_MOST_GAMES = 200
_MOST_SHOWN = 50
_MANY_WAITING = 5
_FORGOTTEN_AFTER_MS = 3 * 3600 * 1000
_COST_HUMAN = 5


def create(
    world: World, sender: Account, target_name: str, form: Mapping[str, str], now_ms: float
) -> tuple[Challenge, list[Outgoing]]:
    """Make a challenge; an earlier one to the same player is canceled without a word.

    Raises:
        Refusal: a form error, a rule, or a limit.
    """
    terms = read_terms(form)
    if sender.is_bot and terms.speed == "ultraBullet":
        raise form_error("global", "Invalid speed")
    target = _target(world, sender, target_name, terms)
    _charge(world, sender, target, now_ms)
    if target.title is not None and terms.speed == "ultraBullet":
        raise refused("Bots cannot play UltraBullet. Choose a slower time control.")
    busiest = max(len(world.games_of(user.id)) for user in (sender, target))
    if terms.is_real_time and busiest >= _MOST_GAMES:
        raise refused("Challenge not created")
    ended = _cancel_earlier(world, sender, target, now_ms)
    sides = (sender.id, target.id)
    challenge = Challenge(world.new_id(), sides, terms, _draw(world, terms), now_ms)
    world.challenges[challenge.id] = challenge
    return challenge, [*ended, *_tell(world, challenge, "challenge", now_ms, live=True)]


def accept(world: World, account: Account, challenge_id: str, now_ms: float) -> list[Outgoing]:
    """Accept a challenge, offline ones too, and start its game.

    Raises:
        Refusal: it is unknown, for somebody else, answered, or over a limit.
    """
    challenge = world.challenges.get(challenge_id)
    if challenge is None or challenge.target_id != account.id or challenge.status == "accepted":
        raise not_found()
    if not challenge.is_open:
        raise refused(f"The challenge has been {challenge.status}.")
    if account.is_bot and challenge.terms.speed == "ultraBullet":
        raise refused("Game incompatible with a BOT account")
    _check_bot_day(world, account, world.accounts[challenge.challenger_id], now_ms)
    challenge.close("accepted", now_ms)
    white, black = challenge.challenger_id, challenge.target_id
    if challenge.challenger_color is chess.BLACK:
        white, black = black, white
    users = {chess.WHITE: white, chess.BLACK: black}
    terms = _settled(world, challenge.terms)
    started = games.start(world, challenge.id, terms, users, now_ms)
    return [*started, ChallengeDone(challenge.id, "accepted")]


def decline(
    world: World, account: Account, challenge_id: str, reason: str, now_ms: float
) -> list[Outgoing]:
    """Decline a challenge; an unknown reason is `generic`.

    Raises:
        Refusal: it is unknown, for somebody else, or answered.
    """
    challenge = world.challenges.get(challenge_id)
    if challenge is None or challenge.target_id != account.id or not challenge.is_open:
        raise not_found()
    challenge.decline_key = decline_key(reason)
    challenge.close("declined", now_ms)
    told = _tell(world, challenge, "challengeDeclined", now_ms, live=False)
    return [*told, ChallengeDone(challenge.id, "declined")]


def cancel(world: World, account: Account, challenge_id: str, now_ms: float) -> list[Outgoing]:
    """Cancel a challenge of mine, decline one for me, or abort the game it became.

    Raises:
        Refusal: there is nothing like that.
    """
    challenge = world.challenges.get(challenge_id)
    if challenge is not None and challenge.is_open:
        if challenge.target_id == account.id:
            return decline(world, account, challenge_id, "generic", now_ms)
        if challenge.challenger_id == account.id:
            challenge.close("canceled", now_ms)
            told = _tell(world, challenge, "challengeCanceled", now_ms, live=False)
            return [*told, ChallengeDone(challenge.id, "canceled")]
    game = world.running.get(challenge_id)
    if game is None or game.color_of(account.id) is None:
        raise not_found()
    if not game.is_abortable:
        raise refused("Missing opponentToken")
    return games.abort(world, game, now_ms)


def listed(world: World, account: Account) -> tuple[list[Challenge], list[Challenge]]:
    """List the challenges in status created: for me, and by me."""
    created = [made for made in world.challenges.values() if made.status == "created"]
    return (
        [made for made in created if made.target_id == account.id],
        [made for made in created if made.challenger_id == account.id],
    )


def incoming(world: World, user_id: str) -> list[Challenge]:
    """List what an opening event stream shows: created, for me, real-time ones first if many."""
    waiting, _ = listed(world, world.accounts[user_id])
    if len(waiting) > _MANY_WAITING:
        waiting.sort(key=lambda made: not made.terms.is_real_time)
    return waiting[:_MOST_SHOWN]


def shown(world: World, account: Account, challenge_id: str) -> Challenge:
    """Find a challenge for one of its parties.

    Raises:
        Refusal: it is unknown or somebody else's.
    """
    challenge = world.challenges.get(challenge_id)
    if challenge is None or account.id not in {challenge.challenger_id, challenge.target_id}:
        raise not_found()
    return challenge


def expire(world: World, now_ms: float) -> None:
    """Let unattended clock challenges go offline, without a word; answered ones stay 3 h."""
    life_ms = world.options.challenge_life / timedelta(milliseconds=1)
    for challenge in world.challenges.values():
        idle_ms = now_ms - challenge.seen_ms
        if challenge.status == "created" and challenge.terms.is_real_time and idle_ms > life_ms:
            challenge.status = "offline"
        elif challenge.status == "offline" and idle_ms > _FORGOTTEN_AFTER_MS:
            challenge.close("canceled", now_ms)


def _target(world: World, sender: Account, name: str, terms: Terms) -> Account:
    target = world.accounts.get(name)
    if target is None:
        raise refused(f"No such user: {name}")
    if target.id == sender.id:
        raise refused("You cannot challenge yourself")
    if terms.rules and target.is_bot:
        raise refused("Rules not applicable for bots")
    return target


def _charge(world: World, sender: Account, target: Account, now_ms: float) -> None:
    cost = 1 if target.is_bot else _COST_HUMAN
    for limit in (CHALLENGE_MINUTE, CHALLENGE_DAY):
        if not world.limits.charge(limit, sender.id, now_ms, cost):
            raise too_many()
    _check_bot_day(world, sender, target, now_ms)


def _check_bot_day(world: World, sender: Account, target: Account, now_ms: float) -> None:
    """Refuse when either bot has played its games against bots for today."""
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


def _bot_day(status: int, text: str, wait_s: int) -> Refusal:
    return Refusal(status, {"error": text, "ratelimit": {"key": BOT_DAY.name, "seconds": wait_s}})


def _cancel_earlier(
    world: World, sender: Account, target: Account, now_ms: float
) -> list[Outgoing]:
    ended: list[Outgoing] = []
    for earlier in world.challenges.values():
        same = (earlier.challenger_id, earlier.target_id) == (sender.id, target.id)
        if same and earlier.status == "created":
            earlier.close("canceled", now_ms)
            ended.append(ChallengeDone(earlier.id, "canceled"))
    return ended


def _draw(world: World, terms: Terms) -> chess.Color:
    return world.draw_color() if terms.color == "random" else terms.color == "white"


def _settled(world: World, terms: Terms) -> Terms:
    """Draw the start position of a chess960 game that came without one."""
    if terms.variant.key != "chess960" or terms.initial_fen is not None:
        return terms
    return terms.starting_from(world.draw_960())


def _tell(
    world: World, challenge: Challenge, kind: str, now_ms: float, *, live: bool
) -> list[Outgoing]:
    """Tell both sides; only a new challenge says what API it is compatible with."""
    body = challenge_json(world, challenge, now_ms)
    users = (challenge.challenger_id, challenge.target_id)
    return [
        EventLine(user_id, challenge_event(kind, body, world.accounts[user_id] if live else None))
        for user_id in users
    ]
