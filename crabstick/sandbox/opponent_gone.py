"""Absent players: the `opponentGone` countdown, and claims of a win or a draw.

Pure except for changes to the `SandboxGame`. Source: Lichess API, Bot.
"""

import chess

from crabstick.sandbox.errors import api_error
from crabstick.sandbox.games import Ending, can_mate, end
from crabstick.sandbox.lichess_json import encode
from crabstick.sandbox.state import SandboxGame, World
from crabstick.sandbox.streams import GameMessage, StreamMessage
from crabstick.sandbox.vocabulary import TIMEOUT

_WAIT_S = {"bullet": 40, "blitz": 40, "rapid": 80, "classical": 120}
_SHORTEST_WAIT_S = 10
_HOPELESS_PAWNS = 4
_GRACE_MS = 1_000
_EVERY_MS = 5_000
_SPARE_CLOCK_MS = 3_000
_REFUSAL_DELAY_S = 0.5
_VALUES = {chess.PAWN: 1, chess.KNIGHT: 3, chess.BISHOP: 3, chess.ROOK: 5, chess.QUEEN: 9}


def count_down(world: World, game: SandboxGame, now_ms: float) -> list[StreamMessage]:
    """The countdown for each side whose opponent is absent, about every 5 s."""
    if not _can_be_claimed(game):
        return []
    messages: list[StreamMessage] = []
    for absent in chess.COLORS:
        messages.extend(_count_down_one(world, game, absent, now_ms))
    return messages


def claim_victory(
    world: World, game: SandboxGame, color: chess.Color, now_ms: float
) -> list[StreamMessage]:
    """Wins because the opponent is gone; no effect where claims are impossible.

    Raises:
        ApiError: the opponent is not gone for long enough.
    """
    if not _may_claim(world, game, color, now_ms, "the win"):
        return []
    return end(world, game, Ending(TIMEOUT, color if can_mate(game, color) else None), now_ms)


def claim_draw(
    world: World, game: SandboxGame, color: chess.Color, now_ms: float
) -> list[StreamMessage]:
    """Draws because the opponent is gone, under the conditions of `claim_victory`."""
    if not _may_claim(world, game, color, now_ms, "draw"):
        return []
    return end(world, game, Ending(TIMEOUT), now_ms)


def _may_claim(
    world: World, game: SandboxGame, color: chess.Color, now_ms: float, claimed: str
) -> bool:
    if not _can_be_claimed(game) or game.board.turn is color:
        return False
    if _remaining_ms(world, game, not color, now_ms) > 0:
        raise api_error(f"You cannot claim {claimed} on this game", delay_s=_REFUSAL_DELAY_S)
    return True


def _count_down_one(
    world: World, game: SandboxGame, absent: chess.Color, now_ms: float
) -> list[StreamMessage]:
    away_ms = _away_ms(world, game, absent, now_ms)
    remaining_ms = _remaining_ms(world, game, absent, now_ms)
    last_sent_ms = game.countdown.get(absent)
    if away_ms == 0:
        was_claimable = game.countdown.pop(absent, None) is not None and game.claimable[absent]
        game.claimable[absent] = False
        return [_message(game, not absent, {"gone": False})] if was_claimable else []
    if away_ms < _EVERY_MS or (
        last_sent_ms is not None and now_ms - last_sent_ms < _EVERY_MS - 500
    ):
        return []
    clock_ms = game.clock.left_ms(absent, now_ms)
    if remaining_ms > 0 and clock_ms <= remaining_ms + _SPARE_CLOCK_MS:
        return []
    game.countdown[absent] = now_ms
    game.claimable[absent] = remaining_ms <= 0
    seconds = max(0, round(remaining_ms / 1000))
    return [_message(game, not absent, {"gone": True, "claimWinInSeconds": seconds})]


def _message(game: SandboxGame, reader: chess.Color, fields: dict[str, bool | int]) -> GameMessage:
    return GameMessage(game.id, encode({"type": "opponentGone", **fields}), -1, reader)


def _can_be_claimed(game: SandboxGame) -> bool:
    """Whether a win can ever be claimed: both moved, there is a clock, no rule against it."""
    return (
        game.is_running
        and game.both_moved
        and game.terms.clock is not None
        and "noClaimWin" not in game.terms.rules
    )


def _away_ms(world: World, game: SandboxGame, color: chess.Color, now_ms: float) -> float:
    user_id = game.players[color].user_id
    away_ms = world.presence.away_ms(user_id, game.id, game.created_ms, now_ms)
    return max(0.0, away_ms - _GRACE_MS)


def _remaining_ms(world: World, game: SandboxGame, absent: chess.Color, now_ms: float) -> float:
    """How much longer a player must be absent; at 0 or below the win can be claimed."""
    wait_s = _WAIT_S.get(game.terms.speed, max(_WAIT_S.values()))
    by_material = game.terms.variant.key not in {"antichess", "crazyhouse", "horde"}
    if by_material and _behind(game.board, absent) >= _HOPELESS_PAWNS:
        wait_s //= 3
    away_ms = _away_ms(world, game, absent, now_ms)
    return max(_SHORTEST_WAIT_S, wait_s) * 1000 - away_ms


def _behind(board: chess.Board, color: chess.Color) -> int:
    """By how many pawns a side is down."""
    return sum(
        value * (len(board.pieces(piece, not color)) - len(board.pieces(piece, color)))
        for piece, value in _VALUES.items()
    )
