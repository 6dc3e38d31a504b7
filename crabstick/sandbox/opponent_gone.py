"""Absent players: the `opponentGone` countdown, and claims of a win or a draw.

Pure except for changes to the `SandboxGame`. Source: Lichess API, Bot.
"""

import chess

from crabstick.sandbox.errors import api_error
from crabstick.sandbox.games import Ending, can_mate, end
from crabstick.sandbox.lichess_json import encode
from crabstick.sandbox.state import SandboxGame, World
from crabstick.sandbox.streams import Message
from crabstick.sandbox.vocabulary import Status

_WAIT_S = {"bullet": 40, "blitz": 40, "rapid": 80, "classical": 120}
_SHORTEST_WAIT_S = 10
_HOPELESS_PAWNS = 4
_GRACE_MS = 1_000
_EVERY_MS = 5_000
_SPARE_CLOCK_MS = 3_000
_REFUSAL_DELAY_S = 0.5
_VALUES = {chess.PAWN: 1, chess.KNIGHT: 3, chess.BISHOP: 3, chess.ROOK: 5, chess.QUEEN: 9}


def count_down(world: World, game: SandboxGame, now_ms: float) -> list[Message]:
    """The countdown for each side whose opponent is absent, about every 5 s."""
    if not _can_be_claimed(game):
        return []
    lines = (_count_down_one(world, game, absent, now_ms) for absent in chess.COLORS)
    return [line for line in lines if line is not None]


def claim(
    world: World, game: SandboxGame, color: chess.Color, now_ms: float, *, draw: bool = False
) -> list[Message]:
    """Wins, or draws, because the opponent is gone; no effect where claims are impossible.

    Raises:
        ApiError: the opponent is not gone for long enough.
    """
    if not _can_be_claimed(game) or game.board.turn is color:
        return []
    if _remaining_ms(world, game, not color, now_ms) > 0:
        claimed = "draw" if draw else "the win"
        raise api_error(f"You cannot claim {claimed} on this game", delay_s=_REFUSAL_DELAY_S)
    winner = color if can_mate(game, color) and not draw else None
    return end(world, game, Ending(Status.timeout, winner), now_ms)


def _count_down_one(
    world: World, game: SandboxGame, absent: chess.Color, now_ms: float
) -> Message | None:
    away_ms = _away_ms(world, game, absent, now_ms)
    remaining_ms = _remaining_ms(world, game, absent, now_ms)
    if away_ms == 0:
        _, was_claimable = game.countdown.pop(absent, (0.0, False))
        return _message(game, not absent, {"gone": False}) if was_claimable else None
    last_sent_ms, _ = game.countdown.get(absent, (float("-inf"), False))
    if away_ms < _EVERY_MS or now_ms - last_sent_ms < _EVERY_MS - 500:
        return None
    clock_ms = game.clock.left_ms(absent, now_ms)
    if remaining_ms > 0 and clock_ms <= remaining_ms + _SPARE_CLOCK_MS:
        return None
    game.countdown[absent] = (now_ms, remaining_ms <= 0)
    seconds = max(0, round(remaining_ms / 1000))
    return _message(game, not absent, {"gone": True, "claimWinInSeconds": seconds})


def _message(game: SandboxGame, reader: chess.Color, fields: dict[str, bool | int]) -> Message:
    return Message("game", game.id, encode({"type": "opponentGone", **fields}), reader=reader)


def _can_be_claimed(game: SandboxGame) -> bool:
    """Whether a win can ever be claimed: both moved, there is a clock, no rule against it."""
    return (
        game.is_running
        and game.both_moved
        and game.terms.clock is not None
        and "noClaimWin" not in game.terms.rules
    )


def _away_ms(world: World, game: SandboxGame, color: chess.Color, now_ms: float) -> float:
    user_id = game.players[color].id
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
