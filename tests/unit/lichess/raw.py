"""Builders of Lichess's JSON: typical objects, with replaceable fields."""

from typing import Any

Json = dict[str, Any]


def a_challenge(**fields: object) -> Json:
    return {
        "id": "jUHbU3aa",
        "url": "https://lichess.org/jUHbU3aa",
        "status": "created",
        "challenger": {"id": "zeekat", "name": "zeekat", "title": "BOT", "rating": 2100},
        "destUser": {"id": "crabby", "name": "Crabby", "title": "BOT", "rating": 2000},
        "variant": {"key": "standard", "name": "Standard", "short": "Std"},
        "rated": True,
        "speed": "blitz",
        "timeControl": {"type": "clock", "limit": 300, "increment": 3, "show": "5+3"},
        "color": "random",
        "finalColor": "white",
        "perf": {"icon": "#", "name": "Blitz"},
        **fields,
    }


def a_challenge_event(**fields: object) -> Json:
    return an_event("challenge", challenge=a_challenge(**fields))


def a_game(**fields: object) -> Json:
    return {
        "fullId": "jUHbU3aaX9Yz",
        "gameId": "jUHbU3aa",
        "fen": "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1",
        "color": "white",
        "lastMove": "",
        "source": "friend",
        "status": {"id": 20, "name": "started"},
        "variant": {"key": "standard", "name": "Standard"},
        "speed": "blitz",
        "perf": "blitz",
        "rated": True,
        "hasMoved": False,
        "opponent": {"id": "zeekat", "username": "BOT zeekat", "rating": 2100},
        "isMyTurn": True,
        "secondsLeft": 300,
        "compat": {"bot": True, "board": True},
        "id": "jUHbU3aa",
        **fields,
    }


def an_event(kind: str, **fields: object) -> Json:
    return {"type": kind, **fields}


def a_state(**fields: object) -> Json:
    return {
        "type": "gameState",
        "moves": "e2e4 e7e5",
        "wtime": 300_000,
        "btime": 299_500,
        "winc": 3000,
        "binc": 3000,
        "status": "started",
        **fields,
    }


def a_full(**fields: object) -> Json:
    return {
        "type": "gameFull",
        "id": "jUHbU3aa",
        "variant": {"key": "standard", "name": "Standard", "short": "Std"},
        "speed": "blitz",
        "perf": {"name": "Blitz"},
        "rated": True,
        "createdAt": 1_700_000_000_000,
        "white": {"id": "crabby", "name": "Crabby", "title": "BOT", "rating": 2000},
        "black": {"id": "ann", "name": "Ann", "title": None, "rating": 1500, "provisional": True},
        "initialFen": "startpos",
        "clock": {"initial": 300_000, "increment": 3000},
        "state": a_state(),
        **fields,
    }
