"""The JSON of challenges, games and stream lines, with Lichess's keys in Lichess's order.

Pure. False flags and empty options are omitted, as Lichess does almost everywhere.
Source: Lichess API documents and recorded answers.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict

import chess
import chess.variant

from crabstick.sandbox.accounts import SandboxAccount
from crabstick.sandbox.errors import Json
from crabstick.sandbox.state import SandboxChallenge, SandboxGame, World
from crabstick.sandbox.vocabulary import (
    DECLINE_REASONS,
    SPEED_ICONS,
    VARIANTS,
)

_SPEEDS = ("bullet", "blitz", "rapid", "classical", "correspondence")
_PERFS = (*_SPEEDS, *(key for key in VARIANTS if key not in {"standard", "fromPosition"}))
_PROVISIONAL_FROM = 110

_encode_text = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def encode(value: Json) -> bytes:
    """Encodes JSON as compactly as Lichess."""
    return _encode_text(value).encode()


def challenge_json(world: World, challenge: SandboxChallenge, now_ms: float) -> dict[str, Json]:
    """A challenge, without `direction` and `compat`."""
    terms = challenge.terms
    key = challenge.decline_key
    return without_none(
        id=challenge.id,
        url=f"{world.options.site}/{challenge.id}",
        status=challenge.status,
        challenger=_challenger(world, challenge.challenger, now_ms),
        destUser=_challenger(world, challenge.target, now_ms),
        variant=asdict(terms.variant),
        rated=terms.rated,
        speed=terms.speed,
        timeControl=_time_control(challenge),
        color=terms.color,
        finalColor=chess.COLOR_NAMES[challenge.challenger_color],
        perf={"icon": SPEED_ICONS[terms.speed], "name": _perf_name(terms.perf)},
        initialFen=terms.initial_fen,
        declineReason=None if key is None else DECLINE_REASONS[key],
        declineReasonKey=None if key is None else key.lower(),
        rules=list(terms.rules) or None,
    )


def challenge_event(
    kind: str, fields: Mapping[str, Json], reader: SandboxAccount | None = None
) -> bytes:
    """An event about a challenge; `compat` only if a `reader` is given."""
    event: dict[str, Json] = {"type": kind, "challenge": fields}
    if reader is not None:
        event["compat"] = _compat(reader, str(fields["speed"]))
    return encode(event)


def game_event(
    kind: str, game: SandboxGame, color: chess.Color, now_ms: float, *, live: bool
) -> bytes:
    """A `gameStart` or `gameFinish` for the player of `color`; `compat` only if `live`."""
    fields = game_json(game, color, now_ms)
    account = game.players[color]
    fields["rating"] = account.rating
    if live:
        fields["compat"] = _compat(account, game.terms.speed)
    fields["id"] = game.id
    return encode({"type": kind, "game": fields})


def game_json(game: SandboxGame, color: chess.Color, now_ms: float) -> dict[str, Json]:
    """A game as the player of `color` sees it in `/api/account/playing`."""
    terms = game.terms
    opponent = game.players[not color]
    left_s = game.clock.left_ms(color, now_ms) // 1000
    return without_none(
        fullId=game.full_id(color),
        gameId=game.id,
        fen=_fen(game.board),
        color=chess.COLOR_NAMES[color],
        lastMove=game.moves[-1].uci if game.moves else "",
        source="position" if terms.variant.key == "fromPosition" else "friend",
        status={"id": game.status.value, "name": game.status.name},
        variant={"key": terms.variant.key, "name": terms.variant.name},
        speed=terms.speed,
        perf=terms.perf,
        rated=terms.rated,
        hasMoved=game.ply > (0 if color is _first(game) else 1),
        opponent={
            "id": opponent.id,
            "username": f"{opponent.title} {opponent.name}" if opponent.title else opponent.name,
            "rating": opponent.rating,
        },
        isMyTurn=game.is_running and game.board.turn is color,
        secondsLeft=None if terms.clock is None and terms.days is None else left_s,
        winner=game.winner_name,
    )


def game_full(game: SandboxGame, now_ms: float) -> bytes:
    """The first line of a game stream."""
    terms, control = game.terms, game.terms.clock
    full = without_none(
        id=game.id,
        variant=asdict(terms.variant),
        speed=terms.speed,
        perf={"name": _perf_name(terms.perf)},
        rated=terms.rated,
        createdAt=int(game.created_ms),
        white=_player(game.players[chess.WHITE]),
        black=_player(game.players[chess.BLACK]),
        initialFen=terms.initial_fen or "startpos",
        clock={"initial": control.limit_s * 1000, "increment": control.increment_s * 1000}
        if control
        else None,
        daysPerTurn=terms.days,
        type="gameFull",
        state=_state(game, now_ms),
    )
    return encode(full)


def game_state(game: SandboxGame, now_ms: float) -> bytes:
    """A `gameState` line; the same for both players."""
    return encode(_state(game, now_ms))


def light_user(account: SandboxAccount) -> dict[str, Json]:
    """Name, title and id, as most answers show a user."""
    return without_none(name=account.name, title=account.title, id=account.id)


def user_json(world: World, account: SandboxAccount, now_ms: float) -> dict[str, Json]:
    """A user as in `/api/account` and `/api/user/{name}`."""
    perfs = {
        perf: _perf(account.rating, account.games + world.finished[account.id, perf])
        for perf in _PERFS
    }
    return without_none(
        id=account.id,
        username=account.name,
        perfs=perfs,
        title=account.title,
        createdAt=int(world.started_ms),
        seenAt=int(now_ms),
        playTime={"total": 0, "tv": 0},
        url=f"{world.options.site}/@/{account.name}",
    )


def _perf(rating: int, games: int) -> Json:
    """A rating; its deviation shrinks with the games, and a large one makes it provisional."""
    rd = max(45, 500 // (games + 1))
    is_provisional = rd >= _PROVISIONAL_FROM or None
    return without_none(games=games, rating=rating, rd=rd, prog=0, prov=is_provisional)


def _state(game: SandboxGame, now_ms: float) -> dict[str, Json]:
    clock = game.clock
    state: dict[str, Json] = {
        "type": "gameState",
        "moves": game.moves_text,
        "wtime": clock.left_ms(chess.WHITE, now_ms),
        "btime": clock.left_ms(chess.BLACK, now_ms),
        "winc": clock.increment_ms,
        "binc": clock.increment_ms,
        "status": game.status.name,
    }
    if game.draw_offer is not None:
        state["wdraw" if game.draw_offer else "bdraw"] = True
    if game.winner is not None:
        state["winner"] = game.winner_name
    return state


def _fen(board: chess.Board) -> str:
    """The FEN as Lichess writes it, pockets as a ninth rank, checks given at the end."""
    first, *fields = board.fen().split()
    match board:
        case chess.variant.CrazyhouseBoard():
            placement, _, pockets = first.rstrip("]").partition("[")
            first = f"{placement}/{''.join(sorted(pockets, key='PNBRQpnbrq'.index))}"
        case chess.variant.ThreeCheckBoard():
            white, black = (3 - board.remaining_checks[color] for color in (True, False))
            fields = [*fields[:3], *fields[4:], f"+{white}+{black}"]
        case _:
            pass
    return " ".join((first, *fields))


def _first(game: SandboxGame) -> chess.Color:
    """The side that makes the first move."""
    return game.board.turn if game.ply % 2 == 0 else not game.board.turn


def _player(account: SandboxAccount) -> Json:
    return {
        "id": account.id,
        "name": account.name,
        "title": account.title,
        "rating": account.rating,
    }


def _challenger(world: World, account: SandboxAccount, now_ms: float) -> Json:
    is_online = world.presence.is_online(account.id, now_ms) or None
    return without_none(**light_user(account), rating=account.rating, online=is_online)


def _perf_name(perf: str) -> str:
    return VARIANTS[perf].name if perf in VARIANTS else perf[:1].upper() + perf[1:]


def _time_control(challenge: SandboxChallenge) -> Json:
    terms = challenge.terms
    if terms.clock is not None:
        return {
            "type": "clock",
            "limit": terms.clock.limit_s,
            "increment": terms.clock.increment_s,
            "show": terms.clock.name,
        }
    if terms.days is not None:
        return {"type": "correspondence", "daysPerTurn": terms.days}
    return {"type": "unlimited"}


def _compat(reader: SandboxAccount, speed: str) -> Json:
    """The APIs the reader may play by: bots by the Bot API, but not ultraBullet."""
    return {
        "bot": reader.is_bot and speed != "ultraBullet",
        "board": speed in {"rapid", "classical", "correspondence"},
    }


def without_none(**fields: Json) -> dict[str, Json]:
    """The fields that have a value."""
    return {key: value for key, value in fields.items() if value is not None}
