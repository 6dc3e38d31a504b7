"""Plays a move: parse, check, charge the clock, write the line for both players.

Pure except for changes to the `SandboxGame`. This is the hot path: each game advances one board,
the line is encoded once for both players, and nothing is replayed.
"""

import re
from contextlib import suppress
from dataclasses import dataclass

import chess

from crabstick.sandbox.errors import ApiError, api_error
from crabstick.sandbox.games import (
    Ending,
    answer_draw,
    end,
    ending_on_board,
    flag,
    offer_draw,
    state_line,
)
from crabstick.sandbox.state import MoveRecord, SandboxGame, World
from crabstick.sandbox.streams import Message
from crabstick.sandbox.vocabulary import Status

_UCI = re.compile(r"(?:([a-h][1-8])|([PNBRQK])@)([a-h][1-8])(.?)")
_PROMOTIONS = {letter: chess.PIECE_SYMBOLS.index(letter) for letter in "qrbnk"}
_LONGEST_GAME_PLIES = 600
_LAST_RANKS = (0, 7)


@dataclass(frozen=True, slots=True)
class MoveRequest:
    """A move as received."""

    uci: str
    color: chess.Color
    """The sender's colour."""
    received_ms: float
    user_agent: str
    offering_draw: bool = False


def play(world: World, game: SandboxGame, request: MoveRequest) -> list[Message]:
    """Plays a move; afterwards `game` includes the move or has ended.

    Raises:
        ApiError: the move is malformed, out of turn, or illegal; the ledger records the attempt.
    """
    try:
        return _play(world, game, request)
    except ApiError as error:
        by, at_ms = game.players[request.color].id, request.received_ms
        world.ledger.refused_moves.append(
            {"game": game.id, "uci": request.uci, "by": by, "why": error.reason, "at_ms": at_ms}
        )
        raise


def _play(world: World, game: SandboxGame, request: MoveRequest) -> list[Message]:
    now_ms = request.received_ms
    move = _read(request.uci)
    if not game.is_running or game.board.turn is not request.color:
        raise api_error("Not your turn, or game already over")
    if game.clock.flagged(now_ms):
        return flag(world, game, now_ms)
    offers: list[Message] = []
    if request.offering_draw:
        if game.draw_offer is (not request.color):
            return answer_draw(world, game, request.color, yes=True, now_ms=now_ms)
        offers = offer_draw(game, request.color, now_ms)
    if game.ply >= _LONGEST_GAME_PLIES:
        return [*offers, *end(world, game, Ending(Status.draw), now_ms)]
    return [*offers, *_advance(world, game, _legal(game, move), request)]


def _advance(
    world: World, game: SandboxGame, move: chess.Move, request: MoveRequest
) -> list[Message]:
    """Puts the move on the board and returns the messages about it."""
    now_ms = request.received_ms
    king_to_rook = world.options.king_to_rook or game.terms.variant.key != "standard"
    shown = game.board.uci(move, chess960=king_to_rook)
    shown_ply, shown_ms = game.shown[request.color]
    overhead_ms = round(now_ms - shown_ms, 3) if game.ply and shown_ply == game.ply else None
    game.push(move)
    game.moves_text = f"{game.moves_text} {shown}" if game.moves else shown
    ending = ending_on_board(game)
    _charge(game, now_ms, over=ending is not None)
    game.moves.append(
        MoveRecord(
            game.ply + 1,
            shown,
            game.players[request.color].id,
            now_ms,
            request.user_agent,
            overhead_ms,
            game.clock.left_ms(request.color, now_ms),
        )
    )
    game.changed_ms = now_ms
    if ending is not None:
        return end(world, game, ending, now_ms)
    line = state_line(game, now_ms)
    if game.draw_offer is (not request.color):  # the line above still shows the offer
        game.draw_offer = None
    return [line]


def _charge(game: SandboxGame, now_ms: float, *, over: bool) -> None:
    """Presses the clock; it starts after the second move, and an ending earns no increment."""
    if over:
        game.clock = game.clock.stopped(now_ms)
    elif game.ply == 1:  # this is the second move
        game.clock = game.clock.started(game.board.turn, now_ms)
    else:
        game.clock = game.clock.pressed(now_ms)


def _read(text: str) -> chess.Move:
    """Parses a move: two squares and an optional letter, of `qrbnk`, or a drop such as `N@f3`."""
    match = _UCI.fullmatch(text)
    if match is None:
        raise api_error(f"Invalid UCI: {text}")
    to_square = chess.parse_square(match[3])
    if match[2]:
        return chess.Move(to_square, to_square, drop=chess.PIECE_SYMBOLS.index(match[2].lower()))
    return chess.Move(chess.parse_square(match[1]), to_square, _PROMOTIONS.get(match[4]))


def _legal(game: SandboxGame, move: chess.Move) -> chess.Move:
    """The legal move that is meant; promotion defaults to a queen.

    Castling is read in both notations, in chess960 only king to rook.
    """
    board = game.board
    is_pawn = board.piece_type_at(move.from_square) == chess.PAWN
    if move.promotion is None and is_pawn and chess.square_rank(move.to_square) in _LAST_RANKS:
        move = chess.Move(move.from_square, move.to_square, chess.QUEEN)
    with suppress(ValueError):
        legal = board.parse_uci(move.uci())
        if legal == move or game.terms.variant.key != "chess960":
            return legal
    to_square = chess.square_name(move.to_square)
    if move.drop:
        raise api_error(f"Can't drop {chess.piece_name(move.drop).title()} on {to_square}")
    raise api_error(f"Piece on {chess.square_name(move.from_square)} cannot move to {to_square}")
