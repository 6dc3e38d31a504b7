"""Whether the promise held: the sandbox's ledger against the faults and the intended moves.

Pure; all times are Unix ms. A game is lost when it ended by our flag, our resignation, an abort
or our absence, or not at all, although we had two seconds left when the fault began.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any, Final

import chess

FAIR_LEFT_MS: Final = 2000
UNTIMED_PLIES: Final = 2
"""Lichess starts the clocks with the second move."""
ON_THE_BOARD: Final = frozenset({"mate", "stalemate", "draw"})
BY_THE_OPPONENT: Final = frozenset({"outoftime", "resign", "timeout"})
"""A proper end if we win by it."""
SHOWN_MS: Final = 20_000
PLAYS_ON_MS: Final = 10_000
"""A second cut within this time makes an actor without an answer wait (crabstick/game/lease.py)."""
ANSWERED: Final = frozenset({"accepted", "declined"})

Ledger = Mapping[str, Any]
Game = Mapping[str, Any]
Challenge = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault as it was injected."""

    number: int
    kind: str
    began_ms: float
    recovered_ms: float | None
    """When the bot was healthy again; None when it was not in time."""
    games: tuple[str, ...] = ()
    """The games that the fault could affect."""
    blocks_events: bool = False
    """Whether challenges could not be received meanwhile."""
    problem: str = ""
    """What was still wrong after the time for recovery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntendedMove:
    """A move that an actor was about to post."""

    game: str
    ply: int
    """Moves before it."""
    uci: str
    actor: str
    at_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A promise that was broken; `game` is empty when it is about no game."""

    law: str
    detail: str
    game: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one fault cost one game."""

    fault: int
    game: str
    lost_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result of a run."""

    games: int
    challenges: int
    unheard: int
    """Challenges that Lichess dropped before the bot could receive them."""
    moves: int
    usual_ms: float
    """What a move of ours takes when nothing is injected."""
    breaches: tuple[Breach, ...]
    lost: Mapping[str, int]
    """The games that were lost, and the number of the fault before it; 0 for none."""
    costs: tuple[Cost, ...]

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        return not self.breaches


def judge(
    ledger: Ledger, intended: Sequence[IntendedMove], faults: Sequence[Fault], bot: str
) -> Verdict:
    """Reads everything that happened."""
    games = [game for game in ledger["games"] if bot in {game["white"], game["black"]}]
    usual_ms = _usual_ms(games, faults, bot)
    lost = {game["id"]: why for game in games if (why := _loss_of(game, faults, bot))}
    breaches = (
        *(Breach(law="a game was lost", detail=why, game=game) for game, why in lost.items()),
        *_unanswered(ledger, faults, bot),
        *_unintended(games, intended, bot),
        *_decided_twice(intended),
        *_late_moves(intended),
        *_unrecovered(faults),
    )
    return Verdict(
        games=len(games),
        challenges=sum(_is_for(challenge, bot) for challenge in ledger["challenges"]),
        unheard=sum(_is_unheard(challenge, faults, bot) for challenge in ledger["challenges"]),
        moves=sum(move["by"] == bot for game in games for move in game["moves"]),
        usual_ms=usual_ms,
        breaches=breaches,
        lost={game["id"]: _cause(game, faults) for game in games if game["id"] in lost},
        costs=tuple(_costs(games, faults, bot, usual_ms)),
    )


# Games.


def _loss_of(game: Game, faults: Sequence[Fault], bot: str) -> str:
    """Why a game counts as lost; empty when it does not."""
    if game["ended_ms"] is None:
        return "it never ended"
    status, winner = game["status"], game["winner"]
    if status in ON_THE_BOARD or (status in BY_THE_OPPONENT and winner == _color(game, bot)):
        return ""
    number = _cause(game, faults)
    began_ms = next((f.began_ms for f in faults if f.number == number), None)
    if status == "outoftime" and began_ms is not None:
        left_ms = _left_ms(game, bot, began_ms)
        if left_ms < FAIR_LEFT_MS:
            return ""
        return f"our flag fell, with {left_ms:.0f} ms left when fault {number} began"
    return f"it ended by {status}, won by {winner or 'nobody'}, at fault {number}"


def _cause(game: Game, faults: Sequence[Fault]) -> int:
    """The last fault that began before the game ended."""
    ended_ms = game["ended_ms"] or float("inf")
    before = [fault for fault in faults if fault.began_ms <= ended_ms]
    last = max(before, key=lambda fault: fault.began_ms, default=None)
    return last.number if last else 0


def _left_ms(game: Game, bot: str, at_ms: float) -> float:
    """What our clock showed at that moment."""
    moves = [move for move in game["moves"] if move["received_ms"] <= at_ms]
    ours = [move["left_ms"] for move in moves if move["by"] == bot]
    left_ms = ours[-1] if ours else game["clock"]["limit_s"] * 1000
    runs = len(moves) >= UNTIMED_PLIES and moves[-1]["by"] != bot
    return float(left_ms - (at_ms - moves[-1]["received_ms"] if runs else 0))


