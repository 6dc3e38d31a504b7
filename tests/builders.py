"""Builders of our values with sensible defaults: a test names only what it is about."""

from datetime import timedelta
from typing import Any

from crabstick.rules.challenges import ChallengePolicy
from crabstick.rules.lichess_types import (
    Challenge,
    Clock,
    GameFull,
    GameId,
    GameState,
    LichessPlayer,
)

BOT = "crabstick"


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def a_clock(initial_s: float = 300, increment_s: float = 3) -> Clock:
    return Clock(initial=seconds(initial_s), increment=seconds(increment_s))


def a_challenge(**changes: Any) -> Challenge:
    fields: dict[str, Any] = {
        "id": GameId("abcdefgh"),
        "challenger": LichessPlayer(name="Alice", rating=1500),
        "dest_user": LichessPlayer(name=BOT, title="BOT"),
        "variant": "standard",
        "rated": False,
        "speed": "blitz",
        "clock": a_clock(),
        "time_control": "clock",
    }
    return Challenge(**{**fields, **changes})


def a_policy(**changes: Any) -> ChallengePolicy:
    fields: dict[str, Any] = {
        "variants": frozenset({"standard"}),
        "time_controls": frozenset({"bullet", "blitz", "rapid", "classical"}),
        "modes": frozenset({"casual", "rated"}),
        "min_initial_s": 30,
        "max_initial_s": 1800,
        "min_increment_s": 0,
        "max_increment_s": 20,
    }
    return ChallengePolicy(**{**fields, **changes})


def a_state(moves: str = "", **changes: Any) -> GameState:
    fields: dict[str, Any] = {
        "moves": tuple(moves.split()),
        "white_time": seconds(60),
        "black_time": seconds(60),
        "white_increment": seconds(0),
        "black_increment": seconds(0),
        "status": "started",
    }
    return GameState(**{**fields, **changes})


def a_full(moves: str = "", *, we_play: str = "white", **changes: Any) -> GameFull:
    us, them = LichessPlayer(name=BOT, title="BOT"), LichessPlayer(name="Alice")
    fields: dict[str, Any] = {
        "id": GameId("abcdefgh"),
        "variant": "standard",
        "rated": False,
        "speed": "blitz",
        "white": us if we_play == "white" else them,
        "black": them if we_play == "white" else us,
        "initial_fen": "startpos",
        "clock": a_clock(),
        "state": a_state(moves),
    }
    return GameFull(**{**fields, **changes})
