"""Lichess's JSON -> `rules.model`, once, at the border; everything read is untrusted.

No I/O here, and no exception leaves: what we do not understand becomes `Unexpected`. All clocks
of the Bot API are in ms, in `gameFull.state` and in `gameState` alike; `clock` of a game too, while
a challenge's `timeControl` and `secondsLeft` are in seconds.
Source: Lichess API documents, "Stream incoming events" and "Stream Bot game state".
"""

from collections.abc import Callable, Mapping
from typing import Literal

from crabstick.lichess.fields import Fields, attempt, by_type
from crabstick.lichess.game_lines import FEN_LIMIT, color_of, parse_line, player
from crabstick.rules.model import (
    Account,
    Challenge,
    ChallengeEnded,
    ChallengeMade,
    Clock,
    GameFinished,
    GameStarted,
    GameSummary,
    LichessEvent,
    Player,
    Unexpected,
)

__all__ = ["parse_account", "parse_event", "parse_line", "parse_playing", "parse_scopes"]

_TIME_CONTROLS: Mapping[str, Literal["clock", "correspondence", "unlimited"]] = {
    "clock": "clock",
    "correspondence": "correspondence",
    "unlimited": "unlimited",
}


def parse_event(raw: object) -> LichessEvent:
    """One line of the event stream; an unknown type is `Unexpected`."""
    return by_type(raw, _EVENTS)


def parse_playing(raw: object) -> tuple[GameSummary, ...]:
    """The games of `/api/account/playing`; entries that we cannot read are left out.

    So a missing game says nothing: Lichess sends fifty at most anyway.
    """
    entries = raw.get("nowPlaying") if isinstance(raw, dict) else raw
    found = [attempt(_summary, entry) for entry in entries] if isinstance(entries, list) else []
    return tuple(game for game in found if isinstance(game, GameSummary))


def parse_account(raw: object) -> Account | Unexpected:
    """The answer of `/api/account`."""
    return attempt(_account, raw)


def parse_scopes(raw: object, token: str) -> frozenset[str]:
    """The scopes of a token in the answer of `/api/token/test`; none for an unknown token."""
    entry = raw.get(token) if isinstance(raw, dict) else None
    scopes = entry.get("scopes") if isinstance(entry, dict) else None
    names = scopes.split(",") if isinstance(scopes, str) else []
    return frozenset(name.strip() for name in names if name.strip())


def _account(raw: object) -> Account:
    user = Fields.of(raw, "account")
    return Account(name=user.text("username"), title=user.text("title", "") or None)


def _challenge_made(line: Fields) -> ChallengeMade:
    it = line.child("challenge")
    kind = _TIME_CONTROLS.get(it.child("timeControl").text("type"))
    if kind is None:
        raise it.odd("timeControl", "a known time control")
    challenge = Challenge(
        id=it.game_id("id"),
        challenger=_user(it, "challenger"),
        dest_user=_user(it, "destUser"),
        variant=it.child("variant").text("key"),
        rated=it.flag("rated"),
        speed=it.text("speed"),
        clock=_challenge_clock(it.child("timeControl")) if kind == "clock" else None,
        time_control=kind,
        initial_fen=it.text("initialFen", "", limit=FEN_LIMIT) or None,
    )
    return ChallengeMade(challenge=challenge)


def _challenge_clock(control: Fields) -> Clock:
    return Clock(initial=control.seconds("limit"), increment=control.seconds("increment"))


def _user(parent: Fields, key: str) -> Player | None:
    return player(parent.child(key)) if parent.has(key) else None


def _challenge_ended(line: Fields) -> ChallengeEnded:
    return ChallengeEnded(id=line.child("challenge").game_id("id"))


def _game_started(line: Fields) -> GameStarted:
    return GameStarted(game=_summary(line.raw.get("game")))


def _game_finished(line: Fields) -> GameFinished:
    return GameFinished(id=line.child("game").game_id("gameId", "id"))


def _summary(raw: object) -> GameSummary:
    game = Fields.of(raw, "game")
    return GameSummary(
        id=game.game_id("gameId", "id"),
        color=color_of(game, "color"),
        opponent=_opponent(game.child("opponent")),
        speed=game.text("speed"),
        is_my_turn=game.flag("isMyTurn"),
        time_left=game.seconds("secondsLeft") if game.has("secondsLeft") else None,
        bot_playable=game.child("compat").flag("bot", default=True) if game.has("compat") else True,
    )


def _opponent(it: Fields) -> Player:
    """`username` carries the title in front ("BOT zeekat"); no name of a user has a space."""
    rating = it.number("rating") if it.has("rating") else None
    shown = it.text("username", "")
    if it.has("ai"):
        return Player(name=shown, rating=rating)
    title, _, name = shown.rpartition(" ")
    return Player(name=name, title=title or None, rating=rating)


_EVENTS: Mapping[str, Callable[[Fields], LichessEvent]] = {
    "challenge": _challenge_made,
    "challengeCanceled": _challenge_ended,
    "challengeDeclined": _challenge_ended,
    "gameStart": _game_started,
    "gameFinish": _game_finished,
}
