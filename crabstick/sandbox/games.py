"""The life of a game, apart from its moves: start, abort, resign, draw offers, chat, the end.

Pure but for the `Game` it changes; each operation returns what is to be written to streams.
Source: Lichess API, Bot; refusals are Lichess's own sentences.
"""

import chess

from crabstick.sandbox.accounts import Account
from crabstick.sandbox.challenge_form import Terms
from crabstick.sandbox.endings import Ending, by_flag, can_mate, is_drawable, is_threefold
from crabstick.sandbox.errors import form_error, not_found, refused
from crabstick.sandbox.messages import EventLine, GameEnd, GameLine, Outgoing
from crabstick.sandbox.render import encode, game_event, game_state
from crabstick.sandbox.request_limits import BOT_DAY
from crabstick.sandbox.state import Game, World
from crabstick.sandbox.vocabulary import ABORTED, DRAW, INSUFFICIENT_MATERIAL_CLAIM, RESIGN

__all__ = [
    "abort",
    "answer_draw",
    "end",
    "flag",
    "game_for",
    "offer_draw",
    "resign",
    "say",
    "start",
]

_GAME_ID_LENGTH = 8
_PLIES_BETWEEN_OFFERS = 20
_LONGEST_CHAT = 140
_NOT_A_BOT = (
    "This endpoint can only be used with a Bot account. "
    "See https://lichess.org/api#operation/botAccountUpgrade"
)


def start(
    world: World, game_id: str, terms: Terms, users: dict[chess.Color, str], now_ms: float
) -> list[Outgoing]:
    """Begin a game and tell both players."""
    seats = {color: world.new_seat(user_id) for color, user_id in users.items()}
    game = Game(game_id, terms, seats, now_ms)
    world.games[game_id] = game
    world.running[game_id] = game
    if all(seat.account.is_bot for seat in seats.values()):
        for seat in seats.values():
            world.limits.charge(BOT_DAY, seat.user_id, now_ms)
    return _announce("gameStart", game, now_ms)


def game_for(world: World, account: Account, game_id: str) -> tuple[Game, chess.Color]:
    """Find the game that a command is about.

    Raises:
        Refusal: there is no such game, it is somebody else's, or the account is no bot.
    """
    game = world.games.get(game_id[:_GAME_ID_LENGTH])
    if game is None:
        raise not_found("No such game")
    color = game.color_of(account.id)
    if color is None:
        raise not_found("Not your game")
    if not account.is_bot:
        raise refused(_NOT_A_BOT)
    if game.terms.speed == "ultraBullet":
        raise refused("This game cannot be played with the Bot API.")
    return game, color


def end(world: World, game: Game, ending: Ending, now_ms: float) -> list[Outgoing]:
    """Finish a game: the last line of its streams, their end, and `gameFinish` to both."""
    game.clock = game.clock.stopped(now_ms)
    game.status = ending.status
    game.winner = ending.winner
    game.draw_offer = None
    game.changed_ms = now_ms
    world.running.pop(game.id, None)
    return [
        GameLine(game.id, game_state(game, now_ms), game.ply),
        GameEnd(game.id),
        *_announce("gameFinish", game, now_ms),
    ]


def abort(world: World, game: Game, now_ms: float) -> list[Outgoing]:
    """Abort a game that has hardly begun.

    Raises:
        Refusal: it is over or two moves were played.
    """
    if not game.is_abortable:
        raise refused("This game can no longer be aborted")
    return end(world, game, Ending(ABORTED), now_ms)


def resign(world: World, game: Game, color: chess.Color, now_ms: float) -> list[Outgoing]:
    """Give a game up; one that can still be aborted is aborted.

    Raises:
        Refusal: it is over, or may be neither aborted nor resigned yet.
    """
    if game.is_abortable:
        return abort(world, game, now_ms)
    if not game.is_running or not game.both_moved:
        raise refused("This game cannot be resigned")
    return end(world, game, Ending(RESIGN, not color), now_ms)


def flag(world: World, game: Game, now_ms: float) -> list[Outgoing]:
    """End a game whose side to move has no time left."""
    return end(world, game, by_flag(game), now_ms)


def answer_draw(
    world: World, game: Game, color: chess.Color, *, yes: bool, now_ms: float
) -> list[Outgoing]:
    """Offer, accept or decline a draw; what is not possible has no effect."""
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


def offer_draw(game: Game, color: chess.Color, now_ms: float) -> list[Outgoing]:
    """Offer a draw if the rules let this side do so now."""
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
    return [GameLine(game.id, game_state(game, now_ms), game.ply)]


def say(game: Game, account: Account, room: str, text: str) -> list[Outgoing]:
    """Write a line of chat, which its author reads too.

    Raises:
        Refusal: no such room, or the text is empty or too long.
    """
    if room not in {"player", "spectator"}:
        raise form_error("room", "Invalid value")
    if not 1 <= len(text) <= _LONGEST_CHAT:
        raise form_error("text", f"Must be between 1 and {_LONGEST_CHAT} characters")
    game.chat.append((room, account.name, text))
    line = {"type": "chatLine", "room": room, "username": account.name, "text": text}
    return [GameLine(game.id, encode(line), -1)]


def _announce(kind: str, game: Game, now_ms: float) -> list[Outgoing]:
    return [
        EventLine(seat.user_id, game_event(kind, game, color, now_ms, live=True))
        for color, seat in game.seats.items()
    ]
