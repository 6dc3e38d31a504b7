"""Parses untrusted JSON of the event stream and of account calls into `rules.lichess_types`.

No I/O here, and no exception leaves: JSON that we cannot read becomes `Unexpected`. Times of a
challenge's `timeControl` and of `secondsLeft` are in seconds; those of a game's stream are in ms.
Source: Lichess API documents, "Stream incoming events".
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Literal

import chess

from crabstick.lichess.game_parser import (
    FEN_LIMIT,
    Fields,
    InvalidField,
    parse_by_type,
    parse_or_unexpected,
    player,
)
from crabstick.rules.lichess_types import (
    Account,
    Arena,
    Challenge,
    ChallengeEnded,
    ChallengeMade,
    Clock,
    GameFinished,
    GameId,
    GameStarted,
    GameSummary,
    LichessEvent,
    LichessPlayer,
    Unexpected,
)

_TIME_CONTROLS: Mapping[str, Literal["clock", "correspondence", "unlimited"]] = {
    "clock": "clock",
    "correspondence": "correspondence",
    "unlimited": "unlimited",
}


def parse_event(raw: object) -> LichessEvent:
    """Parses one line of the event stream; an unknown type is `Unexpected`."""
    event = parse_by_type(raw, _EVENTS)
    if isinstance(event, Unexpected) and isinstance(raw, dict) and raw.get("type") == "challenge":
        with suppress(InvalidField):
            challenge_id = Fields.of(raw, "line").child("challenge").game_id("id")
            return replace(event, challenge=challenge_id)
    return event


def parse_playing(raw: object) -> tuple[GameSummary, ...]:
    """Parses `/api/account/playing`; skips entries that we cannot read.

    A missing game may still be running: Lichess lists 50 at most anyway.
    """
    entries = raw.get("nowPlaying") if isinstance(raw, dict) else raw
    if not isinstance(entries, list):
        return ()
    found = [parse_or_unexpected(_summary, entry) for entry in entries]
    return tuple(game for game in found if isinstance(game, GameSummary))


def parse_account(raw: object) -> Account | Unexpected:
    """Parses the response of `/api/account`."""
    return parse_or_unexpected(_account, raw)


def parse_scopes(raw: object, token: str) -> frozenset[str]:
    """The scopes of a token in the response of `/api/token/test`; none for an unknown token."""
    entry = raw.get(token) if isinstance(raw, dict) else None
    scopes = entry.get("scopes") if isinstance(entry, dict) else None
    names = scopes.split(",") if isinstance(scopes, str) else []
    return frozenset(name.strip() for name in names if name.strip())


def _account(raw: object) -> Account:
    user = Fields.of(raw, "account")
    return Account(
        name=user.text("username"), title=user.text("title", "") or None, ratings=_ratings(user)
    )


def _ratings(user: Fields) -> dict[str, int]:
    perfs = user.raw.get("perfs")
    named = perfs.items() if isinstance(perfs, dict) else ()
    ratings = {perf: it.get("rating") for perf, it in named if isinstance(it, dict)}
    return {perf: rating for perf, rating in ratings.items() if isinstance(rating, int)}


def parse_bots(raw: object) -> tuple[Account, ...]:
    """Parses the users of `/api/bot/online`; skips those that we cannot read."""
    found = [parse_or_unexpected(_account, user) for user in raw] if isinstance(raw, list) else []
    return tuple(bot for bot in found if isinstance(bot, Account))


def parse_idle(raw: object) -> frozenset[str]:
    """The names in `/api/users/status` that are online and not playing, in lower case."""
    users = [user for user in raw if isinstance(user, dict)] if isinstance(raw, list) else []
    idle = (user for user in users if user.get("online") and not user.get("playing"))
    return frozenset(str(user.get("id", "")).lower() for user in idle)


def parse_arena(raw: object) -> Arena | Unexpected:
    """Parses an arena tournament."""
    return parse_or_unexpected(_arena, raw)


def _arena(raw: object) -> Arena:
    fields = Fields.of(raw, "tournament")
    return Arena(
        id=fields.text("id"),
        name=fields.text("fullName", ""),
        starts_in=fields.seconds("secondsToStart") if fields.has("secondsToStart") else None,
        is_over=fields.flag("isFinished"),
        bots_allowed=fields.flag("botsAllowed"),
    )


def parse_challenge_id(raw: object) -> GameId | Unexpected:
    """The id in the answer to a challenge that we made."""
    return parse_or_unexpected(_challenge_id, raw)


def _challenge_id(raw: object) -> GameId:
    answer = Fields.of(raw, "answer")
    return (answer.child("challenge") if answer.has("challenge") else answer).game_id("id")


_OUR_COLORS: Mapping[str, chess.Color] = {"white": chess.BLACK, "black": chess.WHITE}
"""The challenger's colour -> that of the challenged side."""


