"""Operations on games other than moves: start, abort, resign, draw offers, chat, endings.

Pure except for changes to the `SandboxGame`; operations return the messages for streams.
Source: Lichess API, Bot; the error texts are Lichess's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import chess

from crabstick.sandbox.accounts import SandboxAccount
from crabstick.sandbox.challenge_form import Terms
from crabstick.sandbox.errors import api_error, form_error, not_found
from crabstick.sandbox.lichess_json import encode, game_event, game_state
from crabstick.sandbox.request_limits import BOT_DAY
from crabstick.sandbox.state import SandboxGame, World
from crabstick.sandbox.streams import Message
from crabstick.sandbox.vocabulary import Status

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
    world: World,
    game_id: str,
    terms: Terms,
    players: Mapping[chess.Color, SandboxAccount],
    now_ms: float,
) -> list[Message]:
    """Starts a game, with `gameStart` for both players."""
    game = SandboxGame(game_id, terms, players, now_ms)
    world.games[game_id] = world.running[game_id] = game
    if all(player.is_bot for player in players.values()):
        for player in players.values():
            world.limits.charge(BOT_DAY, player.id, now_ms)
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
    color = game.color_of(account)
    if color is None:
        raise not_found("Not your game")
    if not account.is_bot:
        raise api_error(_NOT_A_BOT)
    if game.terms.speed == "ultraBullet":
        raise api_error("This game cannot be played with the Bot API.")
    return game, color


def end(world: World, game: SandboxGame, ending: Ending, now_ms: float) -> list[Message]:
    """Ends a game: last line and end of its streams, and `gameFinish` for both players."""
    game.clock = game.clock.stopped(now_ms)
    game.status = ending.status
    game.winner = ending.winner
    game.draw_offer = None
    game.changed_ms = now_ms
    world.running.pop(game.id, None)
    if ending.status is not Status.aborted:
        world.finished.update((user.id, game.terms.perf) for user in game.players.values())
    last = state_line(game, now_ms, is_last=True)
    return [last, *_event_messages("gameFinish", game, now_ms)]


def state_line(game: SandboxGame, now_ms: float, *, is_last: bool = False) -> Message:
    """The `gameState` line for both players; the last one ends their streams."""
    return Message("game", game.id, game_state(game, now_ms), game.ply, is_last=is_last)


def abort(world: World, game: SandboxGame, _color: chess.Color, now_ms: float) -> list[Message]:
    """Aborts a game of fewer than two moves.

    Raises:
        ApiError: the game is over, or two moves were played.
    """
    if not game.is_abortable:
        raise api_error("This game can no longer be aborted")
    return end(world, game, Ending(Status.aborted), now_ms)


def resign(world: World, game: SandboxGame, color: chess.Color, now_ms: float) -> list[Message]:
    """Resigns a game; aborts it instead if possible.

    Raises:
        ApiError: the game is over, or can be neither aborted nor resigned yet.
    """
    if game.is_abortable:
        return abort(world, game, color, now_ms)
    if not game.is_running or not game.both_moved:
        raise api_error("This game cannot be resigned")
    return end(world, game, Ending(Status.resign, not color), now_ms)


def flag(world: World, game: SandboxGame, now_ms: float) -> list[Message]:
    """Ends a game in which the side to move has run out of time; an offered draw stands."""
    winner = not game.board.turn
    if game.draw_offer is winner:
        return end(world, game, Ending(Status.draw), now_ms)
    ending = Ending(Status.outoftime, winner if can_mate(game, winner) else None)
    return end(world, game, ending, now_ms)


def answer_draw(
    world: World, game: SandboxGame, color: chess.Color, *, yes: bool, now_ms: float
) -> list[Message]:
    """Offers, accepts or declines a draw; an impossible request has no effect."""
    if not game.is_running:
        return []
    if not yes:
        if game.draw_offer is (not color):
            game.draw_offer = None
        return []
    if game.draw_offer is (not color) or _is_threefold(game):
        return end(world, game, Ending(Status.draw), now_ms)
    if game.both_moved and not can_mate(game, not color):
        return end(world, game, Ending(Status.insufficientMaterialClaim), now_ms)
    return offer_draw(game, color, now_ms)


def offer_draw(game: SandboxGame, color: chess.Color, now_ms: float) -> list[Message]:
    """Offers a draw if the rules allow it now."""
    last = game.offered_at_ply.get(color, -_PLIES_BETWEEN_OFFERS)
    if (
        not game.both_moved
        or game.draw_offer is not None
        or game.ply - last < _PLIES_BETWEEN_OFFERS
        or not _is_drawable(game)
    ):
        return []
    game.draw_offer = color
    game.offered_at_ply[color] = game.ply
    return [state_line(game, now_ms)]


def send_chat(game: SandboxGame, account: SandboxAccount, room: str, text: str) -> list[Message]:
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
    return [Message("game", game.id, encode(line))]


def ending_on_board(game: SandboxGame) -> Ending | None:
    """The ending on the board after the last move; None when the game goes on.

    Source: Lichess; the order is mate, the variant's own end, stalemate, draws.
    """
    board = game.board
    if not any(board.generate_legal_moves()):
        return _ending_without_moves(board)
    if board.is_insufficient_material() or board.is_fifty_moves():
        return Ending(Status.draw)
    has_bot = any(player.is_bot for player in game.players.values())
    is_repeated = game.repetitions >= _FIVEFOLD or (has_bot and _is_threefold(game))
    return Ending(Status.draw) if is_repeated else None


def _ending_without_moves(board: chess.Board) -> Ending:
    """The ending when python-chess allows no move, as also after the end of a variant."""
    if board.is_check() and not (board.is_variant_end() and _can_leave_check(board)):
        return Ending(Status.mate, not board.turn)
    if board.is_variant_draw():  # Racing Kings: both have arrived
        return Ending(Status.draw)
    if board.is_variant_win():  # antichess, also by a stalemate
        return Ending(Status.variantEnd, board.turn)
    return (
        Ending(Status.variantEnd, not board.turn)
        if board.is_variant_loss()
        else Ending(Status.stalemate)
    )


def _can_leave_check(board: chess.Board) -> bool:
    return any(not board.is_into_check(move) for move in board.generate_pseudo_legal_moves())


def can_mate(game: SandboxGame, color: chess.Color) -> bool:
    """Whether a side has the material to win."""
    return not game.board.has_insufficient_material(color)


def _is_threefold(game: SandboxGame) -> bool:
    return game.repetitions >= _THREEFOLD and _is_drawable(game)


def _is_drawable(game: SandboxGame) -> bool:
    """Whether the rules of the game already allow a draw."""
    return "noEarlyDraw" not in game.terms.rules or game.ply >= _EARLIEST_DRAW_PLY


def _event_messages(kind: str, game: SandboxGame, now_ms: float) -> list[Message]:
    return [
        Message("event", player.id, game_event(kind, game, color, now_ms, live=True))
        for color, player in game.players.items()
    ]
