"""Playing a move: reading it, judging it, charging the clock, telling both players.

Pure but for the `Game` it changes. This is the hot path: one board per game is moved on, the line
is rendered once for both players, and nothing is replayed.
"""

import re
from dataclasses import dataclass

import chess

from crabstick.sandbox.endings import Ending, by_the_board
from crabstick.sandbox.errors import Refusal, refused
from crabstick.sandbox.games import answer_draw, end, flag, offer_draw
from crabstick.sandbox.ledger import MoveRecord, RefusedMove
from crabstick.sandbox.messages import GameLine, Outgoing
from crabstick.sandbox.render import game_state
from crabstick.sandbox.state import Game, World, position_key
from crabstick.sandbox.vocabulary import DRAW

__all__ = ["MoveRequest", "play"]

_UCI = re.compile(r"([a-h][1-8])([a-h][1-8])(.?)")
_PROMOTIONS = {"q": chess.QUEEN, "r": chess.ROOK, "b": chess.BISHOP, "n": chess.KNIGHT}
_LONGEST_GAME_PLIES = 600


@dataclass(frozen=True, slots=True)
class MoveRequest:
    """A move as it came in."""

    uci: str
    color: chess.Color
    """Whose token sent it."""
    received_ms: float
    user_agent: str
    offering_draw: bool = False


def play(world: World, game: Game, request: MoveRequest) -> list[Outgoing]:
    """Play a move; afterwards `game` has moved on, or has ended.

    Raises:
        Refusal: the move is not one, not this side's, or illegal; the ledger keeps it.
    """
    try:
        move = _read(request.uci)
        _check_turn(game, request.color)
    except Refusal as refusal:
        _note(world, game, request, refusal)
        raise
    if game.clock.flagged(request.received_ms):
        return flag(world, game, request.received_ms)
    offers: list[Outgoing] = []
    if request.offering_draw:
        if game.draw_offer is (not request.color):
            return answer_draw(world, game, request.color, yes=True, now_ms=request.received_ms)
        offers = offer_draw(game, request.color, request.received_ms)
    if game.ply >= _LONGEST_GAME_PLIES:
        return [*offers, *end(world, game, Ending(DRAW), request.received_ms)]
    try:
        legal = _legal(game, move)
    except Refusal as refusal:
        _note(world, game, request, refusal)
        raise
    return [*offers, *_advance(world, game, legal, request)]


def _advance(world: World, game: Game, move: chess.Move, request: MoveRequest) -> list[Outgoing]:
    """Put the move on the board and tell of it."""
    now_ms = request.received_ms
    shown = game.board.uci(move, chess960=world.options.king_to_rook or game.board.chess960)
    shown_ply, shown_ms = game.shown[request.color]
    overhead_ms = now_ms - shown_ms if game.ply and shown_ply == game.ply else None
    game.board.push(move)
    game.seen[position_key(game.board)] += 1
    game.moves_text = f"{game.moves_text} {shown}" if game.moves else shown
    ending = by_the_board(game)
    _charge(game, now_ms, over=ending is not None)
    game.moves.append(
        MoveRecord(
            game.ply + 1,
            shown,
            game.seats[request.color].user_id,
            now_ms,
            request.user_agent,
            overhead_ms,
            game.clock.left_ms(request.color, now_ms),
        )
    )
    game.changed_ms = now_ms
    if ending is not None:
        return end(world, game, ending, now_ms)
    line = GameLine(game.id, game_state(game, now_ms), game.ply)
    if game.draw_offer is (not request.color):  # the line above still shows the offer
        game.draw_offer = None
    return [line]


def _charge(game: Game, now_ms: float, *, over: bool) -> None:
    """Turn the clock over; it starts with the second move, and an ending earns no increment."""
    if over:
        game.clock = game.clock.stopped(now_ms)
    elif game.ply == 1:  # this is the second move
        game.clock = game.clock.started(game.board.turn, now_ms)
    else:
        game.clock = game.clock.pressed(now_ms)


def _read(text: str) -> chess.Move:
    """Parse a move: two squares and a letter, of which only `qrbn` mean something."""
    match = _UCI.fullmatch(text)
    if match is None:
        raise refused(f"Invalid UCI: {text}")
    return chess.Move(
        chess.parse_square(match[1]), chess.parse_square(match[2]), _PROMOTIONS.get(match[3])
    )


def _check_turn(game: Game, color: chess.Color) -> None:
    if not game.is_running or game.board.turn is not color:
        raise refused("Not your turn, or game already over")


def _legal(game: Game, move: chess.Move) -> chess.Move:
    """Find the legal move that is meant: both ways to castle, and a bare promotion is a queen."""
    board = game.board
    if move.promotion is None and _reaches_last_rank(board, move):
        move = chess.Move(move.from_square, move.to_square, chess.QUEEN)
    if not board.chess960 and _takes_own_rook(board, move):
        move = _two_steps(move)
    if board.is_legal(move):
        return move
    piece = chess.square_name(move.from_square)
    raise refused(f"Piece on {piece} cannot move to {chess.square_name(move.to_square)}")


def _reaches_last_rank(board: chess.Board, move: chess.Move) -> bool:
    last = chess.BB_RANK_1 | chess.BB_RANK_8
    return bool(board.pawns & chess.BB_SQUARES[move.from_square]) and bool(
        last & chess.BB_SQUARES[move.to_square]
    )


def _takes_own_rook(board: chess.Board, move: chess.Move) -> bool:
    own = board.occupied_co[board.turn]
    return bool(own & board.kings & chess.BB_SQUARES[move.from_square]) and bool(
        own & board.rooks & chess.BB_SQUARES[move.to_square]
    )


def _two_steps(move: chess.Move) -> chess.Move:
    """Turn king-to-rook into the king's own two steps."""
    step = 2 if move.to_square > move.from_square else -2
    return chess.Move(move.from_square, move.from_square + step)


def _note(world: World, game: Game, request: MoveRequest, refusal: Refusal) -> None:
    world.ledger.refused_moves.append(
        RefusedMove(
            game=game.id,
            uci=request.uci,
            by=game.seats[request.color].user_id,
            why=refusal.reason,
            at_ms=request.received_ms,
        )
    )