def _color(game: Game, bot: str) -> str:
    return "white" if game["white"] == bot else "black"


# Challenges.


def _unanswered(ledger: Ledger, faults: Sequence[Fault], bot: str) -> Iterator[Breach]:
    for challenge in ledger["challenges"]:
        is_answered = challenge["outcome"] in ANSWERED
        if _is_for(challenge, bot) and not (is_answered or _is_unheard(challenge, faults, bot)):
            yield Breach(
                law="a challenge was not answered",
                detail=f"it is {challenge['outcome']}, made at {challenge['made_ms']:.0f}",
                game=challenge["id"],
            )


def _is_unheard(challenge: Challenge, faults: Sequence[Fault], bot: str) -> bool:
    """Lichess shows a challenge for 20 s; a bot without a stream in that time never gets it."""
    if challenge["outcome"] in ANSWERED or not _is_for(challenge, bot):
        return False
    made_ms = challenge["made_ms"]
    return any(
        fault.blocks_events and _overlaps(fault, made_ms, made_ms + SHOWN_MS) for fault in faults
    )


def _is_for(challenge: Challenge, bot: str) -> bool:
    return str(challenge["target"]).lower() == bot.lower()


# Moves.


def _unintended(
    games: Sequence[Game], intended: Sequence[IntendedMove], bot: str
) -> Iterator[Breach]:
    """Every move that the server took was chosen by an actor, for that very ply."""
    known = {(one.game, one.ply, one.uci) for one in intended}
    for game in games:
        board = chess.Board()
        for move in game["moves"]:
            played = board.parse_uci(move["uci"])  # castling has one form from here on
            if move["by"] == bot and (game["id"], board.ply(), board.uci(played)) not in known:
                yield Breach(
                    law="a move was not intended for its ply",
                    detail=f"{move['uci']} at ply {board.ply()}",
                    game=game["id"],
                )
            board.push(played)


def _decided_twice(intended: Sequence[IntendedMove]) -> Iterator[Breach]:
    """One actor sends one move for one ply; its successor may choose another move."""
    decided: dict[tuple[str, int, str], str] = {}
    for one in intended:
        first = decided.setdefault((one.game, one.ply, one.actor), one.uci)
        if first != one.uci:
            yield Breach(
                law="a ply was decided twice",
                detail=f"{first} and {one.uci} at ply {one.ply} by {one.actor}",
                game=one.game,
            )


def _late_moves(intended: Sequence[IntendedMove]) -> Iterator[Breach]:
    """A replaced actor that cannot ask for its lease plays on for a moment, and then stops."""
    began_ms: dict[str, dict[str, float]] = {}
    for one in sorted(intended, key=lambda one: one.at_ms):
        actors = began_ms.setdefault(one.game, {})
        actors.setdefault(one.actor, one.at_ms)
        after = [at_ms for at_ms in actors.values() if at_ms > actors[one.actor]]
        if after and one.at_ms - min(after) > PLAYS_ON_MS:
            yield Breach(
                law="an actor sent a move long after its successor had",
                detail=f"{one.uci} at ply {one.ply} by {one.actor}",
                game=one.game,
            )


# Time.


def _unrecovered(faults: Sequence[Fault]) -> Iterator[Breach]:
    for fault in faults:
        if fault.recovered_ms is None:
            yield Breach(
                law="all was not well again in time",
                detail=f"after fault {fault.number}, {fault.kind}: {fault.problem}",
            )


def _thoughts(game: Game, bot: str) -> Iterator[tuple[float, float]]:
    """When our turn began and when our move came, for each of ours on a running clock."""
    for theirs, ours in pairwise(game["moves"]):
        if ours["by"] == bot and ours["ply"] > UNTIMED_PLIES:
            yield theirs["received_ms"], ours["received_ms"]


def _usual_ms(games: Sequence[Game], faults: Sequence[Fault], bot: str) -> float:
    quiet = [
        moved_ms - turn_ms
        for game in games
        for turn_ms, moved_ms in _thoughts(game, bot)
        if not any(_overlaps(fault, turn_ms, moved_ms) for fault in faults)
    ]
    return median(quiet) if quiet else 0.0


def _overlaps(fault: Fault, turn_ms: float, moved_ms: float) -> bool:
    over_ms = float("inf") if fault.recovered_ms is None else fault.recovered_ms
    return turn_ms <= over_ms and moved_ms >= fault.began_ms


def _costs(
    games: Sequence[Game], faults: Sequence[Fault], bot: str, usual_ms: float
) -> Iterator[Cost]:
    """How much longer than usual moves took, for each game that a fault affected."""
    by_id = {game["id"]: game for game in games}
    for fault in faults:
        for game_id in filter(by_id.__contains__, fault.games):
            spent = [
                moved_ms - turn_ms - usual_ms
                for turn_ms, moved_ms in _thoughts(by_id[game_id], bot)
                if _overlaps(fault, turn_ms, moved_ms)
            ]
            lost_ms = sum(max(0.0, above_ms) for above_ms in spent)
            yield Cost(fault=fault.number, game=game_id, lost_ms=lost_ms)
