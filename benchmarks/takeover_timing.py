"""Pure: what a change of actors cost a game, from the sandbox's ledger; all times are Unix ms."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from crabstick.rules.time_management import UNTIMED_PLIES

Ledger = Mapping[str, Any]
Game = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """A game got another actor, which opened the stream anew and later sent a move."""

    game: str
    opened_ms: float
    turn_ms: float
    """When the opponent's move arrived at the server, and our clock began to run."""
    moved_ms: float
    """When our move arrived at the server."""

    @property
    def is_hit(self) -> bool:
        """Whether our clock was running when the new actor opened the stream."""
        return self.turn_ms < self.opened_ms

    def lost_ms(self, think_ms: float) -> float:
        """What our clock lost beside the engine's thinking."""
        return self.moved_ms - self.turn_ms - think_ms


def takeovers_of(ledger: Ledger, bot: str) -> list[Takeover]:
    """Every stream of a game after its first, with the first move that came after it."""
    takeovers = []
    for game in ledger["games"]:
        for opened_ms in _openings(ledger, game, bot)[1:]:
            turn = next((t for t in _turns(game, bot) if t[1] > opened_ms), None)
            if turn is not None:
                times = {"opened_ms": opened_ms, "turn_ms": turn[0], "moved_ms": turn[1]}
                takeovers.append(Takeover(game=game["id"], **times))
    return takeovers


def plain_losses_ms(
    games: Collection[Game], bot: str, takeovers: Collection[Takeover], think_ms: float
) -> list[float]:
    """What our clock lost at each move that does not follow a change of actors."""
    first_moves = {(takeover.game, takeover.moved_ms) for takeover in takeovers}
    return [
        moved_ms - turn_ms - think_ms
        for game in games
        for turn_ms, moved_ms in _turns(game, bot)
        if (game["id"], moved_ms) not in first_moves
    ]


def reopened_ms(ledger: Ledger, game_id: str, bot: str, after_ms: float) -> float | None:
    """When the stream of a game was next opened after `after_ms`; None if never."""
    game = next(game for game in ledger["games"] if game["id"] == game_id)
    later = (opened for opened in _openings(ledger, game, bot) if opened > after_ms)
    return next(later, None)


def _openings(ledger: Ledger, game: Game, bot: str) -> list[float]:
    return sorted(
        stream["opened_ms"]
        for stream in ledger["streams"]
        if stream["game"] == game["id"] and stream["user"].lower() == bot.lower()
    )


def _turns(game: Game, bot: str) -> Iterator[tuple[float, float]]:
    """For each of our moves on a running clock: when the opponent's move came, and when ours."""
    for theirs, ours in zip(game["moves"], game["moves"][1:], strict=False):
        if ours["by"] == bot and ours["ply"] > UNTIMED_PLIES:
            yield theirs["received_ms"], ours["received_ms"]