def _challenge_made(line: Fields) -> ChallengeMade:
    fields = line.child("challenge")
    control = fields.child("timeControl")
    kind = _TIME_CONTROLS.get(control.text("type"))
    if kind is None:
        raise fields.invalid("timeControl", "a known time control")
    rules = fields.raw.get("rules")
    clock = None
    if kind == "clock":
        clock = Clock(initial=control.seconds("limit"), increment=control.seconds("increment"))
    challenge = Challenge(
        id=fields.game_id("id"),
        challenger=_user(fields, "challenger"),
        dest_user=_user(fields, "destUser"),
        variant=fields.child("variant").text("key"),
        rated=fields.flag("rated"),
        speed=fields.text("speed"),
        clock=clock,
        time_control=kind,
        initial_fen=fields.text("initialFen", "", limit=FEN_LIMIT) or None,
        our_color=_OUR_COLORS.get(fields.text("color", "")),
        days=control.number("daysPerTurn") if kind == "correspondence" else None,
        rules=frozenset(str(rule) for rule in rules) if isinstance(rules, list) else frozenset(),
    )
    return ChallengeMade(challenge=challenge)


def _user(parent: Fields, key: str) -> LichessPlayer | None:
    return player(parent.child(key)) if parent.has(key) else None


def _challenge_ended(line: Fields) -> ChallengeEnded:
    challenge = line.child("challenge")
    reason = challenge.text("declineReasonKey", "").lower()
    return ChallengeEnded(id=challenge.game_id("id"), reason=reason)


def _summary(raw: object) -> GameSummary:
    game = Fields.of(raw, "game")
    has_begun = bool(game.text("lastMove", "unknown"))
    return GameSummary(
        id=game.game_id("gameId", "id"),
        color=game.color("color"),
        opponent=_opponent(game.child("opponent")),
        speed=game.text("speed"),
        is_my_turn=game.flag("isMyTurn"),
        time_left=game.seconds("secondsLeft") if game.has("secondsLeft") else None,
        bot_playable=game.child("compat").flag("bot", default=True) if game.has("compat") else True,
        variant=game.child("variant").text("key") if game.has("variant") else "standard",
        rated=game.flag("rated"),
        tournament=game.text("tournamentId", ""),
        initial_fen="" if has_begun else game.text("fen", "", limit=FEN_LIMIT),
    )


def _opponent(fields: Fields) -> LichessPlayer:
    """`username` starts with the title ("BOT zeekat"); a user's name contains no space."""
    rating = fields.number("rating") if fields.has("rating") else None
    shown = fields.text("username", "")
    if fields.has("ai"):
        return LichessPlayer(name=shown, rating=rating)
    title, _, name = shown.rpartition(" ")
    return LichessPlayer(name=name, title=title or None, rating=rating)


_EVENTS: Mapping[str, Callable[[Fields], LichessEvent]] = {
    "challenge": _challenge_made,
    "challengeCanceled": _challenge_ended,
    "challengeDeclined": _challenge_ended,
    "gameStart": lambda line: GameStarted(game=_summary(line.raw.get("game"))),
    "gameFinish": lambda line: GameFinished(id=line.child("game").game_id("gameId", "id")),
}
