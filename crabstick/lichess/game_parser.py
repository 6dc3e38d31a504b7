"""Parses the untrusted lines of a game stream into `rules.lichess_types`.

No I/O here, and no exception leaves `parse_line`. Every time in a game stream is in ms, in
`gameFull.state` and in `gameState` alike. Source: Lichess API, "Stream Bot game state".
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta

import chess

from crabstick.lichess.json_fields import UNLIMITED_MS, Fields, parse_by_type
from crabstick.rules.lichess_types import (
    ChatLine,
    Clock,
    GameFull,
    GameLine,
    GameState,
    LichessPlayer,
    OpponentGone,
)

FEN_LIMIT = 200  # full pockets make a crazyhouse FEN longer than any other
_CHAT_LIMIT = 500  # Lichess allows 140; its own notices may be longer
_UCI = r"(?:(?:[a-h][1-8]){2}[a-z]?|[A-Z]@[a-h][1-8])"
_MOVES = re.compile(f"(?:{_UCI}(?: {_UCI})*)?", re.ASCII)
_COLORS = {"white": chess.WHITE, "black": chess.BLACK}


def parse_line(raw: object) -> GameLine:
    """Parses one line of a game stream; an unknown type is `Unexpected`.

    The moves have the form of UCI moves; the caller checks that they are legal.
    """
    return parse_by_type(raw, _LINES)


def _game_full(line: Fields) -> GameFull:
    return GameFull(
        id=line.game_id("id"),
        variant=line.child("variant").text("key"),
        rated=line.flag("rated"),
        speed=line.text("speed"),
        white=player(line.child("white")),
        black=player(line.child("black")),
        initial_fen=line.text("initialFen", "startpos", limit=FEN_LIMIT),
        clock=_game_clock(line.child("clock")) if line.has("clock") else None,
        state=_game_state(line.child("state")),
        is_tournament=line.has("tournamentId"),
    )


def _game_clock(clock: Fields) -> Clock:
    return Clock(initial=clock.milliseconds("initial"), increment=clock.milliseconds("increment"))


def _game_state(fields: Fields) -> GameState:
    moves = fields.raw.get("moves")
    if not isinstance(moves, str) or not _MOVES.fullmatch(moves):
        raise fields.invalid("moves", "a list of UCI moves")
    return GameState(
        moves=tuple(moves.split()),
        white_time=_clock_time(fields, "wtime"),
        black_time=_clock_time(fields, "btime"),
        white_increment=fields.milliseconds("winc"),
        black_increment=fields.milliseconds("binc"),
        status=fields.text("status"),
        winner=color_of(fields, "winner") if fields.has("winner") else None,
        white_draw=fields.flag("wdraw"),
        black_draw=fields.flag("bdraw"),
    )


def _clock_time(fields: Fields, key: str) -> timedelta | None:
    time_ms = fields.number(key)
    return None if time_ms >= UNLIMITED_MS else timedelta(milliseconds=time_ms)


def _opponent_gone(line: Fields) -> OpponentGone:
    counting = line.has("claimWinInSeconds")
    return OpponentGone(
        gone=line.flag("gone"),
        claim_win_in=line.seconds("claimWinInSeconds") if counting else None,
    )


def _chat_line(line: Fields) -> ChatLine:
    return ChatLine(
        username=line.text("username"),
        text=line.free_text("text", limit=_CHAT_LIMIT),
        room=line.text("room"),
    )


def player(fields: Fields) -> LichessPlayer:
    """Parses one side of a game: a user, `{"aiLevel": n}`, or `{}` for an anonymous player."""
    if fields.has("aiLevel"):
        return LichessPlayer(name=f"Stockfish level {fields.number('aiLevel')}")
    rating = fields.number("rating") if fields.has("rating") else None
    return LichessPlayer(
        name=fields.text("name", ""), title=fields.text("title", "") or None, rating=rating
    )


def color_of(fields: Fields, key: str) -> chess.Color:
    """The colour in a field.

    Raises:
        InvalidField: neither white nor black.
    """
    color = _COLORS.get(fields.text(key))
    if color is None:
        raise fields.invalid(key, "white or black")
    return color


_LINES: Mapping[str, Callable[[Fields], GameLine]] = {
    "gameFull": _game_full,
    "gameState": _game_state,
    "opponentGone": _opponent_gone,
    "chatLine": _chat_line,
}
