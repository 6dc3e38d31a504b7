"""Operations on games other than moves: start, abort, resign, draw offers, chat, endings.

Pure except for changes to the `SandboxGame`; operations return the messages for streams.
Source: Lichess API, Bot; the error texts are Lichess's own.
"""

from dataclasses import dataclass

import chess

from crabstick.sandbox.accounts import SandboxAccount
from crabstick.sandbox.challenge_form import Terms
from crabstick.sandbox.errors import api_error, form_error, not_found
from crabstick.sandbox.lichess_json import encode, game_event, game_state
from crabstick.sandbox.request_limits import BOT_DAY
from crabstick.sandbox.state import SandboxGame, World, position_key
from crabstick.sandbox.streams import (
    EventMessage,
    GameMessage,
    GameStreamEnd,
    StreamMessage,
)
from crabstick.sandbox.vocabulary import (
    ABORTED,
    DRAW,
    INSUFFICIENT_MATERIAL_CLAIM,
    MATE,
    OUT_OF_TIME,
    RESIGN,
    STALEMATE,
    VARIANT_END,
    Status,
)

_GAME_ID_LENGTH = 8
_THREEFOLD = 3
_FIVEFOLD = 5
_EARLIEST_DRAW_PLY = 60
_PLIES_BETWEEN_OFFERS = 20
_LONGEST_CHAT = 140
_NOT_A_BOT = (
    "This endpoint can only be used with a Bot account. "
    "See https://lichess.org/api#operation/botAccountUpgrade"
)


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a game; no winner means a draw or an abort."""

    status: Status
    winner: chess.Color | None = None


def start(
    world: World, game_id: str, terms: Terms, users: dict[chess.Color, str], now_ms: float
) -> list[StreamMessage]:
    """Starts a game, with `gameStart` for both players."""
    players = {color: world.new_player(user_id) for color, user_id in users.items()}
    game = SandboxGame(game_id, terms, players, now_ms)
    world.games[game_id] = game
    world.running[game_id] = game
    if all(player.account.is_bot for player in players.values()):
        for player in players.values():
            world.limits.charge(BOT_DAY, player.user_id, now_ms)
    return _event_messages("gameStart", game, now_ms)


def game_for(
    world: World, account: SandboxAccount, game_id: str
) -> tuple[SandboxGame, chess.Color]:
    """Finds the game of a command, and the caller's colour.

    Raises:
        ApiError: there is no such game, the game is someone else's, or the account is not a bot.
    """
    game = world.games.get(game_id[:_GAME_ID_LENGTH])
    if game is None:
        raise not_found("No such game")
    color = game.color_of(account.id)
    if color is None:
        raise not_found("Not your game")
    if not account.is_bot:
        raise api_error(_NOT_A_BOT)
    if game.terms.speed == "ultraBullet":
        raise api_error("This game cannot be played with the Bot API.")
    return game, color


def end(world: World, game: SandboxGame, ending: Ending, now_ms: float) -> list[StreamMessage]:
    """Ends a game: last line and end of its streams, and `gameFinish` for both players."""
    game.clock = game.clock.stopped(now_ms)
    game.status = ending.status
    game.winner = ending.winner
    game.draw_offer = None
    game.changed_ms = now_ms
    world.running.pop(game.id, None)
    if ending.status is not ABORTED:
        world.finished.update((user.user_id, game.terms.perf) for user in game.players.values())
    return [
        GameMessage(game.id, game_state(game, now_ms), game.ply),
        GameStreamEnd(game.id),
        *_event_messages("gameFinish", game, now_ms),
    ]


def abort(
    world: World, game: SandboxGame, _color: chess.Color, now_ms: float
) -> list[StreamMessage]:
    """Aborts a game of fewer than two moves.

    Raises:
        ApiError: the game is over, or two moves were played.
    """
    if not game.is_abortable:
        raise api_error("This game can no longer be aborted")
    return end(world, game, Ending(ABORTED), now_ms)


def resign(
    world: World, game: SandboxGame, color: chess.Color, now_ms: float
) -> list[StreamMessage]:
    """Resigns a game; aborts it instead if possible.

    Raises:
        ApiError: the game is over, or can be neither aborted nor resigned yet.
    """
    if game.is_abortable:
        return abort(world, game, color, now_ms)
    if not game.is_running or not game.both_moved:
        raise api_error("This game cannot be resigned")
    return end(world, game, Ending(RESIGN, not color), now_ms)


def flag(world: World, game: SandboxGame, now_ms: float) -> list[StreamMessage]:
    """Ends a game in which the side to move has run out of time."""
    return end(world, game, ending_on_time(game), now_ms)


def answer_draw(
    world: World, game: SandboxGame, color: chess.Color, *, yes: bool, now_ms: float
) -> list[StreamMessage]:
    """Offers, accepts or declines a draw; an impossible request has no effect."""
    if not game.is_running:
        return []
    if not yes:
        if game.draw_offer is (not color):
            game.draw_offer = None
        return []
    if game.draw_offer is (not color) or (is_threefold(game) and is_drawable(game)):
        return end(world, game, Ending(DRAW), now_ms)
    if game.both_moved and not can_mate(game, not color):
        return end(world, game, Ending(INSUFFICIENT_MATERIAL_CLAIM), now_ms)
    return offer_draw(game, color, now_ms)


def offer_draw(game: SandboxGame, color: chess.Color, now_ms: float) -> list[StreamMessage]:
    """Offers a draw if the rules allow it now."""
    last = game.offered_at_ply.get(color, -_PLIES_BETWEEN_OFFERS)
    if (
        not game.both_moved
        or game.draw_offer is not None
        or game.ply - last < _PLIES_BETWEEN_OFFERS
        or not is_drawable(game)
    ):
        return []
    game.draw_offer = color
    game.offered_at_ply[color] = game.ply
    return [GameMessage(game.id, game_state(game, now_ms), game.ply)]


def send_chat(
    game: SandboxGame, account: SandboxAccount, room: str, text: str
) -> list[StreamMessage]:
    """Sends a line of chat to all streams of the game.

    Raises:
        ApiError: there is no such room, or the text is empty or too long.
    """
    if room not in {"player", "spectator"}:
        raise form_error("room", "Invalid value")
    if not 1 <= len(text) <= _LONGEST_CHAT:
        raise form_error("text", f"Must be between 1 and {_LONGEST_CHAT} characters")
    game.chat.append((room, account.name, text))
    line = {"type": "chatLine", "room": room, "username": account.name, "text": text}
    return [GameMessage(game.id, encode(line), -1)]


def ending_on_board(game: SandboxGame) -> Ending | None:
    """The ending on the board after the last move; None when the game goes on.

    Source: Lichess; the order is mate, the variant's own end, stalemate, draws.
    """
    board = game.board
    if not any(board.generate_legal_moves()):
        return _ending_without_moves(board)
    if board.is_insufficient_material() or board.is_fifty_moves():
        return Ending(DRAW)
    repeated = game.seen[position_key(board)]
    early = repeated >= _THREEFOLD and game.has_bot and is_drawable(game)
    if repeated >= _FIVEFOLD or early:
        return Ending(DRAW)
    return None


def _ending_without_moves(board: chess.Board) -> Ending:
    """The ending when python-chess allows no move, as also after the end of a variant."""
    if board.is_check() and not (board.is_variant_end() and _can_leave_check(board)):
        return Ending(MATE, not board.turn)
    if board.is_variant_draw():  # Racing Kings: both have arrived
        return Ending(DRAW)
    if board.is_variant_win():  # antichess, also by a stalemate
        return Ending(VARIANT_END, board.turn)
    return Ending(VARIANT_END, not board.turn) if board.is_variant_loss() else Ending(STALEMATE)


def _can_leave_check(board: chess.Board) -> bool:
    return any(not board.is_into_check(move) for move in board.generate_pseudo_legal_moves())


def ending_on_time(game: SandboxGame) -> Ending:
    """The ending when the side to move has run out of time."""
    winner = not game.board.turn
    if game.draw_offer is winner:
        return Ending(DRAW)
    return Ending(OUT_OF_TIME, winner if can_mate(game, winner) else None)


def can_mate(game: SandboxGame, color: chess.Color) -> bool:
    """Whether a side has the material to win."""
    return not game.board.has_insufficient_material(color)


def is_threefold(game: SandboxGame) -> bool:
    """Whether the position has occurred three times."""
    return game.seen[position_key(game.board)] >= _THREEFOLD


def is_drawable(game: SandboxGame) -> bool:
    """Whether the rules of the game already allow a draw."""
    return "noEarlyDraw" not in game.terms.rules or game.ply >= _EARLIEST_DRAW_PLY


def _event_messages(kind: str, game: SandboxGame, now_ms: float) -> list[StreamMessage]:
    return [
        EventMessage(player.user_id, game_event(kind, game, color, now_ms, live=True))
        for color, player in game.players.items()
    ]
