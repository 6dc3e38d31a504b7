"""Ledgers made by hand: games that are played as given, with a clock that is right."""

from typing import Any

from tests.chaos.verdict import Fault, IntendedMove

BOT = "crabstick"
RIVAL = "rival1"
GAME = "abcdefgh"
LIMIT_S = 120
FOOLS_MATE = ("f2f3", "e7e5", "g2g4", "d8h4")


def a_game(
    *moves: tuple[str, float], status: str = "mate", winner: str | None = "black", **more: Any
) -> dict[str, Any]:
    """A game with the bot as Black; each move with the moment of its arrival, in ms."""
    left_ms = {"white": LIMIT_S * 1000.0, "black": LIMIT_S * 1000.0}
    played = []
    for number, (uci, at_ms) in enumerate(moves):
        color = ("white", "black")[number % 2]
        if number > 1:
            left_ms[color] -= at_ms - moves[number - 1][1]
        played.append(
            {
                "ply": number + 1,
                "uci": uci,
                "by": BOT if color == "black" else RIVAL,
                "received_ms": at_ms,
                "left_ms": left_ms[color],
            }
        )
    ended_ms = moves[-1][1] if moves else 1000.0
    game = {
        "id": GAME,
        "white": RIVAL,
        "black": BOT,
        "clock": {"limit_s": LIMIT_S, "increment_s": 0},
        "status": status,
        "winner": winner,
        "created_ms": 0.0,
        "ended_ms": ended_ms,
        "moves": played,
    }
    return game | more


def a_won_game(at_ms: tuple[float, float, float, float] = (0, 200, 1000, 1200)) -> dict[str, Any]:
    """The shortest that there is."""
    return a_game(*zip(FOOLS_MATE, at_ms, strict=True))


def a_challenge(outcome: str = "accepted", **more: Any) -> dict[str, Any]:
    """One that the bot got."""
    return {
        "id": GAME,
        "challenger": RIVAL,
        "target": BOT,
        "outcome": outcome,
        "made_ms": 0.0,
        "answered_ms": 10.0,
    } | more


def a_ledger(*games: dict[str, Any], challenges: tuple[Any, ...] | None = None) -> dict[str, Any]:
    """What the sandbox saw."""
    return {"games": games, "challenges": (a_challenge(),) if challenges is None else challenges}


def intended(*games: dict[str, Any]) -> list[IntendedMove]:
    """What honest actors have logged of these games."""
    return [
        IntendedMove(
            game=game["id"],
            ply=move["ply"] - 1,
            uci=move["uci"],
            actor="engine:1",
            at_ms=move["received_ms"] - 1,
        )
        for game in games
        for move in game["moves"]
        if move["by"] == BOT
    ]


def a_fault(began_ms: float = 500, recovered_ms: float | None = 1500, **more: Any) -> Fault:
    """Something happened, to the one game."""
    given: dict[str, Any] = {"number": 1, "kind": "actor killed, waiting", "games": (GAME,)}
    return Fault(began_ms=began_ms, recovered_ms=recovered_ms, **given | more)
